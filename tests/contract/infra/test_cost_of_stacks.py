"""`deploy cost` counts everything that the stacks make."""

from dataclasses import replace

import pytest

from hotseat_infra.deployment import Maintenance, Network
from hotseat_infra.pricing.monthly_bill import Speed, alarm_metrics, bill
from hotseat_infra.pricing.price_table import read_prices
from hotseat_infra.pricing.stage_bill import (
    BILLED,
    FREE,
    shared_costs,
    stage_alarm_metrics,
)
from hotseat_infra.pricing.traffic import Traffic

NETWORK = Network(
    "vpc-0a1b2c3d", ("subnet-0a1b2c3d", "subnet-1a1b2c3d"), ("sg-0a1b2c3d",)
)


@pytest.fixture(scope="module")
def stages(full, plain, everything, synthesize, tmp_path_factory):
    """Stages with every feature: public, by HTTP, and private with maintenance."""
    api = replace(everything.api, private=True, domain="", certificate="", zone="")
    far = replace(everything, api=replace(everything.api, latency=True))
    private = replace(
        everything, api=api, network=NETWORK, maintenance=Maintenance(1, 7)
    )
    made = [synthesize(tmp_path_factory.mktemp("more"), s) for s in (private, far)]
    return [full, plain, *made]


def resources(synthesized):
    """Return all resources of both stacks."""
    for template in (synthesized.registry, synthesized.service):
        yield from template.to_json()["Resources"].values()


def test_every_resource_is_in_the_bill_or_free_for_a_reason(stages):
    """A new type of resource fails here until somebody says what it costs."""
    table = read_prices()
    for synthesized in stages:
        (stage,) = synthesized.stages
        parts = set(shared_costs(stage, 1e6, table).parts)
        for name, model in stage.models.items():
            parts |= set(
                bill(name, model, stage.api.kind, Traffic(1e6), Speed(5), table).parts
            )
        for kind in {resource["Type"] for resource in resources(synthesized)}:
            assert (kind in BILLED) is not (kind in FREE), kind
            if kind in BILLED:
                assert BILLED[kind] in parts, kind


def test_the_metrics_that_alarms_read_are_counted(stages):
    """Each is billed; the bill's number is the templates'."""
    for synthesized in stages:
        (stage,) = synthesized.stages
        read = 0
        for resource in resources(synthesized):
            if resource["Type"] == "AWS::CloudWatch::Alarm":
                metrics = resource["Properties"].get("Metrics", [{"MetricStat": 1}])
                read += sum("MetricStat" in metric for metric in metrics)
        counted = sum(map(alarm_metrics, stage.models.values()))
        assert read == counted + stage_alarm_metrics(stage)

"""Every pair of deployment files that differ in one key deploys over the other.

Each change is synthesized once and compared in both directions with the stage that it
changes, by the rules of `local_cloud.update_rules`.
"""

import json
from dataclasses import replace

import pytest
from local_cloud.update_rules import exports, imports, is_replaced, refusals

from hotseat_infra.deployment import (
    Access,
    Alarms,
    Limits,
    Maintenance,
    Model,
    Network,
    Schedule,
)
from hotseat_infra.stacks import function_code


def api(stage, **changes):
    """Return the stage with some keys of its API changed."""
    return replace(stage, api=replace(stage.api, **changes))


def model(stage, name, **changes):
    """Return the stage with some keys of one model changed."""
    models = {**stage.models, name: replace(stage.models[name], **changes)}
    return replace(stage, models=models)


def models(stage, **changed):
    """Return the stage with models added; None removes one."""
    merged = {**stage.models, **changed}
    return replace(stage, models={n: m for n, m in merged.items() if m is not None})


NETWORK = Network(
    "vpc-0a1b2c3d", ("subnet-0a1b2c3d", "subnet-1a1b2c3d"), ("sg-0a1b2c3d",),
    ("rtb-0a1b2c3d",),
)  # fmt: skip
CERTIFICATE = "arn:aws:acm:eu-west-1:111122223333:certificate/c-2"
CHANGES = {
    "all models static": lambda s: replace(
        s, models={n: replace(m, mode="static", version=1)
                   for n, m in s.models.items()}),
    "all models dynamic": lambda s: model(s, "sokoban", mode="dynamic", version=None),
    "another version": lambda s: model(s, "sokoban", version=4),
    "a model added": lambda s: models(s, added=Model()),
    "a model added in a nested stack": lambda s: models(
        s, added=Model(stack="more")),
    "a model removed": lambda s: models(s, churn=None),
    "a default removed": lambda s: replace(
        models(s, sentiment=None), default_model="churn"),
    "another default": lambda s: replace(s, default_model="churn"),
    "routes swapped": lambda s: model(
        model(s, "sokoban", route="churn"), "churn", route="levels"),
    "a route named": lambda s: model(s, "churn", route="leavers"),
    "no provisioned concurrency": lambda s: model(
        s, "sentiment", provisioned_concurrency=0, schedule=None),
    "provisioned, no schedule": lambda s: model(s, "sentiment", schedule=None),
    "another schedule": lambda s: model(
        s, "sentiment", schedule=Schedule(9, 8, 20)),
    "snapstart for provisioned": lambda s: model(
        s, "sentiment", provisioned_concurrency=0, schedule=None, snapstart=True),
    "no snapstart": lambda s: model(s, "sokoban", snapstart=False),
    "no canary": lambda s: model(s, "sentiment", canary="ALL_AT_ONCE"),
    "a canary": lambda s: model(s, "churn", canary="CANARY_10_PERCENT_5_MINUTES"),
    "another machine": lambda s: model(s, "sokoban", architecture="arm64"),
    "more memory and storage": lambda s: model(
        s, "churn", memory_mb=4096, ephemeral_storage_mb=4096),
    "no reserved concurrency": lambda s: model(
        s, "sentiment", reserved_concurrency=None),
    "other thresholds": lambda s: model(s, "churn", alarms=Alarms(9, 9, 9, 9)),
    "an HTTP API": lambda s: api(s, kind="http", games=(), limits={}, waf=False),
    "no key": lambda s: api(s, games=(), limits={}),
    "keys for tokens": lambda s: api(s, access="", player_requests_per_second=0.0),
    "iam for tokens": lambda s: api(s, access="iam"),
    "another game": lambda s: api(s, games=("chess", "racing", "golf")),
    "a game removed": lambda s: api(s, games=("chess",), limits={}),
    "other limits": lambda s: api(s, limits={"chess": Limits(1, 2, 3)}),
    "no firewall": lambda s: api(s, waf=False),
    "no origins": lambda s: api(s, origins=()),
    "any origin": lambda s: api(s, origins=("*",)),
    "no domain": lambda s: api(s, domain="", certificate="", zone=""),
    "another domain": lambda s: api(s, domain="ai.example.com",
                                    certificate=CERTIFICATE),
    "another certificate": lambda s: api(s, certificate=CERTIFICATE),
    "several regions": lambda s: api(s, latency=True),
    "no zone": lambda s: api(s, zone=""),
    "another mail address": lambda s: replace(s, alarm_email="b@example.com"),
    "another budget": lambda s: replace(s, monthly_budget_usd=9.0),
    "other log days": lambda s: replace(s, log_days=7),
    "no trust": lambda s: replace(s, trust=()),
    "an existing registry": lambda s: replace(s, registry="s3://ours/models"),
    "a kept registry": lambda s: replace(s, keep_registry=True),
    "object lock": lambda s: replace(s, object_lock_days=30),
    "another account publishes": lambda s: replace(
        s, access={"publisher": Access(("444455556666",), mfa=True)}),
    "a VPC": lambda s: replace(s, network=NETWORK),
    "a VPC with its own way out": lambda s: replace(
        s, network=replace(NETWORK, route_tables=())),
    "a private API": lambda s: replace(
        api(s, private=True, domain="", certificate="", zone=""), network=NETWORK),
    "a private API by an existing endpoint": lambda s: api(
        s, private=True, vpc_endpoints=("vpce-0a1b2c3d",), domain="", certificate="",
        zone=""),
    "variables": lambda s: model(s, "churn", environment={"STUDIO": "1"}),
    "another limit of keys": lambda s: api(s, waf_key_requests_per_5_minutes=900_000),
    "another quota of the account": lambda s: replace(s, account_concurrency=5_000),
    "a zip file": lambda s: model(s, "churn", package="zip"),
    "a zip file with a snapshot": lambda s: model(
        s, "churn", package="zip", snapstart=True),
    "maintenance": lambda s: replace(s, maintenance=Maintenance(1, 7)),
    "a check alone": lambda s: replace(s, maintenance=Maintenance(7)),
}  # fmt: skip
NEW_ADDRESS = {"an HTTP API"}
"""Changes after which an API without a domain has another address."""


@pytest.fixture(scope="module")
def templates(full, everything, synthesize, tmp_path_factory):
    """Return a function from a change's name to its templates, synthesized once."""
    packed = tmp_path_factory.mktemp("zip")
    (packed / "code.py").write_text("x = 1\n")
    patch = pytest.MonkeyPatch()
    patch.setattr(function_code, "zip_folder", lambda *_: packed)
    known = {"": _templates(full)}

    def get(name):
        if name not in known:
            stage = CHANGES[name](everything)
            folder = tmp_path_factory.mktemp("changed")
            known[name] = _templates(synthesize(folder, stage))
        return known[name]

    yield get
    patch.undo()


def _templates(synthesized):
    registry = synthesized.registry
    return (
        registry.to_json() if registry else None,
        synthesized.service.to_json(),
    )


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_deploys_in_both_directions(templates, name):
    """CloudFormation refuses neither the change nor its way back."""
    for before, after in (("", name), (name, "")):
        (old_registry, old_service), (registry, service) = (
            templates(before),
            templates(after),
        )
        assert refusals(old_service, service) == []
        if old_registry and registry:
            assert refusals(old_registry, registry) == []
            # the registry's stack is deployed first, while the old service runs
            gone = exports(old_registry) - exports(registry)
            assert not gone & set(imports(old_service))


def test_only_the_kind_of_api_changes_the_address(templates):
    """The API itself is replaced by no other change."""
    kinds = {"AWS::ApiGateway::RestApi", "AWS::ApiGatewayV2::Api"}
    _, before = templates("")
    for name in CHANGES:
        _, after = templates(name)
        old, new = (
            {n: r for n, r in t["Resources"].items() if r["Type"] in kinds}
            for t in (before, after)
        )
        kept = old.keys() == new.keys() and not any(
            is_replaced(old[n], new[n]) for n in old
        )
        assert kept is (name not in NEW_ADDRESS), name


def test_the_rules_find_what_is_refused():
    """Another type, a name that is taken, a route that is there, an export in use."""
    role = {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "r", "Path": "/a/"}}
    moved = {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "r", "Path": "/b/"}}
    free = {"Type": "AWS::IAM::Role", "Properties": {"Path": "/a/"}}
    route = {
        "Type": "AWS::ApiGateway::Resource",
        "Properties": {"ParentId": "p", "PathPart": "x"},
    }
    topic = {"Type": "AWS::SNS::Topic", "Properties": {}}

    def why(before, after):
        return refusals({"Resources": before}, {"Resources": after})

    (found,) = why({"a": role}, {"a": topic})
    assert "Update of resource type is not permitted: a" in found
    assert "already exists" in why({"a": role}, {"a": moved})[0]
    assert "already exists" in why({"a": role}, {"b": role})[0]
    assert "already exists" in why({"a": route}, {"b": route})[0]
    assert why({"a": free}, {"b": free}) == []
    assert why({"a": route}, {"a": route, "b": role}) == []
    shared = {"Outputs": {"x": {"Export": {"Name": "n"}}}}
    assert exports(shared) == {'"n"'}
    assert set(imports({"y": [{"Fn::ImportValue": "n"}]})) == {'"n"'}


def test_the_service_imports_nothing(templates):
    """It knows the registry by parameters, whose names no change takes away."""
    registry, service = templates("")
    assert not set(imports(service))
    wanted = {
        p["Default"]
        for p in service["Parameters"].values()
        if p["Type"].startswith("AWS::SSM") and "hotseat" in p["Default"]
        and "cdk-bootstrap" not in p["Default"]
    }  # fmt: skip
    written = {
        r["Properties"]["Name"]
        for r in registry["Resources"].values()
        if r["Type"] == "AWS::SSM::Parameter"
    }
    assert wanted == written == {
        "/hotseat/prod/registry/bucket", "/hotseat/prod/registry/key"
    }  # fmt: skip
    assert "Fn::ImportValue" not in json.dumps(service)

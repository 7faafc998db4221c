"""The registry's maintenance: its function, its schedule, and what its jobs do."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from hotseat_infra.deployment import Maintenance
from hotseat_registry import Reference, maintenance, open_registry
from hotseat_registry.errors import IntegrityError

FUNCTIONS = Path(__file__).parents[3] / "functions"


@pytest.fixture(scope="module")
def scheduled(everything, synthesize, tmp_path_factory):
    """The stage with every feature, checked daily and collected weekly."""
    stage = replace(everything, maintenance=Maintenance(1, 7, 60))
    return synthesize(tmp_path_factory.mktemp("maintenance"), stage)


def test_each_job_has_its_rule(scheduled):
    """Daily and weekly, each with its event; one function, which is not retried."""
    rules = scheduled.registry.find_resources("AWS::Events::Rule").values()
    jobs = {
        rule["Properties"]["ScheduleExpression"]: json.loads(
            rule["Properties"]["Targets"][0]["Input"]
        )
        for rule in rules
    }
    assert jobs == {
        "rate(1 day)": {"job": "verify"},
        "rate(7 days)": {"job": "collect", "keep_days": 60},
    }
    (function,) = scheduled.registry.find_resources("AWS::Lambda::Function").values()
    properties = function["Properties"]
    assert properties["Handler"] == "hotseat_registry.maintenance.handler"
    assert properties["FunctionName"] == "hotseat-prod-maintenance"
    scheduled.registry.has_resource_properties(
        "AWS::Lambda::EventInvokeConfig", {"MaximumRetryAttempts": 0}
    )


def test_only_the_one_that_collects_may_delete(
    scheduled, everything, synthesize, tmp_path
):
    """Its role has the collector's actions, and the bucket's policy lets it delete."""
    role = scheduled.allowed("RegistryMaintenanceRole")
    collector = scheduled.allowed("RegistryCollector")
    assert role.items() >= collector.items()
    policy = json.dumps(scheduled.registry.find_resources("AWS::S3::BucketPolicy"))
    assert "RegistryMaintenanceRole" in policy
    checks = replace(everything, maintenance=Maintenance(1))
    alone = synthesize(tmp_path, checks)
    assert "s3:DeleteObject" not in alone.allowed("RegistryMaintenanceRole")
    assert "RegistryMaintenanceRole" not in json.dumps(
        alone.registry.find_resources("AWS::S3::BucketPolicy")
    )


def test_its_failure_is_an_alarm_of_the_stage(scheduled, full):
    """By the fixed name; without maintenance there is no alarm."""
    scheduled.service.has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {"MetricName": "Errors", "Threshold": 1,
         "Dimensions": [{"Name": "FunctionName",
                         "Value": "hotseat-prod-maintenance"}]},
    )  # fmt: skip
    assert "hotseat-prod-maintenance" not in json.dumps(full.service.to_json())


@pytest.fixture
def bucket(aws):
    """A bucket, and its registry as the function opens it."""
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="models")
        uri = "s3://models/hotseat"
        aws.setenv(maintenance.REGISTRY, uri)
        yield open_registry(uri)


def test_a_good_registry_is_reported_and_damage_is_an_error(bucket, publish, capsys):
    """The log's line has the damage; the error makes the function fail."""
    publish(bucket, model="mood")
    report = maintenance.handler({"job": "verify"}, None)
    assert (report["versions"], report["damage"]) == (1, [])
    assert json.loads(capsys.readouterr().out) == report
    s3 = boto3.client("s3")
    (blob, *_) = (
        item["Key"]
        for item in s3.list_objects_v2(Bucket="models")["Contents"]
        if "/blobs/" in item["Key"]
    )
    s3.put_object(Bucket="models", Key=blob, Body=b"damaged")
    with pytest.raises(IntegrityError, match="damaged, the first: "):
        maintenance.handler({"job": "verify"}, None)
    assert json.loads(capsys.readouterr().out)["damage"]


def test_garbage_is_collected_in_its_name(bucket, publish):
    """An old version without an alias is retired; the ledger names the author."""
    for _ in range(2):
        publish(bucket, model="mood")
    bucket.promote(Reference("mood", version=2), by="ada")
    report = maintenance.handler({"job": "collect", "keep_days": 0}, None)
    assert report["retired"] == ["mood@1"]
    assert bucket.ledger.head("mood").entry.by == maintenance.AUTHOR


@pytest.mark.usefixtures("bucket")
def test_another_job_is_refused():
    """With the jobs that there are."""
    with pytest.raises(ValueError, match="no job 'sweep'; there are: verify, collect"):
        maintenance.handler({"job": "sweep"}, None)


def test_it_needs_nothing_but_what_lambda_brings():
    """boto3 and the standard library; nothing else is in the zip file."""
    code = """
import sys
allowed = set(sys.stdlib_module_names) | {
    "boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six",
    "hotseat_registry", "__main__"}
class Only:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in allowed and not name.startswith("_"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Only())
import hotseat_registry.maintenance
import hotseat_registry.stores.s3
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(FUNCTIONS)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr

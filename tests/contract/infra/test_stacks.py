"""The stacks, as CloudFormation gets them: what matters, not every line."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from aws_cdk.assertions import Match, Template

from hotseat_infra.deployment import Model, Schedule, read
from hotseat_infra.stage import add_stage, application

INFRA = Path(__file__).parents[3] / "infra"
PROD = read(INFRA / "deployment.toml", "prod")


def synthesized(stage, folder):
    """Both templates of a stage; cdk-nag's findings fail it."""
    app = application(str(folder))
    registry, service = add_stage(app, stage)
    app.synth()
    return Template.from_stack(registry), Template.from_stack(service)


@pytest.fixture(scope="module")
def prod(tmp_path_factory):
    """The templates of prod, and where they lie."""
    folder = tmp_path_factory.mktemp("prod")
    return (*synthesized(PROD, folder), folder)


def statements(template, sid=None):
    """Return every policy statement of a template and the policy it is in."""
    return [
        (name, statement)
        for name, resource in template.to_json()["Resources"].items()
        for statement in resource.get("Properties", {})
        .get("PolicyDocument", {})
        .get("Statement", [])
        if sid is None or statement.get("Sid") == sid
    ]


def listed(value):
    """A policy's field as a list."""
    return value if isinstance(value, list) else [value]


def test_the_bucket_is_safe_by_default(prod):
    """Versioned, encrypted with a key of its own, closed to the public, kept."""
    registry, _, _ = prod
    registry.has_resource(
        "AWS::S3::Bucket",
        {
            "DeletionPolicy": "Retain",
            "Properties": Match.object_like(
                {
                    "VersioningConfiguration": {"Status": "Enabled"},
                    "PublicAccessBlockConfiguration": {
                        "BlockPublicAcls": True, "BlockPublicPolicy": True,
                        "IgnorePublicAcls": True, "RestrictPublicBuckets": True,
                    },
                    "LoggingConfiguration": Match.any_value(),
                }
            ),
        },
    )  # fmt: skip
    registry.has_resource_properties("AWS::KMS::Key", {"EnableKeyRotation": True})


def test_the_bucket_demands_conditional_writes(prod):
    """No manifest, ledger entry or head is written without a condition; TLS alone."""
    registry, _, _ = prod
    ((_, once),) = statements(registry, "CreateOnce")
    ((_, swap),) = statements(registry, "SwapOnly")
    for statement, conditions in (
        (once, {"s3:if-none-match": "true"}),
        (swap, {"s3:if-none-match": "true", "s3:if-match": "true"}),
    ):
        assert (statement["Effect"], statement["Action"]) == ("Deny", "s3:PutObject")
        assert statement["Condition"] == {"Null": conditions}
    insecure = [s for _, s in statements(registry) if "aws:SecureTransport" in str(s)]
    assert all(s["Effect"] == "Deny" for s in insecure)
    assert len(insecure) == 2


def test_the_reader_cannot_write(prod):
    """The reader and the functions get, list and decrypt, and nothing else."""
    registry, service, _ = prod
    allowed = {"s3:GetObject", "s3:ListBucket", "kms:Decrypt"}
    for name, statement in statements(registry):
        if name.startswith("RegistryReader"):
            assert set(listed(statement["Action"])) <= allowed
    more = {
        "xray:PutTraceSegments", "xray:PutTelemetryRecords",
        "logs:CreateLogStream", "logs:PutLogEvents",
    }  # fmt: skip
    seen = set()
    for name, statement in statements(service):
        if name.startswith("sentimentRole"):
            seen |= set(listed(statement["Action"]))
    assert seen == allowed | more


def test_no_policy_allows_everything(prod):
    """No action is a star, and a star as resource has one reason: X-Ray."""
    for template in prod[:2]:
        for name, statement in statements(template):
            if statement["Effect"] != "Allow" or "Key" in name:
                continue
            assert "*" not in listed(statement["Action"])
            if "*" in listed(statement["Resource"]):
                assert all(a.startswith("xray:") for a in listed(statement["Action"]))


def test_the_publisher_moves_no_alias_and_the_operator_publishes_nothing(prod):
    """Each role writes its own keys."""
    registry, _, _ = prod
    written = {}
    for name, statement in statements(registry):
        if statement["Effect"] == "Allow" and "s3:PutObject" in listed(
            statement["Action"]
        ):
            written[name[:17]] = json.dumps(statement["Resource"])
    publisher, operator = written["RegistryPublisher"], written["RegistryOperatorD"]
    assert "versions/*" in publisher
    assert "head.json" not in publisher
    assert "head.json" in operator
    assert "versions/*" not in operator


def test_a_function_is_an_image_with_the_settings_as_environment(prod):
    """Memory, architecture, tracing, concurrency; variables that the service reads."""
    _, service, _ = prod
    service.has_resource_properties(
        "AWS::Lambda::Function",
        {
            "PackageType": "Image",
            "MemorySize": 1769,
            "Architectures": ["arm64"],
            "ReservedConcurrentExecutions": 100,
            "TracingConfig": {"Mode": "Active"},
            "Environment": {
                "Variables": Match.object_like(
                    {"HOTSEAT_DEFAULT_MODEL": "sentiment", "HOTSEAT_STATIC": "False"}
                )
            },
        },
    )
    service.has_resource_properties(
        "AWS::Lambda::Alias",
        {"ProvisionedConcurrencyConfig": {"ProvisionedConcurrentExecutions": 2}},
    )
    service.has_resource_properties("AWS::Logs::LogGroup", {"RetentionInDays": 30})


def test_a_canary_is_taken_back_by_its_alarms(prod):
    """CodeDeploy shifts a tenth first, watches three alarms, and rolls back."""
    _, service, _ = prod
    service.has_resource_properties(
        "AWS::CodeDeploy::DeploymentGroup",
        {
            "AlarmConfiguration": Match.object_like({"Enabled": True}),
            "AutoRollbackConfiguration": {
                "Enabled": True,
                "Events": Match.array_with(["DEPLOYMENT_STOP_ON_ALARM"]),
            },
            "DeploymentConfigName": "CodeDeployDefault.LambdaCanary10Percent5Minutes",
        },
    )  # fmt: skip
    service.resource_count_is("AWS::CloudWatch::Alarm", 3)
    for alarm in service.find_resources("AWS::CloudWatch::Alarm").values():
        assert alarm["Properties"]["AlarmActions"]


def test_an_alarm_may_reach_its_topic(prod):
    """The topic's own policy lets CloudWatch publish; its key goes with the stack."""
    _, service, _ = prod
    (allowed,) = [
        statement
        for _, statement in statements(service)
        if statement["Effect"] == "Allow"
        and "sns:Publish" in listed(statement["Action"])
    ]
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    service.has_resource("AWS::KMS::Key", {"DeletionPolicy": "Delete"})


def test_binary_answers_reach_whoever_asks(prod):
    """No client has to name the type of a binary answer in Accept."""
    _, service, _ = prod
    service.has_resource_properties(
        "AWS::ApiGateway::RestApi", {"BinaryMediaTypes": ["*/*"]}
    )


def test_the_api_has_keys_plans_limits_and_our_errors(prod):
    """A key and a plan for each title; refusals are problem documents."""
    _, service, _ = prod
    service.resource_count_is("AWS::ApiGateway::ApiKey", 1)
    service.has_resource_properties(
        "AWS::ApiGateway::UsagePlan",
        {
            "Throttle": {"RateLimit": 200, "BurstLimit": 400},
            "Quota": {"Limit": 1_000_000, "Period": "DAY"},
        },
    )
    service.resource_count_is("AWS::WAFv2::WebACLAssociation", 1)
    methods = service.find_resources("AWS::ApiGateway::Method").values()
    assert all(m["Properties"]["ApiKeyRequired"] for m in methods)
    for found in service.find_resources("AWS::ApiGateway::GatewayResponse").values():
        (text,) = found["Properties"]["ResponseTemplates"].values()
        document = json.loads(text)
        assert {"code", "retryable", "request_id", "status"} <= set(document)
        assert str(document["status"]) == found["Properties"]["StatusCode"]


def test_cfn_lint_finds_nothing(prod):
    """The templates are what CloudFormation takes."""
    templates = sorted(prod[2].glob("*.template.json"))
    lint = Path(sys.executable).with_name("cfn-lint")
    # W3005: CDK names dependencies that a reference implies already
    done = subprocess.run(
        [lint, "--regions", "eu-west-1", "--ignore-checks", "W3005", "--", *templates],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_registry_that_is_there_already_is_read_and_not_made(tmp_path):
    """The function may read below its prefix and trusts the named keys."""
    stage = replace(PROD, registry="s3://ours/models", trust=("a.pub", "b.pub"))
    app = application(str(tmp_path))
    registry, stack = add_stage(app, stage)
    app.synth()
    assert registry is None
    service = Template.from_stack(stack)
    allowed = [
        json.dumps(statement["Resource"])
        for name, statement in statements(service)
        if name.startswith("sentimentRole") and "s3:" in str(statement["Action"])
    ]
    assert len(allowed) == 2
    assert any(":s3:::ours/models/*" in resource for resource in allowed)
    service.has_resource_properties(
        "AWS::Lambda::Function",
        {
            "Environment": {
                "Variables": Match.object_like(
                    {
                        "HOTSEAT_REGISTRY": "s3://ours/models",
                        "HOTSEAT_TRUST": "/var/task/trust/a.pub,/var/task/trust/b.pub",
                    }
                )
            }
        },
    )


def test_other_ways_to_deploy(tmp_path):
    """Static, SnapStart, a schedule, x86, an HTTP API: all clean by cdk-nag."""
    static = Model(mode="static", version=3, snapstart=True, architecture="x86_64")
    timed = Model(schedule=Schedule("cron(0 16 ? * FRI *)", "cron(0 2 ? * SUN *)", 5))
    stage = replace(
        PROD,
        models={"sokoban": static, "sentiment": timed},
        default_model="sentiment",
        api=replace(PROD.api, kind="http", titles=(), waf=False),
    )
    _, service = synthesized(stage, tmp_path)
    service.has_resource_properties(
        "AWS::Lambda::Function",
        {
            "SnapStart": {"ApplyOn": "PublishedVersions"},
            "Environment": {
                "Variables": Match.object_like(
                    {"HOTSEAT_STATIC": "True",
                     "HOTSEAT_REGISTRY": "file:///var/task/registry"}
                )
            },
        },
    )  # fmt: skip
    # what lies in the image needs no bucket
    for name, statement in statements(service):
        if name.startswith("sokobanRole"):
            assert "s3:" not in json.dumps(statement)
    service.resource_count_is("AWS::ApplicationAutoScaling::ScalableTarget", 1)
    service.resource_count_is("AWS::ApiGatewayV2::Api", 1)
    service.resource_count_is("AWS::ApiGateway::RestApi", 0)

"""The synthesized stacks: the properties that matter, not every line."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from aws_cdk.assertions import Match, Template

from hotseat_infra.deployment import Model, read
from hotseat_infra.stacks import function_code
from hotseat_infra.stacks.stage import add_stage, application

ROOT = Path(__file__).parents[3]
INFRA = ROOT / "infra"
PROD = read(INFRA / "deployment.toml", "prod")


def synthesized(stage, folder):
    """Return both templates of a stage; a finding of cdk-nag fails the test."""
    app = application(str(folder))
    registry, service = add_stage(app, stage)
    app.synth()
    return Template.from_stack(registry), Template.from_stack(service)


@pytest.fixture(scope="module")
def prod(shipped):
    """The templates of prod and their folder."""
    synthesized = shipped["prod"]
    return synthesized.registry, synthesized.service, synthesized.folder


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


def test_the_bucket_is_safe_by_default(prod):
    """Versioned, encrypted with its own key, not public, retained."""
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


def test_the_bucket_requires_conditional_writes(prod):
    """It denies manifests, ledger entries and heads without a condition, and no TLS."""
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


def test_a_function_is_an_image_with_the_settings_as_environment(prod):
    """Memory, architecture, tracing, concurrency; variables that the service reads."""
    _, service, _ = prod
    service.has_resource_properties(
        "AWS::Lambda::Function",
        {
            "PackageType": "Image",
            "MemorySize": 1769,
            "Architectures": ["x86_64"],
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


def test_an_alarm_may_reach_its_topic(prod):
    """The topic's policy lets CloudWatch and EventBridge publish, and nobody else."""
    _, service, _ = prod
    allowed = [
        statement["Principal"]
        for _, statement in statements(service)
        if statement["Effect"] == "Allow" and "sns:Publish" in statement["Action"]
    ]
    services = {principal["Service"] for principal in allowed}
    assert services == {"cloudwatch.amazonaws.com", "events.amazonaws.com"}
    service.has_resource("AWS::KMS::Key", {"DeletionPolicy": "Delete"})


def test_binary_answers_need_no_accept_header(prod):
    """A client gets a binary answer without its type in Accept."""
    _, service, _ = prod
    service.has_resource_properties(
        "AWS::ApiGateway::RestApi", {"BinaryMediaTypes": ["*/*"]}
    )


def test_cfn_lint_finds_nothing(shipped, full, plain):
    """Every stage of the file, and one with every feature, is valid for AWS."""
    folders = [synthesized.folder for synthesized in (*shipped.values(), full, plain)]
    templates = [path for f in folders for path in sorted(f.glob("*.template.json"))]
    assert len(templates) == 8
    lint = Path(sys.executable).with_name("cfn-lint")
    # W3005: CDK lists dependencies that a reference already implies
    done = subprocess.run(
        [lint, "--regions", "eu-west-1", "--ignore-checks", "W3005", "--", *templates],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_existing_registry_is_not_created(tmp_path):
    """The function gets its address and the trusted keys."""
    stage = replace(PROD, registry="s3://ours/models", trust=("a.pub", "b.pub"))
    app = application(str(tmp_path))
    registry, stack = add_stage(app, stage)
    app.synth()
    assert registry is None
    Template.from_stack(stack).has_resource_properties(
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


def test_a_static_function_has_its_registry_in_the_image(full):
    """The image holds the version; SnapStart and x86_64 follow the file."""
    full.service.has_resource_properties(
        "AWS::Lambda::Function",
        {
            "SnapStart": {"ApplyOn": "PublishedVersions"},
            "Architectures": ["x86_64"],
            "Environment": {
                "Variables": Match.object_like(
                    {"HOTSEAT_STATIC": "True",
                     "HOTSEAT_REGISTRY": "file:///var/task/registry"}
                )
            },
        },
    )  # fmt: skip
    full.service.has_resource_properties(
        "AWS::Logs::LogGroup", {"RetentionInDays": 400}
    )


def test_a_kept_registry_survives_and_another_does_not(shipped, full):
    """A kept registry is protected and retained; else bucket and key are deleted."""
    for synthesized, policy in ((shipped["prod"], "Retain"), (full, "Delete")):
        for kind in ("AWS::S3::Bucket", "AWS::KMS::Key"):
            for resource in synthesized.registry.find_resources(kind).values():
                assert resource["DeletionPolicy"] == policy
        registry, service = synthesized.stacks[0]
        assert registry.termination_protection is (policy == "Retain")
        assert not service.termination_protection


def test_a_new_image_is_a_new_version_and_the_same_one_is_not(
    everything, synthesize, tmp_path, full
):
    """An update in place publishes one version; deploying the same changes nothing."""
    again = synthesize(tmp_path / "again", everything)
    assert again.service.to_json() == full.service.to_json()
    models = {**everything.models, "churn": Model(memory_mb=2048)}
    other = synthesize(tmp_path / "other", replace(everything, models=models))
    kind = "AWS::Lambda::Version"
    before, after = (set(m.service.find_resources(kind)) for m in (full, other))
    assert len(before - after) == len(after - before) == 1
    assert all(name.startswith("churn") for name in before ^ after)


def test_a_baked_version_changes_its_own_function_alone(
    synthesize, tmp_path, monkeypatch
):
    """The images of other functions stay the same."""
    folder = tmp_path / "functions"
    shutil.copytree(ROOT / "functions", folder)
    monkeypatch.setattr(function_code, "CHECKOUT", folder)
    models = {"mood": Model(mode="static", version=1), "tone": Model()}
    stage = replace(PROD, models=models, default_model="tone")
    codes = []
    for number in (1, 2):
        baked = folder / "baked/mood"
        baked.mkdir(exist_ok=True)
        (baked / "head.json").write_text(str(number))
        synthesized = synthesize(tmp_path / str(number), stage)
        codes.append(
            {
                name: str(resource["Properties"]["Code"])
                for name, resource in synthesized.service.find_resources(
                    "AWS::Lambda::Function"
                ).items()
            }
        )
    changed = {name for name in codes[0] if codes[0][name] != codes[1][name]}
    assert [name[:4] for name in changed] == ["mood"]


def test_no_web_page_has_access_by_default(prod):
    """Without origins the API answers no preflight request."""
    _, service, _ = prod
    service.resource_properties_count_is(
        "AWS::ApiGateway::Method", {"HttpMethod": "OPTIONS"}, 0
    )


def test_listed_origins_have_access(tmp_path):
    """The gateway answers preflight without a key; the function sends the origin."""
    pages = ("https://game.example", "https://other.example")
    stage = replace(PROD, api=replace(PROD.api, origins=pages))
    _, service = synthesized(stage, tmp_path / "rest")
    ahead = service.find_resources(
        "AWS::ApiGateway::Method", {"Properties": {"HttpMethod": "OPTIONS"}}
    )
    assert ahead
    for method in ahead.values():
        assert not method["Properties"].get("ApiKeyRequired")
        assert pages[0] in json.dumps(method)
    environment = {"HOTSEAT_ORIGINS": ",".join(pages)}
    service.has_resource_properties(
        "AWS::Lambda::Function",
        {"Environment": {"Variables": Match.object_like(environment)}},
    )
    refusals = service.find_resources("AWS::ApiGateway::GatewayResponse")
    for refusal in refusals.values():
        assert "Access-Control-Allow-Origin" in json.dumps(refusal)

    cheap = replace(stage.api, kind="http", games=(), waf=False)
    _, service = synthesized(replace(stage, api=cheap), tmp_path / "http")
    service.has_resource_properties(
        "AWS::ApiGatewayV2::Api",
        {"CorsConfiguration": Match.object_like({"AllowOrigins": list(pages)})},
    )


@pytest.mark.parametrize("kind", ["rest", "http"])
def test_any_name_of_a_model_can_be_deployed(tmp_path, kind):
    """Logical ids have only letters and digits: similar names get different ids."""
    names = ["Chat.v2", "Chat-v2", "Chat_v2", "Chatv2", "9", "x" * 64]
    api = replace(PROD.api, kind=kind, games=(), limits={}, waf=False)
    stage = replace(
        PROD, models={name: Model() for name in names}, default_model="9", api=api
    )
    _, service = synthesized(stage, tmp_path)
    served = [
        resource["Properties"]["Environment"]["Variables"]["HOTSEAT_DEFAULT_MODEL"]
        for resource in service.find_resources("AWS::Lambda::Function").values()
        if "ImageConfig" not in resource["Properties"]  # the authorizer has one
    ]
    assert sorted(served) == sorted(names)
    if kind == "rest":
        resource = service.find_resources("AWS::ApiGateway::Resource").values()
        parts = {resource["Properties"]["PathPart"] for resource in resource}
    else:
        resource = service.find_resources("AWS::ApiGatewayV2::Route").values()
        keys = [resource["Properties"]["RouteKey"] for resource in resource]
        parts = {part for key in keys for part in key.split("/")}
    assert set(names) <= parts


@pytest.mark.parametrize("kind", ["rest", "http"])
def test_a_function_url_streams_beside_the_api(tmp_path, kind):
    """For signed callers, on the alias that a canary shifts; of no other function."""
    api = replace(PROD.api, kind=kind, stream=kind == "rest", games=(), waf=False)
    name, *others = PROD.models
    models = {**PROD.models, name: replace(PROD.models[name], function_url=True)}
    _, service = synthesized(replace(PROD, api=api, models=models), tmp_path)
    ((_, url),) = service.find_resources("AWS::Lambda::Url").items()
    assert url["Properties"]["AuthType"] == "AWS_IAM"
    assert url["Properties"]["InvokeMode"] == "RESPONSE_STREAM"
    assert url["Properties"]["Qualifier"] == "live"
    streamed = {
        variables["HOTSEAT_DEFAULT_MODEL"]: variables["HOTSEAT_STREAM"]
        for found in service.find_resources("AWS::Lambda::Function").values()
        if "HOTSEAT_STREAM"
        in (variables := found["Properties"]["Environment"]["Variables"])
    }
    others_too = str(kind == "rest")  # their only front streams
    assert streamed == {name: "True", **dict.fromkeys(others, others_too)}
    outputs = [key for key in service.find_outputs("*") if "FunctionUrl" in key]
    assert len(outputs) == 1


@pytest.mark.parametrize("streams", [True, False])
def test_a_rest_api_streams_where_the_file_says_so(tmp_path, streams):
    """Every route has the transfer mode, and the function its setting: never one."""
    stage = replace(PROD, api=replace(PROD.api, stream=streams))
    _, service = synthesized(stage, tmp_path)
    methods = service.find_resources("AWS::ApiGateway::Method").values()
    integrations = [
        method["Properties"]["Integration"]
        for method in methods
        if method["Properties"]["Integration"]["Type"] == "AWS_PROXY"
    ]
    modes = {item.get("ResponseTransferMode") for item in integrations}
    assert modes == {"STREAM" if streams else None}
    for item in integrations:
        assert ("response-streaming-invocations" in json.dumps(item["Uri"])) is streams
    settings = [
        variables["HOTSEAT_STREAM"]
        for found in service.find_resources("AWS::Lambda::Function").values()
        if "HOTSEAT_STREAM"
        in (variables := found["Properties"]["Environment"]["Variables"])
    ]
    assert settings
    assert set(settings) == {str(streams)}

"""The stacks, as CloudFormation gets them: what matters, not every line."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from aws_cdk.assertions import Match, Template

from hotseat_infra.deployment import Model, read
from hotseat_infra.stacks import function
from hotseat_infra.stacks.stage import add_stage, application

ROOT = Path(__file__).parents[3]
INFRA = ROOT / "infra"
PROD = read(INFRA / "deployment.toml", "prod")


def synthesized(stage, folder):
    """Both templates of a stage; cdk-nag's findings fail it."""
    app = application(str(folder))
    registry, service = add_stage(app, stage)
    app.synth()
    return Template.from_stack(registry), Template.from_stack(service)


@pytest.fixture(scope="module")
def prod(shipped):
    """The templates of prod, and where they lie."""
    made = shipped["prod"]
    return made.registry, made.service, made.folder


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


def test_an_alarm_may_reach_its_topic(prod):
    """The topic's own policy lets CloudWatch publish; its key goes with the stack."""
    _, service, _ = prod
    (allowed,) = [
        statement
        for _, statement in statements(service)
        if statement["Effect"] == "Allow" and "sns:Publish" in statement["Action"]
    ]
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    service.has_resource("AWS::KMS::Key", {"DeletionPolicy": "Delete"})


def test_binary_answers_reach_whoever_asks(prod):
    """No client has to name the type of a binary answer in Accept."""
    _, service, _ = prod
    service.has_resource_properties(
        "AWS::ApiGateway::RestApi", {"BinaryMediaTypes": ["*/*"]}
    )


def test_cfn_lint_finds_nothing(shipped, full, plain):
    """Every stage of the file, and all that can be switched on, is what AWS takes."""
    folders = [made.folder for made in (*shipped.values(), full, plain)]
    templates = [path for f in folders for path in sorted(f.glob("*.template.json"))]
    assert len(templates) == 8
    lint = Path(sys.executable).with_name("cfn-lint")
    # W3005: CDK names dependencies that a reference implies already
    done = subprocess.run(
        [lint, "--regions", "eu-west-1", "--ignore-checks", "W3005", "--", *templates],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_registry_that_is_there_already_is_not_made(tmp_path):
    """The function is told where it is, and which keys it trusts."""
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
    """Its version is inside; SnapStart and x86 where the file says so."""
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


def test_what_is_kept_survives_and_what_is_not_goes(shipped, full):
    """A kept registry is protected and retained; else bucket and key go with it."""
    for made, policy in ((shipped["prod"], "Retain"), (full, "Delete")):
        for kind in ("AWS::S3::Bucket", "AWS::KMS::Key"):
            for found in made.registry.find_resources(kind).values():
                assert found["DeletionPolicy"] == policy
        registry, service = made.stacks[0]
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


def test_what_is_baked_for_one_function_is_no_news_to_another(
    synthesize, tmp_path, monkeypatch
):
    """A baked version changes the image of its own function alone."""
    folder = tmp_path / "functions"
    shutil.copytree(ROOT / "functions", folder)
    monkeypatch.setattr(function, "IMAGE", folder)
    models = {"mood": Model(mode="static", version=1), "tone": Model()}
    stage = replace(PROD, models=models, default_model="tone")
    codes = []
    for number in (1, 2):
        baked = folder / "baked/mood"
        baked.mkdir(exist_ok=True)
        (baked / "head.json").write_text(str(number))
        made = synthesize(tmp_path / str(number), stage)
        codes.append(
            {
                name: str(found["Properties"]["Code"])
                for name, found in made.service.find_resources(
                    "AWS::Lambda::Function"
                ).items()
            }
        )
    changed = {name for name in codes[0] if codes[0][name] != codes[1][name]}
    assert [name[:4] for name in changed] == ["mood"]


def test_no_page_may_ask_unless_the_file_says_so(prod):
    """Without origins nothing answers a browser that asks ahead."""
    _, service, _ = prod
    service.resource_properties_count_is(
        "AWS::ApiGateway::Method", {"HttpMethod": "OPTIONS"}, 0
    )


def test_pages_that_are_listed_may_ask(tmp_path):
    """The gateway answers ahead without a key, and the function names the page."""
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
    """Logical ids have letters and digits alone: names that lose theirs stay apart."""
    names = ["Chat.v2", "Chat-v2", "Chat_v2", "Chatv2", "9", "x" * 64]
    api = replace(PROD.api, kind=kind, games=(), limits={}, waf=False)
    stage = replace(
        PROD, models={name: Model() for name in names}, default_model="9", api=api
    )
    _, service = synthesized(stage, tmp_path)
    served = [
        resource["Properties"]["Environment"]["Variables"]["HOTSEAT_DEFAULT_MODEL"]
        for resource in service.find_resources("AWS::Lambda::Function").values()
        if "Environment" in resource["Properties"]
    ]
    assert sorted(served) == sorted(names)
    if kind == "rest":
        found = service.find_resources("AWS::ApiGateway::Resource").values()
        parts = {resource["Properties"]["PathPart"] for resource in found}
    else:
        found = service.find_resources("AWS::ApiGatewayV2::Route").values()
        keys = [resource["Properties"]["RouteKey"] for resource in found]
        parts = {part for key in keys for part in key.split("/")}
    assert set(names) <= parts

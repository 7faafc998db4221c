"""A stage with a language model, synthesized: packages, routes, streams, budgets."""

from dataclasses import replace

import pytest
from aws_cdk.assertions import Match

from hotseat_infra.deployment import Model, read
from hotseat_serve.settings import Settings

FILE = """
[stages.dev]
region = "eu-west-1"
alarm_email = "a@example.com"
unsigned = true
default_model = "mood"
embeddings_model = "lore"
[stages.dev.models.mood]
[stages.dev.models.lore]
preprocessing = true
[stages.dev.models.npc-lines]
text = true
filter = "chat-moderation#beta"
memory_mb = 3008
ephemeral_storage_mb = 2048
timeout_s = 120
provisioned_concurrency = 1
[stages.dev.api]
stream = true
access = "tokens"
player_tokens_per_hour = 5_000
tokens_per_hour = 900_000
"""
PROVIDER = "arn:aws:lambda:eu-west-1:111122223333:capacity-provider:texts"


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """The stage dev of that file."""
    path = tmp_path_factory.mktemp("file") / "deployment.toml"
    path.write_text(FILE)
    return read(path, "dev")


@pytest.fixture(scope="module")
def texts(stage, synthesize, tmp_path_factory):
    """Its templates."""
    return synthesize(tmp_path_factory.mktemp("texts"), stage)


def functions(template):
    """Return the properties of each model's function, by the model."""
    found = template.service.find_resources("AWS::Lambda::Function").values()
    return {
        variables["HOTSEAT_DEFAULT_MODEL"]: resource["Properties"]
        for resource in found
        if "HOTSEAT_DEFAULT_MODEL"
        in (variables := resource["Properties"]["Environment"]["Variables"])
    }


def integrations(template):
    """Return the integration of each ANY method, by its path."""
    resources = template.service.to_json()["Resources"]

    def path(resource_id):
        if "Fn::GetAtt" in resource_id:
            return ""
        properties = resources[resource_id["Ref"]]["Properties"]
        return f"{path(properties['ParentId'])}/{properties['PathPart']}"

    return {
        path(one["Properties"]["ResourceId"]): one["Properties"]["Integration"]
        for one in resources.values()
        if one["Type"] == "AWS::ApiGateway::Method"
        and one["Properties"]["HttpMethod"] == "ANY"
    }


def test_the_function_has_what_a_language_model_needs(texts):
    """Memory, temporary folder, time, its filter's alias, and its own latency alarm."""
    function = functions(texts)["npc-lines"]
    assert function["MemorySize"] == 3008
    assert function["EphemeralStorage"] == {"Size": 2048}
    assert function["Timeout"] == 120
    settings = Settings.from_env(
        {k: v for k, v in function["Environment"]["Variables"].items()
         if isinstance(v, str)}
    )  # fmt: skip
    assert settings.models == "npc-lines#live,chat-moderation#beta"
    assert settings.stream
    allowed = texts.allowed("npclinesRole")
    objects = allowed["s3:GetObject"]
    assert any(key.endswith("models/chat-moderation/*") for key in objects)
    assert any(key.endswith("models/npc-lines/*") for key in objects)
    assert not any("lore" in key for key in objects)
    texts.service.has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {"Threshold": 10_000, "AlarmDescription": Match.string_like_regexp("npc-l")},
    )


def test_the_image_has_the_packages_where_texts_are_written(texts):
    """A model without texts shares its image with none that has them."""
    images = {
        name: function["Code"]["ImageUri"]["Fn::Sub"]
        for name, function in functions(texts).items()
    }
    assert len(set(images.values())) == 3
    (assets,) = texts.folder.glob("*Service.assets.json")
    arguments = [
        line for line in assets.read_text().splitlines() if '"TEXT": "1"' in line
    ]
    assert len(arguments) == 1


def test_openai_paths_reach_the_model_that_writes(texts):
    """Its function answers them; embeddings go to the named model."""
    found = integrations(texts)

    def target(path):
        (name,) = {
            part["Ref"]
            for part in found[path]["Uri"]["Fn::Join"][1]
            if isinstance(part, dict) and "Alias" in part.get("Ref", "")
        }
        return name.partition("Alias")[0]

    assert target("/v1/chat/completions") == target("/v1/models/npc-lines")
    assert target("/v1/completions") == target("/v1/models/npc-lines/{proxy+}")
    assert target("/v1/embeddings") == target("/v1/models/lore")
    assert target("/v1/models") == target("/v1/models/mood")


def test_a_stream_may_last_as_long_as_its_function(texts):
    """API Gateway would end it after 29 seconds; other routes keep that."""
    found = integrations(texts)
    assert found["/v1/models/npc-lines/{proxy+}"]["TimeoutInMillis"] == 120_000
    assert found["/v1/chat/completions"]["TimeoutInMillis"] == 120_000
    assert "TimeoutInMillis" not in found["/v1/models/mood"]
    assert {one["ResponseTransferMode"] for one in found.values()} == {"STREAM"}


def test_budgets_of_tokens_are_in_a_table(texts):
    """The function that writes counts them; one that does not has no right to."""
    texts.service.resource_count_is("AWS::DynamoDB::Table", 1)
    variables = functions(texts)["npc-lines"]["Environment"]["Variables"]
    assert variables["HOTSEAT_PLAYER_TOKENS"] == "5000"
    assert variables["HOTSEAT_STAGE_TOKENS"] == "900000"
    assert "Ref" in variables["HOTSEAT_RATE_TABLE"]
    assert "dynamodb:UpdateItem" in texts.allowed("npclinesRole")
    assert "dynamodb:UpdateItem" not in texts.allowed("moodRole")
    other = functions(texts)["mood"]["Environment"]["Variables"]
    assert (other["HOTSEAT_RATE_TABLE"], other["HOTSEAT_PLAYER_TOKENS"]) == ("", "0")


def test_openai_paths_behind_an_http_api(stage, synthesize, tmp_path):
    """It cannot stream; the answers come whole, from the same functions."""
    api = replace(stage.api, kind="http", stream=False, access="", games=(),
                  player_tokens_per_hour=0)  # fmt: skip
    http = synthesize(tmp_path, replace(stage, api=api))
    keys = {
        one["Properties"]["RouteKey"]
        for one in http.service.find_resources("AWS::ApiGatewayV2::Route").values()
    }
    paths = {f"ANY /v1/{p}" for p in ("chat/completions", "completions", "embeddings")}
    assert paths <= keys
    # anybody's tokens are counted without a player
    assert "dynamodb:UpdateItem" in http.allowed("npclinesRole")


def test_managed_instances_run_one_request_at_a_time(stage, synthesize, tmp_path):
    """The provider's ARN; its network is its own, and the function a new one."""
    managed = Model(text=True, memory_mb=4096, capacity_provider=PROVIDER)
    models = {**stage.models, "npc-lines": managed}
    template = synthesize(tmp_path, replace(stage, models=models))
    name = "LambdaManagedInstancesCapacityProviderConfig"
    assert functions(template)["npc-lines"]["CapacityProviderConfig"][name] == {
        "CapacityProviderArn": PROVIDER,
        "PerExecutionEnvironmentMaxConcurrency": 1,
    }
    assert "CapacityProviderConfig" not in functions(template)["mood"]
    found = template.service.find_resources("AWS::Lambda::Function")
    assert any("ManagedFunction" in name for name in found)

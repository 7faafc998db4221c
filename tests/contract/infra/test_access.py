"""Who may call a stage's API: authorizers, limits, and what they cost."""

from dataclasses import replace

import pytest

from hotseat_infra.deployment import DeploymentError, read
from hotseat_infra.pricing.price_table import read_prices
from hotseat_infra.pricing.stage_bill import shared_costs
from hotseat_infra.stacks.access import HANDLER
from hotseat_serve.access import authorizer
from hotseat_serve.settings import Settings

FILE = """
[stages.dev]
region = "eu-west-1"
alarm_email = "a@example.com"
unsigned = true
[stages.dev.models.mood]
[stages.dev.api]
"""
POOL = "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_abc"
HTTP = {"kind": "http", "games": (), "limits": {}, "waf": False}


@pytest.fixture(scope="module")
def of(everything, synthesize, tmp_path_factory):
    """Synthesize the full stage with an API of other settings."""

    def make(**more):
        stage = replace(everything, api=replace(everything.api, **more))
        return synthesize(tmp_path_factory.mktemp("access"), stage)

    return make


def functions(template):
    """Return the environment of each function by its command."""
    found = template.find_resources("AWS::Lambda::Function").values()
    return [
        (
            resource["Properties"].get("ImageConfig", {}).get("Command"),
            resource["Properties"]["Environment"]["Variables"],
        )
        for resource in found
    ]


def test_tokens_at_a_rest_api(full):
    """Every method asks the authorizer; preflights do not; models know their front."""
    methods = full.service.find_resources("AWS::ApiGateway::Method").values()
    by_method = {}
    for method in methods:
        properties = method["Properties"]
        kinds = by_method.setdefault(properties["HttpMethod"], set())
        kinds.add(properties["AuthorizationType"])
    assert by_method == {"ANY": {"CUSTOM"}, "OPTIONS": {"NONE"}}
    (tokens,) = full.service.find_resources("AWS::ApiGateway::Authorizer").values()
    assert tokens["Properties"]["Type"] == "REQUEST"
    assert tokens["Properties"]["AuthorizerResultTtlInSeconds"] == 60
    assert tokens["Properties"]["IdentitySource"] == (
        "method.request.header.Authorization"
    )
    assert {m["Properties"]["ApiKeyRequired"] for m in methods if
            m["Properties"]["HttpMethod"] == "ANY"} == {True}  # fmt: skip
    (rest,) = full.service.find_resources("AWS::ApiGateway::RestApi").values()
    assert rest["Properties"]["ApiKeySourceType"] == "AUTHORIZER"
    own = [env for command, env in functions(full.service) if command == [HANDLER]]
    assert HANDLER.rpartition(".")[0] == authorizer.__name__
    assert len(own) == 1
    assert set(own[0]) == {
        "HOTSEAT_REGISTRY", "HOTSEAT_AUDIENCE", "HOTSEAT_TRUST",
        "HOTSEAT_TRUST_THRESHOLD", "HOTSEAT_GAME_KEYS",
    }  # fmt: skip
    named = Settings(game_keys=own[0]["HOTSEAT_GAME_KEYS"])
    keys = full.service.find_resources("AWS::ApiGateway::ApiKey").values()
    assert {key["Properties"]["Value"] for key in keys} == {
        named.usage_key(game) for game in ("chess", "racing")
    }
    for command, environment in functions(full.service):
        if command is None:
            text = {k: str(v) for k, v in environment.items()}
            settings = Settings.from_env(text)
            assert (settings.access, settings.player_rate) == ("gateway", 2.0)
            assert settings.token_games == "chess,racing"
            assert settings.rate_table


def test_the_authorizer_reads_the_keys_alone(full):
    """It gets one object; functions may change the table, and cannot read it."""
    allowed = full.allowed("AccessRole")
    assert allowed["s3:GetObject"] == {"/hotseat/access.json"}
    assert allowed.keys() == {
        "s3:GetObject", "kms:Decrypt", "logs:CreateLogStream", "logs:PutLogEvents",
    }  # fmt: skip
    table = {a for a in full.allowed("") if a.startswith("dynamodb:")}
    assert table == {"dynamodb:UpdateItem"}


def test_the_table_costs_by_request_and_forgets(full):
    """It is paid on demand, has a TTL, and goes with the stack."""
    (table,) = full.service.find_resources("AWS::DynamoDB::Table").values()
    assert table["DeletionPolicy"] == "Delete"
    properties = table["Properties"]
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["TimeToLiveSpecification"] == {
        "AttributeName": "expires", "Enabled": True
    }  # fmt: skip


def test_tokens_at_an_http_api(plain):
    """Simple responses of payload 2.0, by the same header."""
    found = plain.service.find_resources("AWS::ApiGatewayV2::Authorizer").values()
    (properties,) = (resource["Properties"] for resource in found)
    assert properties["EnableSimpleResponses"] is True
    assert properties["AuthorizerPayloadFormatVersion"] == "2.0"
    assert properties["IdentitySource"] == ["$request.header.Authorization"]
    routes = plain.service.find_resources("AWS::ApiGatewayV2::Route").values()
    assert {r["Properties"]["AuthorizationType"] for r in routes} == {"CUSTOM"}


@pytest.mark.parametrize(
    ("more", "kind", "authorizers"),
    [
        ({"access": "iam"}, "AWS_IAM", 0),
        ({"access": "jwt", "user_pool": POOL}, "COGNITO_USER_POOLS", 1),
        ({**HTTP, "access": "iam"}, "AWS_IAM", 0),
        ({**HTTP, "access": "jwt", "issuer": "https://id.example.com"}, "JWT", 1),
    ],
)
def test_other_ways_of_aws(of, more, kind, authorizers):
    """IAM and an identity provider's JWT, at both kinds of API, without a function."""
    service = of(**more).service
    rest = service.find_resources("AWS::ApiGateway::Method").values()
    http = service.find_resources("AWS::ApiGatewayV2::Route").values()
    kinds = {r["Properties"]["AuthorizationType"] for r in (*rest, *http)}
    assert kinds - {"NONE"} == {kind}
    found = {
        **service.find_resources("AWS::ApiGateway::Authorizer"),
        **service.find_resources("AWS::ApiGatewayV2::Authorizer"),
    }
    assert len(found) == authorizers
    assert not [c for c, _ in functions(service) if c == [HANDLER]]


def test_without_access_there_is_neither(of):
    """No function, no table, no database: the product needs none."""
    service = of(access="", player_requests_per_second=0.0).service
    assert not service.find_resources("AWS::DynamoDB::Table")
    assert not service.find_resources("AWS::ApiGateway::Authorizer")
    assert not any(env.get("HOTSEAT_RATE_TABLE") for _, env in functions(service))


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ('access = "password"', "not one of"),
        ('access = "jwt"', "user_pool"),
        ('access = "jwt"\nkind = "http"', "issuer"),
        ('access = "jwt"\nkind = "http"\nissuer = "http://a"', "issuer"),
        ('access = "tokens"\nissuer = "https://a.example"', "it is for access"),
        ("player_requests_per_second = 2", 'set access = "tokens"'),
        ('access = "iam"\nplayer_burst = 0', "player_burst"),
        ('access = "tokens"\ntoken_cache_seconds = 9999', "token_cache_seconds"),
    ],
)
def test_mistakes_are_named(tmp_path, keys, words):
    """Each with its place."""
    path = tmp_path / "deployment.toml"
    path.write_text(FILE + keys + "\n")
    with pytest.raises(DeploymentError, match=words):
        read(path, "dev")


def test_both_are_priced(everything):
    """At most so much: each request at the authorizer, two writes each."""
    table = read_prices()
    parts = shared_costs(everything, 1_000_000, table).parts
    assert parts["limits"] == pytest.approx(2 * 0.625)
    assert parts["authorizer"] == pytest.approx(0.2 + 0.5 * 0.005 * 1e6 * 0.0000166667)
    api = replace(everything.api, access="", player_requests_per_second=0.0)
    plain = replace(everything, api=api)
    assert not {"limits", "authorizer"} & shared_costs(plain, 1e6, table).parts.keys()

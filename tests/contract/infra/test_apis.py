"""Both kinds of API: keys, limits, gateway errors, routes, custom domains."""

import json
from dataclasses import replace
from pathlib import Path

from aws_cdk import aws_apigateway as rest
from aws_cdk.assertions import Match

from hotseat_infra.stacks.gateway_errors import GATEWAY_ERRORS
from hotseat_serve.problems import KINDS, MEDIA_TYPE

ERRORS = Path(__file__).parents[3] / "sdk/spec/errors.json"
PLACED = "AWS::ApiGateway::UsagePlan"


def test_each_game_has_its_key_and_its_own_limits(full):
    """A game's own limits replace the API's; a missing one is the API's."""
    full.service.resource_count_is("AWS::ApiGateway::ApiKey", 2)
    for throttle, quota in (
        ({"RateLimit": 200, "BurstLimit": 400}, 1_000_000),
        ({"RateLimit": 200, "BurstLimit": 7}, 9),
    ):
        full.service.has_resource_properties(
            PLACED, {"Throttle": throttle, "Quota": {"Limit": quota, "Period": "DAY"}}
        )
    (stage,) = full.service.find_resources("AWS::ApiGateway::Stage").values()
    (settings,) = stage["Properties"]["MethodSettings"]
    assert settings["ThrottlingRateLimit"] == 400
    assert settings["ThrottlingBurstLimit"] == 407
    assert settings["DataTraceEnabled"] is False
    assert stage["Properties"]["TracingEnabled"]


def test_every_method_that_costs_needs_a_key(full):
    """Only preflight requests, which the gateway answers itself, need none."""
    for method in full.service.find_resources("AWS::ApiGateway::Method").values():
        properties = method["Properties"]
        free = properties["HttpMethod"] == "OPTIONS"
        assert properties.get("ApiKeyRequired", False) is not free
        assert (properties["Integration"]["Type"] == "MOCK") is free
        # all types are binary, but a mock's template is text
        text = properties["Integration"].get("ContentHandling") == "CONVERT_TO_TEXT"
        assert text is free


def test_all_gateway_errors_have_the_services_form(full):
    """Every type of gateway response is a problem that clients of /v2 read as well."""
    known = {name for name in dir(rest.ResponseType) if name.isupper()}
    assert {
        n.replace("_4XX", "_4_XX").replace("_5XX", "_5_XX") for n in GATEWAY_ERRORS
    } == known
    resources = full.service.find_resources("AWS::ApiGateway::GatewayResponse")
    synthesized = {
        r["Properties"]["ResponseType"]: r["Properties"] for r in resources.values()
    }
    assert synthesized.keys() == GATEWAY_ERRORS.keys()
    for kind, properties in synthesized.items():
        (text,) = properties["ResponseTemplates"].values()
        document = json.loads(text)
        assert document["request_id"] == "$context.requestId"
        assert document["error"] == document["title"]
        assert str(document["status"]) == properties["StatusCode"]
        if document["code"] in KINDS:
            ours = KINDS[document["code"]]
            assert document["retryable"] is ours.retryable, kind
        headers = properties["ResponseParameters"]
        assert headers["gatewayresponse.header.Content-Type"] == f"'{MEDIA_TYPE}'"
        waits = "gatewayresponse.header.Retry-After" in headers
        assert waits is document["retryable"]


def test_paths_lead_to_their_models_function(full):
    """So does a route with another name; all other paths lead to the default model."""
    resources = full.service.find_resources("AWS::ApiGateway::Resource")
    parts = {name: r["Properties"]["PathPart"] for name, r in resources.items()}
    assert sorted(parts.values()) == sorted(
        ["model-service", "v1", "v2", "models", "models", "{proxy+}", "{proxy+}",
         "{proxy+}", *2 * ["levels", "{proxy+}", "sentiment", "{proxy+}",
                           "churn", "{proxy+}"]]
    )  # fmt: skip
    for method in full.service.find_resources("AWS::ApiGateway::Method").values():
        properties = method["Properties"]
        if properties["HttpMethod"] == "OPTIONS":
            continue
        place = properties["ResourceId"].get("Ref", "")
        target = json.dumps(properties["Integration"]["Uri"])
        for route, model in (("levels", "sokoban"), ("churn", "churn")):
            if f"models{route}" in place:
                assert f'"{model}Alias' in target
                break
        else:
            assert '"sentimentAlias' in target
    full.service.has_resource_properties(
        "AWS::Lambda::Function",
        {"Environment": {"Variables": Match.object_like(
            {"HOTSEAT_ROUTE": "levels", "HOTSEAT_DEFAULT_MODEL": "sokoban",
             "HOTSEAT_MAX_BODY_BYTES": "100000", "HOTSEAT_NAMESPACE": "Hotseat/prod"}
        )}},
    )  # fmt: skip


def test_a_custom_domain_works_with_either_api(full, plain):
    """Domain, mapping, and the DNS record if a zone is set."""
    for synthesized in (full, plain):
        synthesized.service.has_resource_properties(
            "AWS::ApiGatewayV2::ApiMapping", {"Stage": Match.any_value()}
        )
        synthesized.service.has_resource_properties(
            "AWS::Route53::RecordSet",
            {"Name": "models.example.com", "Type": "A",
             "HostedZoneId": "Z0123456789ABC", "AliasTarget": Match.any_value()},
        )  # fmt: skip
        synthesized.service.has_output("Url", {"Value": "https://models.example.com/"})


def test_a_region_that_fails_sends_its_players_elsewhere(
    everything, synthesize, tmp_path
):
    """The record of a shared domain has a health check on the share of 5xx answers."""
    stage = replace(everything, api=replace(everything.api, latency=True))
    service = synthesize(tmp_path, stage).service
    ((check, health),) = service.find_resources("AWS::Route53::HealthCheck").items()
    service.has_resource_properties(
        "AWS::Route53::RecordSet",
        {"HealthCheckId": {"Fn::GetAtt": [check, "HealthCheckId"]}},
    )
    followed = health["Properties"]["HealthCheckConfig"]
    alarm = followed["AlarmIdentifier"]["Name"]["Ref"]
    properties = service.to_json()["Resources"][alarm]["Properties"]
    # Route 53 follows no alarm of metric math
    assert (properties["MetricName"], properties["Statistic"]) == (
        "5XXError", "Average"
    )  # fmt: skip
    assert followed["InsufficientDataHealthStatus"] == "Healthy"


def test_no_domain_no_record(shipped):
    """Without a domain the API keeps its generated name."""
    for synthesized in shipped.values():
        synthesized.service.resource_count_is("AWS::ApiGateway::DomainName", 0)
        synthesized.service.resource_count_is("AWS::Route53::RecordSet", 0)


def test_an_http_api_lacks_what_the_documents_say(plain):
    """No keys, plans, firewall or own gateway errors; one limit for all."""
    for kind in ("AWS::ApiGateway::RestApi", "AWS::ApiGateway::ApiKey", PLACED,
                 "AWS::WAFv2::WebACL", "AWS::ApiGateway::GatewayResponse"):  # fmt: skip
        plain.service.resource_count_is(kind, 0)
    plain.service.has_resource_properties(
        "AWS::ApiGatewayV2::Stage",
        {"DefaultRouteSettings": {
            "ThrottlingRateLimit": 200, "ThrottlingBurstLimit": 400}},
    )  # fmt: skip


def test_gateway_errors_use_the_codes_of_the_specification():
    """An error with a code of the specification has its status or its class's."""
    rows = {row["code"]: row for row in json.loads(ERRORS.read_text())}
    for error in GATEWAY_ERRORS.values():
        row = rows.get(error.code)
        if row is None:
            assert error.status in {401, 403, 429}  # which SDKs know by the status
        else:
            assert (error.retry_after_s is not None) is row["retryable"]


def test_a_throttled_function_is_retryable():
    """Lambda's throttle comes back as a configuration error: 503 with Retry-After."""
    for kind in ("API_CONFIGURATION_ERROR", "DEFAULT_5XX", "INTEGRATION_FAILURE",
                 "AUTHORIZER_FAILURE"):  # fmt: skip
        error = GATEWAY_ERRORS[kind]
        assert (error.status, error.code) == (503, "unavailable")
        assert error.headers["Retry-After"] == "'1'"


def test_a_function_has_one_permission(full):
    """Its policy holds 20 kB, so a permission for each method would fill it."""
    permissions = full.service.find_resources("AWS::Lambda::Permission").values()
    functions = [json.dumps(p["Properties"]["FunctionName"]) for p in permissions]
    models = {name for name in functions if "Alias" in name}
    assert len(models) == 3
    assert len(functions) == len(set(functions))


def test_the_access_log_tells_keys_apart_and_no_players(full):
    """The key's id, the latency, the error and WAF's word; no address, no key."""
    (stage,) = full.service.find_resources("AWS::ApiGateway::Stage").values()
    written = json.loads(stage["Properties"]["AccessLogSetting"]["Format"])
    assert {"key_id", "latency", "error", "waf", "model_error"} <= set(written)
    text = json.dumps(written)
    assert "apiKeyId" in text
    for private in ('identity.apiKey"', "sourceIp", "userAgent"):
        assert private not in text

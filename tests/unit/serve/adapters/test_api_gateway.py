"""Lambda's events to requests and back: what each front of AWS sends and takes."""

import base64
import json

import pytest

from hotseat_serve.adapters import api_gateway as events
from hotseat_serve.api.messages import JSON, Answer

PREDICT = "/v1/models/mood/predict"
ELB = {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:eu-central-1:1:tg/x"}}


def rest(path, stage="prod", **more):
    """A REST API's event (payload 1.0), which names no version."""
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": "POST",
        "headers": {"Host": "game"},
        "multiValueHeaders": {"Host": ["game"]},
        "requestContext": {"stage": stage, "path": f"/{stage}{path}"},
        "body": "{}",
        "isBase64Encoded": False,
        **more,
    }


def http(path, stage="$default", route="$default", **more):
    """An HTTP API's event (payload 2.0); a function URL's is one without stage."""
    return {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": "version=9",
        "headers": {"host": "game"},
        "requestContext": {"stage": stage, "http": {"method": "POST", "path": path}},
        "body": "{}",
        "isBase64Encoded": False,
        **more,
    }


def proxy(path):
    return {"pathParameters": {"proxy": path.strip("/")}}


@pytest.mark.parametrize(
    "event",
    [
        rest(PREDICT),
        rest(PREDICT, **proxy(PREDICT)),
        # a custom domain's path mapping stands before a REST API's path
        rest(f"/ml{PREDICT}", **proxy(PREDICT)),
        rest(f"/ml/two{PREDICT}", **proxy(PREDICT)),
        rest(f"/v1{PREDICT}", **proxy(PREDICT)),
        rest(f"/ml{PREDICT}/", **proxy(PREDICT)),
        rest(f"/ml{PREDICT}", resource="/v1/models/{model}/predict",
             pathParameters={"model": "mood"}),
        rest(f"/ml{PREDICT}", resource="/v1/models/{proxy+}",
             pathParameters={"proxy": "mood/predict"}),
        # an HTTP API with payload 1.0 names the version, and has the stage in its path
        rest(f"/dev{PREDICT}", "dev", version="1.0", resource="$default"),
        rest(f"/dev{PREDICT}", "dev", version="1.0", **proxy(PREDICT)),
        http(PREDICT),
        http(f"/dev{PREDICT}", "dev"),
        http(f"/dev{PREDICT}", "dev", "ANY /{proxy+}", **proxy(PREDICT)),
        http(f"/ml{PREDICT}", "$default", "ANY /{proxy+}", **proxy(PREDICT)),
        http(f"/v1{PREDICT}", "v1"),
        http(PREDICT, "v1"),  # a mapping has taken the stage off already
        http(PREDICT, "v"),
        {**rest(PREDICT), "requestContext": ELB},
    ],
)  # fmt: skip
def test_the_path_is_the_apis_own(event):
    """Neither a domain's mapping nor a stage is part of the path."""
    assert events.parse_event(event, "r").path.rstrip("/") == PREDICT


@pytest.mark.parametrize("path", ["/prod/v1/models", "/v1/models"])
def test_a_rest_path_that_begins_like_the_stage_is_left_alone(path):
    """A REST API's path never has its stage; only a route could say otherwise."""
    assert events.parse_event(rest(path), "r").path == path


def test_a_load_balancers_rule_is_taken_off_by_the_setting():
    """Where the event does not say where the API begins, the base path does."""
    event = {**rest(f"/ml{PREDICT}"), "requestContext": ELB}
    del event["resource"]
    assert events.parse_event(event, "r").path == f"/ml{PREDICT}"
    assert events.parse_event(event, "r", base_path="/ml").path == PREDICT
    assert events.parse_event(event, "r", base_path="ml/").path == PREDICT
    assert (
        events.parse_event({**event, "path": "/mlx"}, "r", base_path="/ml").path
        == "/mlx"
    )


@pytest.mark.parametrize(
    ("event", "headers"),
    [
        (rest("/", headers={"Deadline-MS": "5"}, multiValueHeaders=None),
         {"deadline-ms": "5"}),
        (rest("/", headers=None, multiValueHeaders=None), {}),
        (rest("/", headers={"a": None, "b": 5, "c": "x"}, multiValueHeaders=None),
         {"b": "5", "c": "x"}),
        (rest("/", headers=["a"], multiValueHeaders="a"), {}),
        (rest("/", headers={"Accept": "b"}, multiValueHeaders={"Accept": ["a", "b"]}),
         {"accept": "a, b"}),
        (rest("/", headers={"X": "1", "Accept": "b"},
              multiValueHeaders={"Accept": ["a", "b"]}),
         {"x": "1", "accept": "a, b"}),
        (rest("/", headers=None,
              multiValueHeaders={"Cookie": ["a=1", "b=2"], "X": [None]}),
         {"cookie": "a=1; b=2"}),
        (rest("/", headers={"X": "1", "x": "2"}, multiValueHeaders=None),
         {"x": "1, 2"}),
    ],
)  # fmt: skip
def test_headers_come_in_every_shape(event, headers):
    """One value or many, missing, null or a number: nothing is lost, nothing raises."""
    assert events.parse_event(event, "r").headers == headers


@pytest.mark.parametrize(
    ("body", "encoded", "data"),
    [
        ("{}", False, b"{}"),
        (None, False, b""),
        (None, True, b""),
        ("", True, b""),
        ("e30=", True, b"{}"),
        ("e3\r\n0=\n", True, b"{}"),
        ("e30=", "true", b"{}"),
        ("e30=", "false", b"e30="),
        ("e30=", None, b"e30="),
        (5, False, b"5"),
        ({"text": "good"}, False, b'{"text":"good"}'),
        ("\ud800", False, b"\xed\xa0\x80"),
    ],
)
def test_a_body_is_bytes_whatever_it_came_as(body, encoded, data):
    """Text, base64 with line breaks, nothing, or JSON that nobody quoted."""
    request = events.parse_event(rest("/", body=body, isBase64Encoded=encoded), "r")
    assert (request.body, request.fault) == (data, None)


@pytest.mark.parametrize("body", ["!!!", "e30", "a===", "é", "e30=="])
def test_damaged_base64_is_the_callers_fault(body):
    """It is a 400 with the reason, for the room to word."""
    fault = events.parse_event(rest("/", body=body, isBase64Encoded=True), "r").fault
    assert (fault.status, fault.code) == (400, "invalid_json")
    assert "isBase64Encoded" in fault.detail


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"requestContext": {"http": {}}, "rawPath": "/"}, "method_not_allowed"),
        ({"requestContext": {"http": None}}, "method_not_allowed"),
        (rest("/", httpMethod=None), "method_not_allowed"),
        (rest("/", httpMethod=7), "method_not_allowed"),
        ({"requestContext": {"routeKey": "$connect", "connectionId": "x"}},
         "not_found"),
        (rest("/", body={"big": 1 << 70}), "invalid_json"),
    ],
)  # fmt: skip
def test_a_damaged_event_is_a_fault_and_no_crash(event, code):
    """Without a method, or of a WebSocket: an answer says what is wrong."""
    assert events.parse_event(event, "r").fault.code == code


@pytest.mark.parametrize(
    "event", [None, 5, "ping", [], {}, {"requestContext": None}, {"input": 1}]
)
def test_what_comes_from_no_front_is_no_http_request(event):
    """It is a direct invocation, or a ping."""
    assert events.parse_event(event, "r") is None


@pytest.mark.parametrize(
    ("event", "ping"),
    [
        (None, True),
        ({}, True),
        ({"source": "serverless-plugin-warmup"}, True),
        ({"Event": {"source": "serverless-plugin-warmup"}}, True),
        ({"source": "aws.events", "detail-type": "Scheduled Event"}, True),
        ({"source": "aws.scheduler", "detail-type": "Scheduled Event"}, True),
        ({"warmer": True, "concurrency": 3}, True),
        ({"source": "aws.events"}, False),
        ({"source": ["a"], "input": 1}, False),
        ({"source": "tavern", "hours": 3}, False),
        ({"input": {}}, False),
        ("ping", False),
        (rest("/", source="serverless-plugin-warmup"), False),
    ],
)
def test_what_keeps_a_function_warm_is_told_from_what_asks(event, ping):
    """A model's own field may be named source; only what the pings send is one."""
    assert events.is_warmup(event) is ping


@pytest.mark.parametrize(
    ("event", "path", "body"),
    [
        ({"input": 1}, "/model-service", {"input": 1}),
        ({"model": "mood", "input": 1}, PREDICT, {"input": 1}),
        ({"model": "mood", "version": 2, "input": 1},
         "/v1/models/mood/versions/2/predict", {"input": 1}),
        ({"model": "a/../b", "input": 1}, "/v1/models/a%2F..%2Fb/predict",
         {"input": 1}),
        ({"model": "", "input": 1}, "/v1/models/%20/predict", {"input": 1}),
        ({"model": 5, "input": 1}, "/model-service", {"model": 5, "input": 1}),
        ([1], "/model-service", [1]),
    ],
)  # fmt: skip
def test_a_direct_call_selects_with_its_own_fields(event, path, body):
    """No name leads to another route."""
    request = events.parse_direct_invocation(event, "r")
    assert (request.method, request.path) == ("POST", path)
    assert json.loads(request.body) == body


def test_a_direct_call_that_is_no_json_is_a_fault():
    """A number of more than 64 bits is one that JSON's readers disagree on."""
    assert (
        events.parse_direct_invocation({"input": 1 << 70}, "r").fault.code
        == "invalid_json"
    )


GOOD = Answer(200, '{"a":"ä"}'.encode(), {"content-type": JSON, "vary": "origin"})


def test_apis_and_function_urls_take_headers_with_one_value():
    """Payload 1.0 and 2.0 alike."""
    for event in (rest("/"), http("/"), None):
        assert events.to_response(GOOD, event) == {
            "statusCode": 200,
            "headers": {"content-type": JSON, "vary": "origin"},
            "body": '{"a":"ä"}',
            "isBase64Encoded": False,
        }


@pytest.mark.parametrize("many", [True, False])
def test_a_load_balancer_is_answered_as_it_asked(many):
    """With multi-value headers on it takes no others; it wants a status line."""
    headers = {"multiValueHeaders": {}} if many else {"headers": {}}
    event = {"requestContext": ELB, "httpMethod": "GET", "path": "/", **headers}
    written = events.to_response(Answer(404, b"", {"content-type": JSON}), event)
    assert written["statusDescription"] == "404 Not Found"
    if many:
        assert written["multiValueHeaders"] == {"content-type": [JSON]}
        assert "headers" not in written
    else:
        assert written["headers"] == {"content-type": JSON}
        assert "multiValueHeaders" not in written


@pytest.mark.parametrize(
    ("body", "headers", "encoded"),
    [
        (b"{}", {"content-type": JSON}, False),
        (b"<p>", {"content-type": "text/html; charset=utf-8"}, False),
        (b"\x1f\x8b", {"content-type": JSON, "content-encoding": "gzip"}, True),
        (b"\x00", {"content-type": "application/octet-stream"}, True),
        (b"\xff", {"content-type": JSON}, True),  # it says so, and is not
        (b"", {}, True),
    ],
)
def test_bytes_go_out_as_base64_and_text_as_text(body, headers, encoded):
    """What is no text cannot stand in JSON."""
    written = events.to_response(Answer(200, body, headers))
    assert written["isBase64Encoded"] is encoded
    data = written["body"]
    assert (base64.b64decode(data) if encoded else data.encode()) == body


def test_a_page_knows_what_stands_before_it():
    """The viewer's links have to lead under the stage and the mapping."""
    assert events.path_prefix(rest("/docs"), "/docs") == "/prod"
    assert events.path_prefix(http("/dev/docs", "dev"), "/docs") == "/dev"
    assert events.path_prefix(http("/docs"), "/docs") == ""
    assert events.path_prefix({"requestContext": ELB}, "/docs") == ""

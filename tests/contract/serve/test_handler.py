"""The Lambda function's entry, asked as API Gateway asks it."""

import base64
import gc
import importlib
import json
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from fronts import FRONTS, balancer, http_two, rest, unpacked
from onnx import TensorProto, helper

from hotseat_registry import (
    Input,
    Manifest,
    Output,
    Reference,
    Signature,
    Variant,
    open_registry,
)

CONTEXT = SimpleNamespace(aws_request_id="lambda-1")


def event(body, *, encoded=False):
    """An HTTP API (version 2) event, as API Gateway's documentation shows it."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/model-service",
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "host": "game"},
        "requestContext": {
            "http": {
                "method": "POST",
                "path": "/model-service",
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "game",
            },
            "stage": "$default",
        },
        "body": base64.b64encode(body.encode()).decode() if encoded else body,
        "isBase64Encoded": encoded,
    }


@pytest.fixture
def handler(tmp_path, monkeypatch, publish):
    """The handler as Lambda imports it, over a folder registry."""
    registry = open_registry(f"file://{tmp_path}/registry")
    publish(registry)
    registry.promote(Reference("mood", version=1), by="ada")
    monkeypatch.setenv("HOTSEAT_REGISTRY", registry.store.uri)
    monkeypatch.setenv("HOTSEAT_CACHE", str(tmp_path / "cache"))
    yield importlib.reload(importlib.import_module("hotseat_serve.handler")).handler
    gc.unfreeze()


@pytest.mark.parametrize("encoded", [False, True])
def test_the_handler_answers_api_gateway(handler, encoded):
    """An event gives the prediction, under Lambda's own request id."""
    answer = handler(event('{"text": "good"}', encoded=encoded), CONTEXT)
    body = json.loads(answer["body"])
    assert answer["statusCode"] == 200
    assert (body["label"], body["request_id"]) == ("positive", "lambda-1")


@pytest.mark.usefixtures("handler")
def test_no_full_collection_walks_the_modules():
    """It would cost a search a third of its time, whenever it comes."""
    assert not any(found is vars(json) for found in gc.get_objects())


@pytest.mark.usefixtures("handler")
def test_a_snapshot_holds_no_connection_and_no_credentials(monkeypatch):
    """What Lambda calls before a snapshot drops what the store keeps."""
    import snapshot_restore_py

    module = importlib.import_module("hotseat_serve.handler")
    forgotten = []
    store = type(module.router.registry.store)
    monkeypatch.setattr(store, "forget", lambda _: forgotten.append(1), raising=False)
    for call, arguments, options in snapshot_restore_py.get_before_snapshot():
        call(*arguments, **options)
    assert forgotten


def test_the_handler_names_bad_input(handler):
    """A bad event is a problem document, not a crash."""
    answer = handler(event("{"), CONTEXT)
    assert answer["statusCode"] == 400
    assert json.loads(answer["body"])["code"] == "invalid_json"


@pytest.mark.parametrize("front", FRONTS)
def test_every_front_is_answered(handler, front):
    """A prediction, health, and a page, whatever sends the event."""
    answer = handler(front("POST", "/model-service", b'{"text": "good"}'), CONTEXT)
    status, body, headers = unpacked(answer)
    assert (status, json.loads(body)["label"]) == (200, "positive")
    assert all(isinstance(value, str) for value in headers.values())
    assert unpacked(handler(front("GET", "/v2/health/ready"), CONTEXT))[0] == 200
    status, body, _ = unpacked(handler(front("GET", "/openapi.json"), CONTEXT))
    assert (status, json.loads(body)["openapi"][0]) == (200, "3")


@pytest.mark.parametrize(
    ("event", "link"),
    [
        (rest("GET", "/docs"), b"'/prod/openapi.json'"),
        (http_two("GET", "/docs"), b"'/prod/openapi.json'"),
        (balancer("GET", "/docs"), b"'/openapi.json'"),
    ],
)
def test_the_viewer_finds_the_document_under_the_stage(handler, event, link):
    """A browser's address has the stage, the event's path may not."""
    body = unpacked(handler(event, CONTEXT))[1]
    assert link in body.replace(b'"', b"'")


@pytest.mark.parametrize(
    "ping",
    [None, {}, {"source": "serverless-plugin-warmup"},
     {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}],
)  # fmt: skip
def test_a_ping_opens_the_model_and_is_no_error(handler, ping, capsys):
    """The next request finds it open, and no line counts an error."""
    assert handler(ping, CONTEXT) == {"warm": True}
    assert capsys.readouterr().out == ""
    body = json.loads(handler(event('{"text": "good"}'), CONTEXT)["body"])
    assert "cold" not in body


@pytest.mark.parametrize(
    ("kind", "cold"), [("on-demand", 1), ("provisioned-concurrency", 0)]
)
def test_the_init_phase_opens_the_default_model(
    handler, monkeypatch, capsys, kind, cold
):
    """A request finds it open; it counts as cold where it waited for the start."""
    del handler  # its registry is set
    monkeypatch.setenv("HOTSEAT_WARM", "1")
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", kind)
    module = importlib.reload(importlib.import_module("hotseat_serve.handler"))
    assert capsys.readouterr().out == ""  # the rehearsal is nobody's request
    (tracked,) = module.router.models._tracked.values()
    assert tracked.loaded.manifest.reference == "mood@1"
    answer = module.handler(event('{"text": "good"}'), CONTEXT)
    assert answer["statusCode"] == 200
    line = json.loads(capsys.readouterr().out)
    assert line["cold"] == cold
    assert line["load"] < 1  # milliseconds


def test_an_init_phase_without_a_model_is_no_error(handler, monkeypatch, capsys):
    """A function that is deployed before its first version starts all the same."""
    del handler
    monkeypatch.setenv("HOTSEAT_WARM", "1")
    monkeypatch.setenv("HOTSEAT_DEFAULT_MODEL", "tone")
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")
    module = importlib.reload(importlib.import_module("hotseat_serve.handler"))
    assert module.handler(event('{"text": "good"}'), CONTEXT)["statusCode"] == 404
    assert "model_not_found" in capsys.readouterr().out


def test_a_ping_without_a_model_is_no_error_either(handler, monkeypatch):
    """Nothing that a timer sends rings an alarm."""
    module = importlib.import_module("hotseat_serve.handler")
    monkeypatch.setattr(module.router.game_api, "ready", lambda: 1 / 0)
    assert handler({}, CONTEXT) == {"warm": False}


@pytest.mark.parametrize(
    "call", [{"text": "good"}, {"model": "mood", "text": "good"},
             {"model": "mood", "version": 1, "text": "good"},
             {"model": "mood", "version": "live", "input": {"text": "good"}}]
)  # fmt: skip
def test_a_direct_call_is_answered_with_the_body(handler, call):
    """No envelope around it, and the same problem documents."""
    assert handler(call, CONTEXT)["label"] == "positive"
    assert handler({**call, "model": "nobody"}, CONTEXT)["code"] == "model_not_found"


@pytest.mark.parametrize("bad", ["ping", 5, [1], {"input": 1 << 70}, True])
def test_a_direct_call_that_is_no_request_is_a_problem(handler, bad):
    """It is the caller's fault, named."""
    assert handler(bad, CONTEXT)["status"] in {400, 422}


def test_a_websocket_is_refused(handler):
    """This API speaks HTTP."""
    connect = {"requestContext": {"routeKey": "$connect", "connectionId": "x"}}
    assert handler(connect, CONTEXT)["statusCode"] == 404


@pytest.mark.parametrize("event", [None, {"requestContext": {"elb": {}}}, {"a": 1}])
def test_the_handlers_own_failure_is_an_answer(handler, event, monkeypatch):
    """Not the platform's bare 502: a 500 with the request's id, and a log line."""
    module = importlib.import_module("hotseat_serve.handler")
    monkeypatch.setattr(module.api_gateway, "parse_event", lambda *_: 1 / 0)
    answer = handler(event, CONTEXT)
    if event and "requestContext" in event:
        assert answer["statusCode"] == 500
        answer = json.loads(answer["body"])
    assert (answer["status"], answer["request_id"]) == (500, "lambda-1")


@pytest.fixture
def grow(handler):
    """A model that answers one number with very many; returns the handler."""
    registry = importlib.import_module("hotseat_serve.handler").router.registry
    folder = registry.store.root.parent
    path = folder / "grow.onnx"
    shape = helper.make_tensor("s", TensorProto.INT64, [2], [1, 800_000])
    graph = helper.make_graph(
        [helper.make_node("Expand", ["x", "s"], ["value"])],
        "grow",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1])],
        [helper.make_tensor_value_info("value", TensorProto.FLOAT, ["n", "k"])],
        [shape],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    manifest = Manifest(
        model="grow",
        kind="regression",
        signature=Signature(
            (Input("x", "FP32", (1, 1), "tensor"),),
            (Output("value", "FP32", (-1, -1)),),
        ),
        variants=(Variant("fp32", "grow.onnx"),),
        default_variant="fp32",
    )
    registry = open_registry(registry.store.uri)
    registry.publish(manifest, {"grow.onnx": path}, by="ada")
    registry.promote(Reference("grow", version=1), by="ada")
    return handler


@pytest.mark.parametrize(
    ("front", "accept", "status"),
    [(rest, "identity", 413), (rest, "gzip", 200), (http_two, "identity", 413),
     (balancer, "identity", 413), (balancer, "gzip", 200)],
)  # fmt: skip
def test_an_answer_that_lambda_cannot_send_is_a_413(grow, front, accept, status):
    """Packed it may fit; else the answer says so under the request's id."""
    value = float(np.float32(0.123456))
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [value]}
    body = json.dumps({"inputs": [tensor]}).encode()
    event = front("POST", "/v2/models/grow/infer", body, {"accept-encoding": accept})
    answer = grow(event, CONTEXT)
    code, data, headers = unpacked(answer)
    assert code == status
    assert len(json.dumps(answer)) < 6_291_556
    if status == 413:
        assert "can be sent" in json.loads(data)["error"]
        assert headers["x-request-id"] == "lambda-1"

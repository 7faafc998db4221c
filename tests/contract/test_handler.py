"""The Lambda function's entry, asked as API Gateway asks it."""

import base64
import gc
import importlib
import json
from types import SimpleNamespace

import pytest

from hotseat_registry import Reference, open_registry

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
    store = type(module.room.registry.store)
    monkeypatch.setattr(store, "forget", lambda _: forgotten.append(1), raising=False)
    for call, arguments, options in snapshot_restore_py.get_before_snapshot():
        call(*arguments, **options)
    assert forgotten


def test_the_handler_names_bad_input(handler):
    """A bad event is a problem document, not a crash."""
    answer = handler(event("{"), CONTEXT)
    assert answer["statusCode"] == 400
    assert json.loads(answer["body"])["code"] == "invalid_json"

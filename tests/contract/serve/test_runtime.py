"""The handler under AWS's own runtime client, and under its interface emulator.

The client that polls the runtime API is awslambdaric, as in every image.
"""

import base64
import json
import os
import platform
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from runtime_api import RuntimeApi

from hotseat_registry import Reference, open_registry

ARCHITECTURE = {"aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "x86_64")
EMULATOR = Path(sys.prefix) / "clients" / f"aws-lambda-rie-{ARCHITECTURE}"
REST = {
    "resource": "/{proxy+}",
    "httpMethod": "POST",
    "headers": {"Content-Type": "application/json", "Host": "api.example"},
    "multiValueHeaders": {"Content-Type": ["application/json"]},
    "queryStringParameters": None,
    "pathParameters": {"proxy": "model-service"},
    "stageVariables": None,
    "requestContext": {
        "resourceId": "2gxmpl",
        "resourcePath": "/{proxy+}",
        "httpMethod": "POST",
        "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
        "stage": "prod",
        "identity": {"sourceIp": "192.0.2.1", "userAgent": "game"},
    },
    "isBase64Encoded": False,
}
HTTP = {
    "version": "2.0",
    "routeKey": "$default",
    "rawQueryString": "",
    "headers": {"content-type": "application/json", "host": "api.example"},
    "requestContext": {
        "accountId": "123456789012",
        "apiId": "api-id",
        "domainName": "id.execute-api.us-east-1.amazonaws.com",
        "http": {
            "method": "POST",
            "path": "/prod/model-service",
            "protocol": "HTTP/1.1",
            "sourceIp": "192.0.2.1",
            "userAgent": "game",
        },
        "requestId": "id",
        "stage": "prod",
    },
    "isBase64Encoded": False,
}


@pytest.fixture
def function(tmp_path, publish):
    """The function in a process of its own, as Lambda starts it."""
    registry = open_registry(f"file://{tmp_path}/registry")
    publish(registry)
    registry.promote(Reference("mood", version=1), by="ada")
    api = RuntimeApi()
    process = subprocess.Popen(
        [sys.executable, "-m", "awslambdaric", "hotseat_serve.handler.handler"],
        env={
            **os.environ,
            "AWS_LAMBDA_RUNTIME_API": api.address,
            "HOTSEAT_REGISTRY": registry.store.uri,
            "HOTSEAT_CACHE": str(tmp_path / "cache"),
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield api
    process.kill()
    process.wait()
    api.close()


def body(answer):
    """The body of API Gateway's answer."""
    data = answer["body"]
    return json.loads(base64.b64decode(data) if answer["isBase64Encoded"] else data)


def test_the_function_answers_under_the_real_client(function):
    """REST and HTTP events, encoded or not, direct invocations, and bad requests."""
    text = '{"text": "good"}'
    encoded = {
        "body": base64.b64encode(text.encode()).decode(),
        "isBase64Encoded": True,
    }
    for event in (
        {**REST, "path": "/model-service", "body": text},
        {**REST, "path": "/model-service", **encoded},
        {**HTTP, "rawPath": "/prod/model-service", "body": text},
        {**HTTP, "rawPath": "/prod/v1/models/mood/predict", **encoded},
    ):
        answer = function.ask(event)
        assert (answer["statusCode"], body(answer)["label"]) == (200, "positive")
        assert body(answer)["request_id"] == f"aws-{function.count}"
    assert function.ask({"text": "good"})["label"] == "positive"
    assert function.ask({"model": "mood", "version": 1, "input": "bad"})["version"] == 1
    assert function.ask({"model": "nobody", "input": "x"})["code"] == "model_not_found"
    answer = function.ask({**REST, "path": "/model-service", "body": "{"})
    assert (answer["statusCode"], body(answer)["code"]) == (400, "invalid_json")
    infer = {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES",
                         "data": ["good"]}]}  # fmt: skip
    answer = function.ask(
        {**REST, "path": "/v2/models/mood/infer", "body": json.dumps(infer)}
    )
    assert body(answer)["outputs"][0]["shape"] == [1, 2]


def test_the_pages_come_from_fastapi(function):
    """The document and its viewer are there too, when they are asked for."""
    page = {**REST, "httpMethod": "GET", "path": "/openapi.json", "body": None}
    answer = function.ask(page)
    assert (answer["statusCode"], body(answer)["info"]["title"]) == (200, "Hotseat")


def port():
    """A free one."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def invoke(tmp_path, publish):
    """Ask the function by the emulator's HTTP address."""
    assert EMULATOR.exists(), f"no {EMULATOR}: make clients"
    registry = open_registry(f"file://{tmp_path}/registry")
    publish(registry), publish(registry, positive=0.8)
    registry.promote(Reference("mood", version=1), by="ada")
    here, api = f"127.0.0.1:{port()}", f"127.0.0.1:{port()}"
    process = subprocess.Popen(
        [EMULATOR, "--runtime-interface-emulator-address", here,
         "--runtime-api-address", api,
         sys.executable, "-m", "awslambdaric", "hotseat_serve.handler.handler"],
        env={
            **os.environ,
            "HOTSEAT_REGISTRY": registry.store.uri,
            "HOTSEAT_CACHE": str(tmp_path / "cache"),
            "HOTSEAT_REFRESH_SECONDS": "0",
            "AWS_LAMBDA_FUNCTION_TIMEOUT": "20",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://{here}/2015-03-31/functions/function/invocations"
    end = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(here.split(":"), 1).close()
            break
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.05)

    def ask(event):
        data = json.dumps(event).encode()
        with urllib.request.urlopen(url, data, timeout=30) as answer:
            return json.loads(answer.read())

    yield ask, registry
    process.terminate()
    process.wait(10)


def test_the_function_answers_cold_and_warm(invoke):
    """The first and the next invocations answer, and a promote reaches the function."""
    ask, registry = invoke
    text = '{"text": "good"}'
    for event in (
        {**REST, "path": "/model-service", "body": text},
        {**HTTP, "rawPath": "/prod/model-service", "body": text},
    ):
        answer = ask(event)
        assert (answer["statusCode"], body(answer)["label"]) == (200, "positive")
    assert ask({"text": "good"})["version"] == 1
    registry.promote(Reference("mood", version=2), by="ada")
    assert ask({"text": "good"})["version"] == 2
    late = {**REST, "path": "/model-service", "body": text}
    late["headers"] = {**REST["headers"], "Deadline-Ms": "0"}
    assert body(ask(late))["code"] == "deadline_exceeded"

"""The handler under both runtime clients: over a stand-in of the API and the emulator.

The clients are the image's own loop and AWS's awslambdaric.
"""

import base64
import hashlib
import json
import os
import platform
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import onnx
import pytest
from fronts import (
    balancer,
    balancer_many,
    function_url,
    http_one,
    http_two,
    lattice,
    rest,
    unpacked,
)
from onnx import numpy_helper
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


CLIENTS = ["hotseat_serve.lambda_loop", "awslambdaric"]


@pytest.fixture(params=CLIENTS)
def client(request):
    """The module of a runtime client."""
    return request.param


@pytest.fixture
def function(tmp_path, publish, client):
    """The function in a process of its own, as Lambda starts it."""
    registry = open_registry(f"file://{tmp_path}/registry")
    publish(registry)
    registry.promote(Reference("mood", version=1), by="ada")
    api = RuntimeApi()
    process = subprocess.Popen(
        [sys.executable, "-m", client, "hotseat_serve.handler.handler"],
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
def invoke(tmp_path, publish, client):
    """Ask the function by the emulator's HTTP address."""
    assert EMULATOR.exists(), f"no {EMULATOR}: make clients"
    registry = open_registry(f"file://{tmp_path}/registry")
    publish(registry), publish(registry, positive=0.8)
    registry.promote(Reference("mood", version=1), by="ada")
    here, api = f"127.0.0.1:{port()}", f"127.0.0.1:{port()}"
    process = subprocess.Popen(
        [EMULATOR, "--runtime-interface-emulator-address", here,
         "--runtime-api-address", api,
         sys.executable, "-m", client, "hotseat_serve.handler.handler"],
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


@pytest.fixture
def streaming(tmp_path, bundle):
    """The function behind an API that streams, with a version of several megabytes."""
    registry = open_registry(f"file://{tmp_path}/registry")
    manifest, files = bundle()
    model = onnx.load(files["model.onnx"])
    padding = np.random.default_rng(0).bytes(9_000_000)
    model.graph.initializer.append(
        numpy_helper.from_array(np.frombuffer(padding, np.uint8), "padding")
    )
    onnx.save(model, files["model.onnx"])
    registry.publish(manifest, files, by="ada")
    registry.promote(Reference("mood", version=1), by="ada")
    api = RuntimeApi()
    process = subprocess.Popen(
        [sys.executable, "-m", CLIENTS[0], "hotseat_serve.handler.handler"],
        env={
            **os.environ,
            "AWS_LAMBDA_RUNTIME_API": api.address,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
            "HOTSEAT_REGISTRY": registry.store.uri,
            "HOTSEAT_CACHE": str(tmp_path / "cache"),
            "HOTSEAT_DOWNLOADS": "*",
            "HOTSEAT_STREAM": "1",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield api, registry
    process.kill()
    process.wait()
    api.close()


def test_answers_are_streamed_where_the_front_takes_them(streaming):
    """REST APIs and function URLs; others get whole answers, with their limits."""
    api, registry = streaming
    text = b'{"text": "good"}'
    for front in (rest, function_url):
        outcome = api.invoke(front("POST", "/model-service", text))
        prelude, data = outcome.streamed
        assert (prelude["statusCode"], json.loads(data)["label"]) == (200, "positive")
        assert prelude["headers"]["content-type"] == "application/json"
        prelude, data = api.invoke(front("POST", "/model-service", b"{")).streamed
        assert (prelude["statusCode"], json.loads(data)["code"]) == (
            400, "invalid_json",
        )  # fmt: skip
    for front in (http_one, http_two, balancer, balancer_many, lattice):
        answer = api.ask(front("POST", "/model-service", text))
        assert unpacked(answer)[0] == 200
    assert api.ask({"text": "good"})["label"] == "positive"
    manifest = registry.resolve(Reference("mood", version=1))
    name, entry = max(manifest.files.items(), key=lambda item: item[1].size)
    assert entry.size > 9_000_000
    path = f"/v1/models/mood/versions/1/files/{name}"
    outcome = api.invoke(rest("GET", path))
    prelude, data = outcome.streamed
    assert prelude["statusCode"] == 200
    assert hashlib.sha256(data).hexdigest() == entry.sha256
    assert len(outcome.chunks) > 30
    partial = rest("GET", path, headers={"Range": "bytes=100-8000099"})
    prelude, piece = api.invoke(partial).streamed
    assert (prelude["statusCode"], piece) == (206, data[100:8_000_100])
    whole = api.ask(http_two("GET", path))
    assert unpacked(whole)[0] == 413
    prelude, data = api.invoke(rest("HEAD", path)).streamed
    assert (prelude["statusCode"], data) == (200, b"")

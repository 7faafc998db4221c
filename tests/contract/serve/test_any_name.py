"""Capitals, dots and underscores in a model's name, wherever a name is written."""

import orjson
import pytest

from hotseat import ModelServiceClient
from hotseat.testing import Response
from hotseat_registry import Reference, Registry
from hotseat_registry.stores.folder import FolderStore
from hotseat_serve.api.messages import Request
from hotseat_serve.api.router import Router
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings

NAMES = ["Chat.v2_x", "9", "2048.predict", "A", "x" * 64, "a..b", "v1", "predict"]


@pytest.fixture(params=NAMES)
def named(request, tmp_path, clock, bundle):
    """A model of that name in a folder, live, and in front of everybody."""
    registry = Registry(FolderStore(tmp_path / "registry"), clock)
    registry.publish(*bundle(request.param), by="ada")
    for alias in ("live", "Beta_2.x"):
        registry.promote(Reference(request.param, version=1), alias, by="ada")
    settings = Settings(cache=str(tmp_path / "cache"), downloads=request.param)
    return request.param, Router(ModelCache(registry, settings), settings)


def test_every_route_takes_any_name(named):
    """By name, number and alias; catalogue, both protocols, downloads."""
    name, router = named
    ask = orjson.dumps({"input": "good"})
    rows = orjson.dumps({"instances": ["good"]})
    tensors = orjson.dumps({"inputs": [
        {"name": "text", "datatype": "BYTES", "shape": [1], "data": ["good"]}
    ]})  # fmt: skip
    for path, body in (
        (f"/v1/models/{name}/predict", ask),
        (f"/v1/models/{name}/versions/1/predict", ask),
        (f"/v1/models/{name}/versions/Beta_2.x/predict", ask),
        (f"/v1/models/{name}:predict", rows),
        (f"/v1/models/{name}/versions/1:predict", rows),
        (f"/v1/models/{name}/labels/Beta_2.x:predict", rows),
        (f"/v2/models/{name}/infer", tensors),
        (f"/v2/models/{name}/versions/1/infer", tensors),
        (f"/v1/models/{name}", None),
        (f"/v1/models/{name}/versions/Beta_2.x", None),
        (f"/v1/models/{name}/versions/1/files/model.onnx", None),
        (f"/v2/models/{name}", None),
    ):
        answer = router.answer(Request("POST" if body else "GET", path, body or b""))
        assert answer.status == 200, (path, answer.body)
        if body == ask:
            assert orjson.loads(answer.body)["model"] == name
    catalogue = orjson.loads(router.answer(Request("GET", "/v1/models")).body)
    assert name in str(catalogue)


def test_the_sdk_and_the_device_take_any_name(named, tmp_path):
    """Asked for, and brought under its name into a folder."""
    name, router = named

    class Inside:
        def send(self, request, _timeout):
            path = request.url.partition("localhost:8080")[2]
            headers = {key.lower(): value for key, value in request.headers.items()}
            answer = router.answer(
                Request(request.method, path, request.body or b"", headers)
            )
            return Response(answer.status, answer.headers, answer.body)

        def close(self):
            """Nothing to close."""

    with ModelServiceClient(transport=Inside(), deadline=5) as client:
        assert client.predict("good", model=name, version="Beta_2.x").label
        for reference in (name, f"{name}#Beta_2.x", f"{name}@1"):
            brought = client.download(reference, folder=tmp_path / "device", refresh=0)
            assert (brought.model, brought.version) == (name, 1)
            assert brought.is_current
    assert (tmp_path / "device" / name / "1" / "model.onnx").exists()

"""An encoded image as the whole body of a request, through every adapter."""

import base64
import io
import json

import httpx
import numpy as np
import onnx
import PIL.Image
import pytest
from fronts import balancer, function_url, http_two, lattice, rest, unpacked
from onnx import TensorProto, helper
from small_models import graph, node, value

from hotseat_registry import Input, Manifest, Output, Reference, Signature, Variant
from hotseat_registry.signature import Image
from hotseat_serve.adapters import api_gateway
from hotseat_serve.adapters.asgi import Application
from hotseat_serve.api.router import Router
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings

PATH = "/v1/models/bright/predict"
SHAPE = (-1, 3, 4, 4)
FRONTS = (rest, http_two, function_url, balancer, lattice)


def encoded(kind="PNG", size=(4, 4), level=128):
    buffer = io.BytesIO()
    PIL.Image.new("RGB", size, (level, level, level)).save(buffer, kind, quality=100)
    return buffer.getvalue()


def publish(registry, folder, name, *more):
    """Publish a model whose value is the mean of its image, plus its other inputs."""
    nodes = [node("ReduceMean", ["image"], ["mean"], axes=[1, 2, 3], keepdims=0)]
    inputs, last = [value("image", TensorProto.FLOAT, ["n", 3, 4, 4])], "mean"
    for item in more:
        inputs.append(value(item.name, TensorProto.FLOAT, ["n"]))
        nodes.append(node("Add", [last, item.name], [f"with_{item.name}"]))
        last = f"with_{item.name}"
    nodes.append(node("Identity", [last], ["value"]))
    made = graph(nodes, inputs, [value("value", TensorProto.FLOAT, ["n"])])
    made.opset_import[0].CopyFrom(helper.make_opsetid("", 13))
    path = folder / f"{name}.onnx"
    onnx.save(made, path)
    image = Input("image", "FP32", SHAPE, "image",
                  image=Image(4, 4, max_pixels=10_000))  # fmt: skip
    signature = Signature((image, *more), (Output("value", "FP32", (-1,)),))
    manifest = Manifest(name, "regression", signature,
                        (Variant("fp32", "model.onnx"),), "fp32")  # fmt: skip
    registry.publish(manifest, {"model.onnx": path}, by="ada")
    registry.promote(Reference(name, version=1), by="ada")


@pytest.fixture
def router(registry, tmp_path):
    """A model of one image, one with a second input, and one that may leave it out."""
    publish(registry, tmp_path, "bright")
    publish(registry, tmp_path, "two", Input("gain", "FP32", (-1,), "tensor"))
    gain = Input("gain", "FP32", (-1,), "tensor", default=0.25)
    publish(registry, tmp_path, "optional", gain)
    settings = Settings(cache=str(tmp_path / "cache"), max_body_bytes=50_000)
    return Router(ModelCache(registry, settings), settings)


async def through_asgi(router, body, kind, path=PATH):
    transport = httpx.ASGITransport(Application(router, threads=1))
    async with httpx.AsyncClient(transport=transport, base_url="http://game") as client:
        answer = await client.post(path, content=body, headers={"content-type": kind})
    return answer.status_code, answer.json()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
async def test_an_image_as_the_body_is_answered_like_one_in_base64(router, kind):
    """The three formats, each by its media type."""
    picture = encoded(kind)
    status, raw = await through_asgi(router, picture, f"Image/{kind.lower()}; a=b")
    assert status == 200, raw
    assert raw["value"] == pytest.approx(128 / 255, abs=0.01)
    body = json.dumps({"input": base64.b64encode(picture).decode()}).encode()
    _, packed = await through_asgi(router, body, "application/json")
    assert raw["value"] == packed["value"]


@pytest.mark.parametrize("front", FRONTS)
def test_each_front_of_aws_sends_it_in_base64(router, front):
    """isBase64Encoded, as each sends bytes that are no text."""
    event = front("POST", PATH, encoded(), {"content-type": "image/png"})
    request = api_gateway.parse_event(event, "r-1")
    status, body, _ = unpacked(api_gateway.to_response(router.answer(request), event))
    assert status == 200, body
    assert json.loads(body)["value"] == pytest.approx(128 / 255, abs=0.01)


async def test_an_input_with_a_default_is_not_needed(router):
    """Only what has to be given counts."""
    path = PATH.replace("bright", "optional")
    status, answer = await through_asgi(router, encoded(), "image/png", path)
    assert (status, answer["value"]) == (200, pytest.approx(128 / 255 + 0.25, abs=1e-3))


@pytest.mark.parametrize(
    ("model", "body", "kind", "status", "said"),
    [
        ("two", encoded(), "image/png", 415, "'image', 'gain'"),
        ("bright", encoded(), "image/gif", 415, "image/webp, got 'image/gif'"),
        ("bright", encoded(), "application/octet-stream", 415, "image/png"),
        ("bright", encoded(), "", 415, "got none"),
        ("bright", b"no image", "image/png", 422, "a PNG, JPEG or WebP"),
        ("bright", b"", "image/png", 422, "a PNG, JPEG or WebP"),
        ("bright", b"no image", "text/plain", 400, "not JSON"),
        ("bright", encoded(size=(200, 60)), "image/png", 413, "200 x 60 pixels"),
        ("bright", encoded()[:-30], "image/png", 422, "a PNG, JPEG or WebP"),
        ("bright", encoded() + bytes(50_000), "image/png", 413, "limit is 50000"),
    ],
)  # fmt: skip
async def test_what_does_not_fit_is_refused(router, model, body, kind, status, said):
    """The reason, and nothing is decoded that is too large."""
    path = PATH.replace("bright", model)
    got, answer = await through_asgi(router, body, kind, path)
    assert (got, said in answer["detail"]) == (status, True), answer


def test_json_stays_json_whatever_its_media_type(router):
    """As before: callers in the field send none, or a wrong one."""
    data = base64.b64encode(encoded(level=0)).decode()
    body = json.dumps({"input": data}).encode()
    event = rest("POST", PATH, body, {"content-type": "image/png"})
    answer = router.answer(api_gateway.parse_event(event, "r-1"))
    assert (answer.status, np.isclose(json.loads(answer.body)["value"], 0)) == (200, 1)

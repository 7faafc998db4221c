"""The Open Inference Protocol, in process: what is answered, byte for byte."""

import gzip
import json
import struct
import zlib

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from onnx import TensorProto, helper

from hotseat_registry import Input, Manifest, Output, Reference, Signature, Variant
from hotseat_serve.api.messages import Request
from hotseat_serve.api.router import Router
from hotseat_serve.codec import tensors
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings

TYPES = {
    "BOOL": TensorProto.BOOL, "UINT8": TensorProto.UINT8, "INT8": TensorProto.INT8,
    "UINT16": TensorProto.UINT16, "INT16": TensorProto.INT16,
    "UINT32": TensorProto.UINT32, "INT32": TensorProto.INT32,
    "UINT64": TensorProto.UINT64, "INT64": TensorProto.INT64,
    "FP16": TensorProto.FLOAT16, "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE, "BYTES": TensorProto.STRING,
}  # fmt: skip


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
    """A room with one model a datatype, each of which answers what it is given."""
    from hotseat_registry import Registry
    from hotseat_registry.testing import MemoryStore

    folder = tmp_path_factory.mktemp("echo")
    registry = Registry(MemoryStore())
    for name, kind in TYPES.items():
        path = folder / f"{name}.onnx"
        graph = helper.make_graph(
            [helper.make_node("Identity", ["x"], ["value"])],
            "echo",
            [helper.make_tensor_value_info("x", kind, ["n", 2])],
            [helper.make_tensor_value_info("value", kind, ["n", 2])],
        )
        opset = [helper.make_opsetid("", 17)]
        onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
        manifest = Manifest(
            model=f"echo-{name.lower()}",
            kind="regression",
            signature=Signature(
                inputs=(Input("x", name, (-1, 2), "tensor"),),
                outputs=(Output("value", name, (-1, 2)),),
                labels=("no", "yes"),
                max_rows=100,
            ),
            variants=(Variant("fp32", "m.onnx"),),
            default_variant="fp32",
        )
        made = registry.publish(manifest, {"m.onnx": path}, by="ada")
        registry.promote(Reference(made.model, version=1), by="ada")
    chosen = Settings(cache=str(folder / "cache"))
    return Router(ModelCache(registry, chosen), chosen)


def infer(router, model, body, headers=None, *, tail=b""):
    """Ask and return status, JSON part, binary part and headers."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = dict(headers or {})
    if tail:
        headers["inference-header-content-length"] = str(len(data))
    request = Request("POST", f"/v2/models/{model}/infer", data + tail, headers, "r")
    answer = router.answer(request)
    size = int(answer.headers.get("inference-header-content-length", len(answer.body)))
    return (
        answer.status, json.loads(answer.body[:size]), answer.body[size:],
        answer.headers,
    )  # fmt: skip


def tensor(datatype, data, shape=(1, 2), **more):
    """One input tensor."""
    return {
        "name": "x",
        "datatype": datatype,
        "shape": list(shape),
        "data": data,
        **more,
    }


SAMPLES = {
    "BOOL": [True, False], "BYTES": ["雪", ""], "FP16": [0.5, -2.0],
    "FP32": [0.5, -2.0], "FP64": [0.1, 1e300], "INT64": [2**63 - 1, -(2**63)],
    "UINT64": [2**64 - 1, 0], "INT8": [-128, 127], "UINT8": [0, 255],
    "INT16": [-(2**15), 2**15 - 1], "UINT16": [0, 2**16 - 1],
    "INT32": [-(2**31), 2**31 - 1], "UINT32": [0, 2**32 - 1],
}  # fmt: skip


@pytest.mark.parametrize("datatype", TYPES)
@pytest.mark.parametrize("nested", [False, True])
def test_every_datatype_in_json(rooms, datatype, nested):
    """Flat and nested data come back as they went, to the last bit."""
    values = SAMPLES[datatype]
    data = [values] if nested else values
    body = {"id": "a-1", "inputs": [tensor(datatype, data)]}
    status, answer, _, _ = infer(rooms, f"echo-{datatype.lower()}", body)
    assert status == 200, answer
    assert answer == {
        "model_name": f"echo-{datatype.lower()}",
        "model_version": "1",
        "id": "a-1",
        "parameters": {"variant": "fp32"},
        "outputs": [
            {"name": "value", "datatype": datatype, "shape": [1, 2], "data": values}
        ],
    }


@pytest.mark.parametrize("datatype", TYPES)
def test_every_datatype_in_binary(rooms, datatype):
    """Raw bytes come back as they went, for one output and for all."""
    array = np.array([SAMPLES[datatype]], tensors.DTYPES[datatype])
    raw = tensors.to_bytes(array)
    item = {"name": "x", "datatype": datatype, "shape": [1, 2],
            "parameters": {"binary_data_size": len(raw)}}  # fmt: skip
    for wish in (
        {"outputs": [{"name": "value", "parameters": {"binary_data": True}}]},
        {"parameters": {"binary_data_output": True}},
    ):
        body = {"inputs": [item], **wish}
        status, answer, tail, _ = infer(
            rooms, f"echo-{datatype.lower()}", body, tail=raw
        )
        assert status == 200, answer
        assert tail == raw
        assert answer["outputs"][0]["parameters"] == {"binary_data_size": len(raw)}
        assert "data" not in answer["outputs"][0]


@settings(deadline=None)
@given(
    st.sampled_from([n for n in TYPES if n != "BYTES"]).flatmap(
        lambda n: st.tuples(st.just(n), hnp.arrays(tensors.DTYPES[n], st.just((3, 2))))
    )
)
def test_bytes_to_array_and_back(pair):
    """Any array survives its raw form."""
    name, array = pair
    raw = tensors.to_bytes(array)
    again = tensors.from_bytes(memoryview(raw), name, array.shape)
    assert again.tobytes() == array.tobytes()


BAD = [
    (b"{", "not JSON"),
    (b"[]", "JSON object"),
    ({}, "one or more tensors"),
    ({"inputs": []}, "one or more tensors"),
    ({"inputs": [7]}, "has to be an object"),
    ({"inputs": [{**tensor("FP32", [1, 2]), "name": "z"}]}, "unknown input 'z'"),
    ({"inputs": [tensor("FP32", [1, 2])] * 2}, "given twice"),
    ({"inputs": [tensor("FP64", [1, 2])]}, "is FP32, not FP64"),
    ({"inputs": [tensor("FP32", [1, 2], (2,))]}, "has shape [2]"),
    ({"inputs": [tensor("FP32", [1, 2, 3], (1, 3))]}, "has shape [1, 3]"),
    ({"inputs": [tensor("FP32", [1, 2, 3])]}, "3 elements"),
    ({"inputs": [tensor("FP32", [1, "2"])]}, "not all FP32"),
    ({"inputs": [tensor("FP32", [1, None])]}, "not all FP32"),
    ({"inputs": [tensor("FP32", [1, True])]}, "not all FP32"),
    ({"inputs": [tensor("FP32", "12")]}, "have to be a list"),
    ({"inputs": [tensor("FP32", None)]}, "have to be a list"),
    ({"inputs": [tensor("FP32", [1e39, 1])]}, "not finite"),
    ({"inputs": [tensor("FP32", [1, 2], (1, -2))]}, "whole numbers"),
    ({"inputs": [tensor("FP32", [1, 2], "12")]}, "whole numbers"),
    ({"inputs": [tensor("FP32", [1, 2])], "outputs": [{"name": "q"}]},
     "unknown output"),
    ({"inputs": [tensor("FP32", [1, 2])], "outputs": 7}, "has to be a list"),
    ({"inputs": [tensor("FP32", [1, 2])], "id": 7}, "id has to be a string"),
    ({"inputs": [{**tensor("FP32", [1, 2]), "parameters": {"binary_data_size": 8}}]},
     "binary_data_size 8"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "says"), BAD)
def test_bad_requests_are_named(rooms, body, says):
    """Whatever is wrong is a 400 that says what, in the protocol's own shape."""
    status, answer, _, _ = infer(rooms, "echo-fp32", body)
    assert status == 400
    assert list(answer) == ["error"]
    assert says in answer["error"]


@pytest.mark.parametrize(
    ("model", "data", "says"),
    [("int8", [1, 300], "do not fit INT8"), ("int8", [1, 2.5], "not all INT8"),
     ("uint64", [-1, 2], "do not fit UINT64"), ("bool", [1, 0], "not all BOOL"),
     ("bytes", [1, "a"], "not all BYTES"), ("int64", [2**63, 0], "do not fit INT64")],
)  # fmt: skip
def test_numbers_that_do_not_fit_are_named(rooms, model, data, says):
    """Nothing is rounded or wrapped around silently."""
    body = {"inputs": [tensor(model.upper(), data)]}
    status, answer, _, _ = infer(rooms, f"echo-{model}", body)
    assert (status, says in answer["error"]) == (400, True), answer


def test_non_finite_binary_is_refused(rooms):
    """NaN in raw bytes is refused where the signature forbids it."""
    raw = struct.pack("<2f", float("nan"), 1)
    item = {"name": "x", "datatype": "FP32", "shape": [1, 2],
            "parameters": {"binary_data_size": 8}}  # fmt: skip
    status, answer, _, _ = infer(rooms, "echo-fp32", {"inputs": [item]}, tail=raw)
    assert (status, "not finite" in answer["error"]) == (400, True)


def test_too_many_rows_are_refused(rooms):
    """More rows than the signature states are a 413."""
    body = {"inputs": [tensor("FP32", [0] * 202, (101, 2))]}
    status, answer, _, _ = infer(rooms, "echo-fp32", body)
    assert (status, answer) == (413, {"error": "101 rows; the limit is 100"})


@pytest.mark.parametrize("packing", ["gzip", "deflate"])
def test_bodies_are_packed_both_ways(rooms, packing):
    """Gzip and deflate are read and, where it is worth it, written."""
    pack = {"gzip": gzip.compress, "deflate": zlib.compress}[packing]
    unpack = {"gzip": gzip.decompress, "deflate": zlib.decompress}[packing]
    values = [n / 7 for n in range(200)]
    body = json.dumps({"inputs": [tensor("FP64", values, (100, 2))]}).encode()
    headers = {"content-encoding": packing, "accept-encoding": packing}
    request = Request("POST", "/v2/models/echo-fp64/infer", pack(body), headers)
    answer = rooms.answer(request)
    assert answer.headers["content-encoding"] == packing
    assert json.loads(unpack(answer.body))["outputs"][0]["data"] == values


def test_a_body_that_unpacks_without_end_is_refused(rooms):
    """A small body that would fill the memory stops at the limit."""
    bomb = gzip.compress(b" " * 50_000_000)
    request = Request(
        "POST", "/v2/models/echo-fp32/infer", bomb, {"content-encoding": "gzip"}
    )
    assert rooms.answer(request).status == 413


def test_classification_names_the_best(rooms):
    """The extension answers score, index and label of the highest."""
    body = {
        "inputs": [tensor("FP32", [0.25, 0.75])],
        "outputs": [{"name": "value", "parameters": {"classification": 1}}],
    }
    _, answer, _, _ = infer(rooms, "echo-fp32", body)
    assert answer["outputs"] == [
        {
            "name": "value",
            "datatype": "BYTES",
            "shape": [1, 1],
            "data": ["0.750000:1:yes"],
        }
    ]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v2/health/live", {"live": True}),
        ("/v2/models/echo-fp32/ready", {"name": "echo-fp32", "ready": True}),
        ("/v2/models/echo-fp32/versions/1/ready", {"name": "echo-fp32", "ready": True}),
        ("/v2/models/echo-fp32/versions/live", {
            "name": "echo-fp32", "versions": ["1"], "platform": "onnxruntime_onnx",
            "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}],
            "outputs": [{"name": "value", "datatype": "FP32", "shape": [-1, 2]}]}),
    ],
)  # fmt: skip
def test_what_is_there_is_told(rooms, path, expected):
    """Health and metadata have bodies, with and without a version."""
    answer = rooms.answer(Request("GET", path))
    assert (answer.status, json.loads(answer.body)) == (200, expected)


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
def test_server_metadata_needs_no_redirect(rooms, path):
    """Both spellings answer at once, and name the extensions."""
    answer = rooms.answer(Request("GET", path))
    assert "binary_tensor_data" in json.loads(answer.body)["extensions"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v2/models/nobody", 404), ("POST", "/v2/models/nobody/infer", 404),
     ("GET", "/v2/models/echo-fp32/versions/9", 404), ("GET", "/v2/nothing", 404),
     ("GET", "/v2/models/echo-fp32/infer", 405), ("POST", "/v2", 405)],
)  # fmt: skip
def test_errors_have_the_protocols_shape(rooms, method, path, status):
    """404 and 405 too are ``{"error": ...}``."""
    answer = rooms.answer(Request(method, path))
    assert answer.status == status
    assert list(json.loads(answer.body)) == ["error"]


def test_statistics_count(rooms):
    """What was asked is counted, failures apart."""
    before = stats(rooms)
    infer(rooms, "echo-fp16", {"inputs": [tensor("FP16", [1, 2])]})
    infer(rooms, "echo-fp16", {"inputs": []})
    after = stats(rooms)
    assert after["inference_count"] == before["inference_count"] + 1
    failed = [s["inference_stats"]["fail"]["count"] for s in (before, after)]
    assert failed[1] == failed[0] + 1


def stats(router):
    """The statistics of echo-fp16."""
    answer = router.answer(Request("GET", "/v2/models/echo-fp16/stats"))
    return json.loads(answer.body)["model_stats"][0]


def test_the_index_lists_models(rooms):
    """The repository index names every model, with the version that is live."""
    answer = rooms.answer(Request("POST", "/v2/repository/index", b"{}"))
    found = {item["name"]: item["state"] for item in json.loads(answer.body)}
    assert found["echo-bool"] == "READY"
    assert len(found) == len(TYPES)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.integers(-5, 5)
        | st.floats(allow_nan=False, allow_infinity=False, width=32)
        | st.none()
        | st.booleans()
        | st.text(max_size=2)
        | st.integers(2**62, 2**66),
        min_size=2,
        max_size=2,
    ),
    st.sampled_from(["FP32", "INT64", "BOOL", "BYTES", "UINT8"]),
)
def test_large_and_small_requests_are_read_alike(rooms, data, datatype):
    """Two readers of JSON, chosen by size, take and refuse the same requests."""
    body = {"inputs": [tensor(datatype, data)]}
    small = json.dumps(body).encode()
    large = small + b" " * 5000
    name = f"echo-{datatype.lower()}"
    one, other = infer(rooms, name, small), infer(rooms, name, large)
    assert one[0] == other[0]
    if one[0] == 200:
        assert one[1] == other[1]

"""Random graphs answer on both APIs what onnxruntime itself answers."""

import json
import struct
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import small_models
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_models import graph, node, value

from hotseat_registry import Input, Output, Signature
from hotseat_serve.api.messages import Request
from hotseat_serve.codec.tensors import DTYPES

ONNX = {
    "BOOL": 9, "UINT8": 2, "UINT16": 4, "UINT32": 12, "UINT64": 13, "INT8": 3,
    "INT16": 5, "INT32": 6, "INT64": 7, "FP16": 10, "FP32": 1, "FP64": 11, "BYTES": 8,
}  # fmt: skip
"""The protocol's datatypes by ONNX's numbers (TensorProto.DataType)."""

dims = st.lists(st.sampled_from([-1, 0, 1, 2, 3]), max_size=3).map(tuple)
inputs = st.lists(
    st.tuples(
        st.sampled_from(sorted(ONNX)),
        st.one_of(st.just(()), dims.map(lambda tail: (-1, *tail))),
    ),
    min_size=1,
    max_size=3,
)


def made(given_inputs):
    """Return a kind tensor that answers each input, and numbers twice over."""
    named = [(f"x{n}", *each) for n, each in enumerate(given_inputs)]
    nodes, takes, answers, outputs = [], [], [], []
    for name, datatype, shape in named:
        names = [f"{name}{at}" if n < 0 else n for at, n in enumerate(shape)]
        if shape:
            names[0] = "rows"
        takes.append(value(name, ONNX[datatype], names))
        kinds = [("Identity", [name])]
        if datatype in {"FP32", "FP64", "INT32", "INT64"}:
            kinds.append(("Add", [name, name]))
        for kind, given_names in kinds:
            output = f"{name}-{kind.lower()}"
            nodes.append(node(kind, given_names, [output]))
            answers.append(value(output, ONNX[datatype], names))
            outputs.append(Output(output, datatype, shape))
    signature = Signature(
        tuple(Input(name, kind, shape, "tensor") for name, kind, shape in named),
        tuple(outputs),
    )
    return "tensor", signature, graph(nodes, takes, answers)


def drawn(data, datatype, shape):
    """Return an array of this type whose values JSON can hold."""
    size = int(np.prod(shape))
    dtype = DTYPES[datatype]
    if datatype == "BYTES":
        items = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
    elif datatype == "BOOL":
        items = st.booleans()
    elif dtype.kind == "f":
        bits = 8 * min(dtype.itemsize, 4)
        items = st.floats(-100, 100, width=bits)
    else:
        limits = np.iinfo(dtype)
        items = st.integers(int(limits.min) // 2, int(limits.max) // 2)
    values = data.draw(st.lists(items, min_size=size, max_size=size))
    array = np.empty(size, object if datatype == "BYTES" else dtype)
    array[:] = values
    return array.reshape(shape)


def packed(array, datatype):
    """Return an array as the protocol's binary data."""
    if datatype != "BYTES":
        return array.tobytes()
    words = [text.encode() for text in array.ravel()]
    return b"".join(struct.pack("<I", len(word)) + word for word in words)


def asked(router, path, body, tail=b""):
    """Return the answer's JSON; fails unless it is 200."""
    data = json.dumps(body).encode()
    headers = {"inference-header-content-length": str(len(data))} if tail else {}
    answer = router.answer(Request("POST", path, data + tail, headers, "r-1"))
    assert answer.status == 200, answer.body
    return answer


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(inputs, st.integers(0, 3), st.data())
def test_both_apis_answer_as_the_runtime_does(given_inputs, rows, data):
    """Any types, ranks, lengths and no length at all; in JSON and binary."""
    if all(not shape for _, shape in given_inputs):
        rows = 1
    kind, signature, model = made(given_inputs)
    arrays = {}
    for item in signature.inputs:
        shape = [data.draw(st.integers(0, 3)) if n < 0 else n for n in item.shape]
        if shape:
            shape[0] = rows
        arrays[item.name] = drawn(data, item.datatype, shape)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    names = [item.name for item in signature.outputs]
    expected = dict(zip(names, session.run(names, arrays), strict=True))
    with tempfile.TemporaryDirectory() as folder:
        router = small_models.router(
            Path(folder), {"any": lambda: (kind, signature, model)}, default_model="any"
        )
        _infer_json(router, signature, arrays, expected)
        _infer_binary(router, signature, arrays, expected)
        scalars = any(not item.shape for item in signature.inputs)
        if rows and (rows == 1 or not scalars):
            _predict(router, arrays, expected, rows)


def _described(signature, arrays):
    return [
        {"name": n.name, "datatype": n.datatype, "shape": list(arrays[n.name].shape)}
        for n in signature.inputs
    ]


def _infer_json(router, signature, arrays, expected):
    items = _described(signature, arrays)
    for item in items:
        item["data"] = arrays[item["name"]].ravel().tolist()
    answer = json.loads(asked(router, "/v2/models/any/infer", {"inputs": items}).body)
    for output in answer["outputs"]:
        right = expected[output["name"]]
        assert output["shape"] == list(right.shape)
        assert _same(output["data"], right.ravel())


def _infer_binary(router, signature, arrays, expected):
    items = _described(signature, arrays)
    tail = b""
    for item in items:
        part = packed(arrays[item["name"]], item["datatype"])
        item["parameters"] = {"binary_data_size": len(part)}
        tail += part
    body = {"inputs": items, "parameters": {"binary_data_output": True}}
    if not tail:
        return  # no values, no binary part
    answer = asked(router, "/v2/models/any/infer", body, tail)
    length = int(answer.headers["inference-header-content-length"])
    left = answer.body[length:]
    for output in json.loads(answer.body[:length])["outputs"]:
        right = expected[output["name"]]
        size = output["parameters"]["binary_data_size"]
        assert left[:size] == packed(right, output["datatype"])
        left = left[size:]
    assert left == b""


def _predict(router, arrays, expected, rows):
    inputs = [
        {name: _part(array, row) for name, array in arrays.items()}
        for row in range(rows)
    ]
    answer = json.loads(
        asked(router, "/v1/models/any/predict", {"inputs": inputs}).body
    )
    for row, found in enumerate(answer["predictions"]):
        for name, right in expected.items():
            part = right[row] if right.ndim else right[()]
            assert _same(found["outputs"][name], part), name


def _same(found, right):
    """Whether JSON says these values: of a number the shortest text that is read so."""
    right = np.asarray(right)
    return np.array_equal(np.asarray(found, right.dtype).reshape(right.shape), right)


def _part(array, row):
    """Return a row as JSON has it; all rows share a scalar."""
    part = array[row] if array.ndim else array[()]
    return part.tolist() if isinstance(part, np.ndarray | np.generic) else part

"""A request like an earlier one is answered as if it came first."""

import json

import numpy as np
import pytest
import small_models
from hypothesis import example, given
from hypothesis import strategies as st
from small_models import F, graph, node, value

from hotseat_registry import Input, Output, Reference, Signature
from hotseat_serve.api.messages import Request

NAMES = {"FP32": F, "INT8": 3, "INT64": 7, "UINT64": 13, "BOOL": 9, "BYTES": 8}


def echo(datatype, kind):
    """A graph of two columns that answers what it is given."""
    shape, dims = (-1, 2), ["n", 2]
    signature = Signature(
        (Input("x", datatype, shape, "tensor"),), (Output("y", datatype, shape),)
    )
    return "tensor", signature, graph(
        [node("Identity", ["x"], ["y"])],
        [value("x", kind, dims)], [value("y", kind, dims)],
    )  # fmt: skip


@pytest.fixture(scope="module")
def router(tmp_path_factory):
    models = {
        name.lower(): lambda name=name, kind=kind: echo(name, kind)
        for name, kind in NAMES.items()
    }
    return small_models.router(tmp_path_factory.mktemp("models"), models)


def loaded(router, model):
    return router.models.get(Reference.of(model))


def answer(router, model, body, size=None):
    headers = {} if size is None else {"inference-header-content-length": str(size)}
    request = Request("POST", f"/v2/models/{model}/infer", body, headers, "r")
    got = router.answer(request)
    return got.status, got.body


def without_template(router, model, body, size=None):
    """The answer of a version that has not learnt any request."""
    version = loaded(router, model)
    kept, version.templates = version.templates, ()
    try:
        return answer(router, model, body, size)
    finally:
        version.templates = kept


def document(datatype, data, rows, **more):
    item = {"name": "x", "datatype": datatype, "shape": [rows, 2], "data": data}
    return {"inputs": [item], **more}


def learn(router, datatype, rows, *, sort_keys=False, **more):
    """Send a request of so many rows; return its template."""
    version = loaded(router, datatype.lower())
    version.templates = ()
    element = {"BOOL": True, "BYTES": "a"}.get(datatype, 1)
    whole = document(datatype, [element] * 2 * rows, rows, **more)
    body = json.dumps(whole, sort_keys=sort_keys).encode()
    assert answer(router, datatype.lower(), body)[0] == 200
    (template,) = version.templates
    return template


scalars = st.one_of(
    st.integers(-300, 300), st.integers(-(2**70), 2**70), st.floats(), st.booleans(),
    st.none(), st.text(max_size=4), st.sampled_from(['"', "]", "[", "{}", "1e400"]),
)  # fmt: skip
items = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=5)
oddly = st.sampled_from(
    ["%s", " %s", "%s ", "\n%s", "%s,1", "%s]", "[%s", "%s,", '"%s']
)
ways = st.sampled_from([
    {}, {"sort_keys": True}, {"id": "a"},
    {"outputs": [{"name": "y", "parameters": {"binary_data": True}}]},
])  # fmt: skip


@pytest.mark.parametrize("rows", [1, 600])
@given(
    datatype=st.sampled_from(sorted(NAMES)),
    data=st.lists(items, min_size=2, max_size=2),
    text=oddly,
    way=ways,
)
@example(datatype="FP32", data=[1, [2]], text="%s", way={})  # simdjson flattens it
@example(datatype="FP32", data=[1, {}], text="%s", way={})
def test_any_data_between_the_known_bytes(router, rows, datatype, data, text, way):
    """Whatever stands there, the answer is that of a first request."""
    template = learn(router, datatype, rows, **way)
    middle = (text % json.dumps(data * rows)).encode()
    body = template.before + middle + template.after
    model = datatype.lower()
    assert answer(router, model, body) == without_template(router, model, body)


@given(
    rows=st.integers(1, 3),
    extra=st.integers(-9, 9),
    numbers=st.lists(st.floats(width=32), min_size=6, max_size=6),
)
def test_any_bytes_after_the_known_json(router, rows, extra, numbers):
    """Of binary tensors, too; wrong lengths and numbers are refused alike."""
    version = loaded(router, "fp32")
    version.templates = ()
    item = {"name": "x", "datatype": "FP32", "shape": [rows, 2]}
    item["parameters"] = {"binary_data_size": 8 * rows}
    head = json.dumps({"inputs": [item]}).encode()
    body = head + bytes(8 * rows)
    assert answer(router, "fp32", body, len(head))[0] == 200
    assert version.templates[0].is_binary
    data = np.array(numbers, np.float32).tobytes()[: 8 * rows]
    data = data[:extra] if extra < 0 else data + bytes(extra)
    got = answer(router, "fp32", head + data, len(head))
    assert got == without_template(router, "fp32", head + data, len(head))


TENSOR = b'{"name":"x","datatype":"FP32","shape":[1,2],"data":'


@pytest.mark.parametrize("body", [
    b'{"inputs":[' + TENSOR + b'[1,2],"data":[3,4]}]}',
    b'{"inputs":[' + TENSOR + b"[[1,2]]}]}",
    b'{"id":"\\"data\\":[1,2]","inputs":[' + TENSOR + b"[3,4]}]}",
    b'{"x":{"data":[3,4]},"inputs":[' + TENSOR + b"[3,4]}]}",
])  # fmt: skip
def test_another_list_in_the_body_is_not_taken_for_the_numbers(router, body):
    """The first list after ``"data"`` may be a text's, a parameter's or a double."""
    version = loaded(router, "fp32")
    version.templates = ()
    assert answer(router, "fp32", body)[0] == 200
    for other in (b"[5,6]", b"[7,8]"):
        changed = body.replace(b"[3,4]", other).replace(b"[1,2]", other, 1)
        got = answer(router, "fp32", changed)
        assert got == without_template(router, "fp32", changed)


@pytest.mark.parametrize("binary", [True, False])
def test_long_requests_are_not_kept(router, binary):
    """What a caller adds must not fill the memory."""
    version = loaded(router, "fp32")
    version.templates = ()
    whole = document("FP32", [1, 2], 1, parameters={"note": "x" * 5000})
    if binary:
        del whole["inputs"][0]["data"]
        whole["inputs"][0]["parameters"] = {"binary_data_size": 8}
    body = json.dumps(whole).encode()
    tail, size = (bytes(8), len(body)) if binary else (b"", None)
    assert answer(router, "fp32", body + tail, size)[0] == 200
    assert version.templates == ()


def test_a_new_form_is_learnt_in_time(router):
    """A caller that goes away does not keep the others from it."""
    first = learn(router, "FP32", 1)
    for number in range(99):
        body = json.dumps(document("FP32", [1, 2], 1, id=str(number))).encode()
        assert answer(router, "fp32", body)[0] == 200
    templates = loaded(router, "fp32").templates
    assert len(templates) == 4
    assert first not in templates

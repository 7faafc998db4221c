"""Inputs and true answers from files of several formats."""

import json

import numpy as np
import pytest

from hotseat_registry.signature import Field, Input, Signature
from hotseat_train.external import examples
from hotseat_train.external.errors import UnclearError

TENSOR = Signature((Input("x", "FP32", (-1, 2), "tensor"),), ())
TEXT = Signature((Input("text", "BYTES", (-1,), "text"),), ())
FIELDS = Signature(
    (
        Input("n", "FP32", (-1, 1), "features", fields=(Field("hours"),)),
        Input("w", "BYTES", (-1, 1), "features", fields=(Field("land", "category"),)),
    ),
    (),
)
LINES = [{"x": [1, 2], "truth": "a"}, {"x": [3, 4], "truth": "b"}]


@pytest.mark.parametrize(
    ("name", "content", "signature", "inputs"),
    [
        ("a.json", json.dumps(LINES), TENSOR, [{"x": [1, 2]}, {"x": [3, 4]}]),
        ("a.json", json.dumps({"inputs": LINES}), TENSOR,
         [{"x": [1, 2]}, {"x": [3, 4]}]),
        ("a.jsonl", "\n".join(map(json.dumps, LINES)), TENSOR,
         [{"x": [1, 2]}, {"x": [3, 4]}]),
        ("a.jsonl", '{"input": "hi", "truth": "a"}\n{"input": "ho", "truth": "b"}',
         TEXT, ["hi", "ho"]),
        ("a.csv", "p,truth,q\n1,a,2\n3,b,4\n", TENSOR, [[1.0, 2.0], [3.0, 4.0]]),
        ("a.csv", "line,truth\nhi,a\nho,b\n", TEXT, ["hi", "ho"]),
        ("a.csv", "truth,text\na,hi\nb,ho\n", TEXT, [{"text": "hi"}, {"text": "ho"}]),
        ("a.csv", "hours,land,truth\n1,de,a\n,fr,b\n", FIELDS,
         [{"hours": 1.0, "land": "de"}, {"hours": None, "land": "fr"}]),
    ],
)  # fmt: skip
def test_targets_are_taken_out(tmp_path, name, content, signature, inputs):
    """Columns and fields, whatever their order."""
    path = tmp_path / name
    path.write_text(content)
    found = examples.read_labelled(path, signature, "truth")
    assert (found.inputs, found.targets, found.left) == (inputs, ["a", "b"], 0)


def test_arrays_have_targets(tmp_path):
    """An array beside the inputs; what is not read is counted."""
    path = tmp_path / "a.npz"
    np.savez(path, x=np.ones((5, 2)), truth=np.arange(5))
    found = examples.read_labelled(path, TENSOR, "truth", 3)
    assert (len(found.inputs), found.targets, found.left) == (3, [0, 1, 2], 2)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", "p,q\n1,2\n", "has no 'truth'"),
        ("a.txt", "hi\n", "has no 'truth'"),
        ("a.jsonl", '{"x": 1}', "input 1 has no field 'truth'"),
        ("a.jsonl", "[1, 2]", "input 1 has no field 'truth'"),
        ("a.csv", "p,truth\none,a\n", "cannot be read"),
    ],
)
def test_a_missing_target_is_named(tmp_path, name, content, says):
    """Nothing is compared with targets that are not there."""
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(UnclearError, match=says):
        examples.read_labelled(path, TENSOR, "truth")

"""What a version is."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotseat_registry.errors import IntegrityError
from hotseat_registry.manifest import Manifest
from hotseat_registry.seal import sealed
from hotseat_registry.signature import Field

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def manifest_json():
    """A manifest as it stands in a registry."""
    return {
        "format": 1,
        "model": "mood",
        "version": 3,
        "kind": "classification",
        "signature": {
            "inputs": [
                {"name": "text", "datatype": "BYTES", "shape": [-1], "form": "text"}
            ],
            "outputs": [{"name": "scores", "datatype": "FP32", "shape": [-1, 2]}],
            "labels": ["negative", "positive"],
        },
        "variants": [{"name": "fp32", "file": "model.onnx", "metrics": {"n": 1}}],
        "default_variant": "fp32",
        "files": {"model.onnx": {"sha256": "ab" * 32, "size": 3}},
        "lineage": {},
        "card": "",
    }


@given(st.dictionaries(st.text(min_size=1).map("x-{}".format), json_values))
def test_unknown_fields_survive(manifest_json, unknown):
    """What a newer publisher wrote is still there after reading and writing."""
    document = json.loads(json.dumps(manifest_json))
    document |= unknown
    document["signature"] |= unknown
    document["signature"]["inputs"][0] |= unknown
    document["variants"][0] |= unknown
    document["files"]["model.onnx"] |= unknown
    manifest = Manifest.from_json(document)
    assert manifest.to_json() == document
    assert Manifest.from_bytes(manifest.to_bytes(), "copy") == manifest


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": 2}, "update hotseat-platform"),
        ({"kind": "oracle"}, "kind 'oracle'"),
        ({"default_variant": "int4"}, "no variant 'int4'"),
        ({"variants": 3}, "not iterable"),
    ],
)
def test_a_manifest_that_cannot_be_served_says_why(manifest_json, change, says):
    """A newer format, an unknown kind or a missing variant is refused by name."""
    data = sealed(manifest_json | change)
    with pytest.raises(IntegrityError, match=says):
        Manifest.from_bytes(data, "models/mood/versions/3.json")


def test_a_missing_field_is_named(manifest_json):
    """A manifest without a field says which one."""
    document = {key: value for key, value in manifest_json.items() if key != "model"}
    with pytest.raises(IntegrityError, match="model"):
        Manifest.from_json(document)


@pytest.mark.parametrize(
    ("field", "says"),
    [
        ({"observed": [1]}, "observed is the least and the greatest"),
        ({"observed": [2, 1]}, "observed is the least and the greatest"),
        ({"observed": [None, 1]}, "observed is the least and the greatest"),
        ({"observed": ["a", "b"]}, "observed is the least and the greatest"),
        ({"observed": [float("nan"), 1]}, "observed is the least and the greatest"),
        ({"known": ["elf", 7]}, "known are strings"),
        ({"categories": [7]}, "categories are strings"),
        ({"minimum": "0"}, "minimum is a number"),
        ({"maximum": True}, "maximum is a number"),
    ],
)
def test_a_field_says_what_training_saw_or_nothing(field, says):
    """Ranges and categories of another shape are refused before they are served."""
    with pytest.raises(IntegrityError, match=says):
        Field.from_json({"name": "hours", **field})


def test_a_field_keeps_what_training_saw():
    """Ranges and known categories come back from JSON as they were written."""
    field = Field("race", "category", known=("elf",), observed=(0, 1.5))
    assert Field.from_json(json.loads(json.dumps(field.to_json()))) == field

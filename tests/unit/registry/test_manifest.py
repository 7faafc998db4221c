"""What a version is."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotseat_registry.checksummed_json import write_checksummed
from hotseat_registry.errors import IntegrityError
from hotseat_registry.manifest import Manifest
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
        ({"format": 99}, "update hotseat-platform"),
        ({"kind": "oracle"}, "kind 'oracle'"),
        ({"default_variant": "int4"}, "no variant 'int4'"),
        ({"variants": 3}, "variants is a list, each of it an object .*, not 3"),
        ({"variants": ["fp32"]}, "variant: expected an object, not 'fp32'"),
        ({"lineage": []}, "lineage is an object"),
        ({"card": None}, "card is a text, not None"),
        ({"version": True}, "version is a whole number, not True"),
        ({"version": -1}, "version is a number from 1"),
        ({"published_at": "yesterday"}, "not 'yesterday'"),
        ({"published_at": "2026-11-23T12:00"}, "expected a time"),
        ({"golden": "golden.json"}, "'golden.json', and there is no such file"),
        ({"files": {"model.onnx": {"sha256": "/etc/passwd", "size": 1}}}, "no SHA-256"),
        ({"files": {"model.onnx": {"sha256": "AB" * 32, "size": 1}}}, "no SHA-256"),
        ({"files": {"model.onnx": {"sha256": "ab" * 32, "size": -1}}}, "no size"),
        ({"files": {"model.onnx": {"sha256": "ab" * 32, "size": 1.0}}}, "whole number"),
        ({"variants": [{"name": "fp32", "file": "notes.md"}]}, "ends in .onnx"),
        ({"lineage": json.loads("[" * 90 + "]" * 90)}, "nested more than 64 deep"),
    ],
)
def test_a_manifest_that_cannot_be_served_says_why(manifest_json, change, says):
    """A newer format, an unknown kind or a missing variant is refused by name."""
    data = write_checksummed(manifest_json | change)
    with pytest.raises(IntegrityError, match=says):
        Manifest.from_bytes(data, "models/mood/versions/3.json")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("../x.json", "no plain file name"), ("a/b.json", "no plain file name"),
        ("a\\b.json", "no plain file name"), ("..", "no plain file name"),
        ("a\n.json", "no plain file name"), ("x" * 201, "no plain file name"),
        ("c:x.json", "no plain file name"), ("a.json ", "no plain file name"),
        ("model.pkl", "no other format is known"), ("MODEL.onnx", "by case alone"),
    ],
)  # fmt: skip
def test_a_file_that_may_not_be_in_a_version_is_refused_when_it_is_read(
    manifest_json, name, says
):
    """Not only when it is published: anybody may have written the manifest."""
    files = {**manifest_json["files"], name: {"sha256": "cd" * 32, "size": 1}}
    with pytest.raises(IntegrityError, match=says):
        Manifest.from_bytes(write_checksummed(manifest_json | {"files": files}), "it")


def test_weights_have_any_suffix_where_a_variant_names_them(manifest_json):
    """They are numbers that the runtime maps, and nothing executes."""
    files = {**manifest_json["files"], "w.bin": {"sha256": "cd" * 32, "size": 1}}
    variant = {"name": "fp32", "file": "model.onnx", "data": ["w.bin"]}
    change = {"files": files, "variants": [variant]}
    read = Manifest.from_bytes(write_checksummed(manifest_json | change), "it")
    assert read.variants[0].files == ("model.onnx", "w.bin")


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


def test_a_manifest_that_could_not_be_read_again_is_not_published(registry, bundle):
    """A wrong type or a card that is too long stops it before a byte is stored."""
    manifest, files = bundle()
    wrong = replace(manifest.signature, max_rows="ten")
    for broken in (
        replace(manifest, signature=wrong),
        replace(manifest, card="x" * 5_000_000),
        replace(manifest, card="\ud800"),
        replace(manifest, lineage={"folder": Path("/data")}),
        replace(manifest, lineage={"a": json.loads("[" * 90 + "]" * 90)}),
    ):
        with pytest.raises(IntegrityError, match="the manifest of mood@1"):
            registry.publish(broken, files, by="ada")
    assert not registry.store.objects

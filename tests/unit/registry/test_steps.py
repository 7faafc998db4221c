"""The manifest of a pipeline: steps that follow each other, a graph for each."""

from dataclasses import replace

import pytest

from hotseat_registry import Input, Manifest, Output, Signature, Variant
from hotseat_registry.errors import IntegrityError
from hotseat_registry.gate import incompatible
from hotseat_registry.signature import Image
from hotseat_registry.steps import Regions, Step, Transcription

PICTURE = Signature(
    (Input("x", "FP32", (-1, 3, -1, -1), "image", image=Image(96, 96, multiple=32)),),
    (Output("y", "FP32", (-1, 1, -1, -1), role="probabilities"),),
)
WORDS = Signature(
    (Input("text", "BYTES", (-1,), "text"),), (Output("scores", "FP32", (-1, 2)),),
    labels=("ok", "rude"),
)  # fmt: skip
STEPS = (
    Step("find", "regions", PICTURE, regions=Regions()),
    Step("read", "transcription", PICTURE, "find",
         transcription=Transcription("letters.json")),
    Step("judge", "classification", WORDS, "read", flags=("rude",), threshold=0.7),
)  # fmt: skip


def manifest(steps=STEPS, labels=("ok", "flagged"), graphs=None, **more):
    graphs = graphs or {step.name: f"{step.name}.onnx" for step in steps}
    variant = Variant("original", next(iter(graphs.values())), graphs=graphs)
    return Manifest(
        "signs", "pipeline",
        Signature((Input("image", "BYTES", (-1,), "image"),), (), labels=labels),
        (variant,), "original", steps=tuple(steps), **more,
    )  # fmt: skip


def test_a_pipeline_is_read_as_it_was_written():
    """With the format that older readers refuse, and all files that it needs."""
    version = manifest()
    assert Manifest.from_bytes(version.to_bytes(), "it") == version
    assert version.format == 5
    assert version.needed_files == ("letters.json",)
    assert version.variants[0].files == ("find.onnx", "read.onnx", "judge.onnx")


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ((), "1 to 16 steps"),
        ((STEPS[1],), "reads 'find', which is no step before it"),
        ((STEPS[0], STEPS[0]), "a name of its own"),
        ((replace(STEPS[2], source=""),), "reads text, and the input is image"),
        ((STEPS[0], replace(STEPS[2], source="find")), "'find' is regions"),
        ((replace(STEPS[0], kind="magic"),), "kind 'magic' is not one of regions"),
        ((replace(STEPS[0], regions=None),), "'regions' is for the kind regions"),
        ((*STEPS[:2], replace(STEPS[2], flags=("bad",))), "no label 'bad' to flag"),
        ((*STEPS[:2], replace(STEPS[2], threshold=2.0)), "from 0 to 1"),
        ((replace(STEPS[0], flags=("rude",)),), "flags are labels of"),
    ],
)
def test_steps_that_do_not_follow_are_refused(steps, says):
    """By the name of the step."""
    graphs = {step.name: f"{step.name}.onnx" for step in steps} or {"a": "a.onnx"}
    with pytest.raises(IntegrityError, match=says):
        manifest(steps, graphs=graphs) if steps else replace(manifest(), steps=(),
            variants=(Variant("original", "a.onnx"),))  # fmt: skip


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"graphs": {"find": "find.onnx"}}, "a graph for each step"),
        ({"labels": ("a", "b", "c")}, "two labels or none"),
    ],
)
def test_graphs_and_labels_have_to_fit(change, says):
    """Each step has one graph; a pipeline has two labels or none."""
    with pytest.raises(IntegrityError, match=says):
        manifest(**change)


def test_kind_and_records_go_together():
    """A classification has no steps, a pipeline has some."""
    with pytest.raises(IntegrityError, match="go together"):
        replace(manifest(), steps=None)
    with pytest.raises(IntegrityError, match="go together"):
        replace(manifest(), kind="tensor")
    with pytest.raises(IntegrityError, match="go together"):
        replace(manifest(), kind="retrieval", steps=None,
                variants=(Variant("original", "a.onnx"),))  # fmt: skip


def test_callers_of_a_step_need_it():
    """The gate names a step that a new version's answer has no more."""
    shorter = manifest(STEPS[:1])
    assert incompatible(manifest(), shorter) == []
    assert incompatible(shorter, manifest()) == [
        "its answer has no step 'read'", "its answer has no step 'judge'",
    ]  # fmt: skip

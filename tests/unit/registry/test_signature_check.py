"""A signature that promises what the graph does not have is not published."""

from dataclasses import replace

import pytest

from hotseat_registry import Input, Output, signature_check
from hotseat_registry.errors import IntegrityError
from hotseat_registry.graph_types import Tensor

TEXT = {"text": Tensor("BYTES", (-1,))}
SCORES = {"scores": Tensor("FP32", (-1, 2))}
MAPS = {"probabilities": Tensor("sequence of maps", None)}

WRONG = {
    "an input that the graph does not have": (
        {"words": Tensor("BYTES", (-1,))},
        SCORES,
        r"no input 'text'; it has 'words' \(BYTES\)",
    ),
    "an input that the signature does not have": (
        {**TEXT, "length": Tensor("INT64", (-1,))},
        SCORES,
        "wants a further input 'length'",
    ),
    "another type": (
        {"text": Tensor("INT64", (-1,))},
        SCORES,
        "is INT64, the signature says BYTES",
    ),
    "another rank": (
        {"text": Tensor("BYTES", (-1, 1))},
        SCORES,
        r"has the shape \[-1, 1\], the signature says \[-1\]",
    ),
    "no scores": (TEXT, {"label": Tensor("INT64", (-1,))}, "no output 'scores'"),
    "maps, which skl2onnx writes": (TEXT, MAPS, "'zipmap': False"),
    "three scores for two labels": (
        TEXT,
        {"scores": Tensor("FP32", (-1, 3))},
        "for 2 labels",
    ),
    "scores that are no floats": (
        TEXT,
        {"scores": Tensor("INT64", (-1, 2))},
        "has to be a float",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_named(bundle, name):
    """The message says what there is and what the signature says."""
    inputs, outputs, reason = WRONG[name]
    manifest, _ = bundle()
    with pytest.raises(IntegrityError, match=reason):
        signature_check.check(manifest, inputs, outputs)


def test_all_faults_are_named_at_once(bundle):
    """Who corrects a signature does it once."""
    manifest, _ = bundle()
    with pytest.raises(IntegrityError) as error:
        signature_check.check(manifest, {"a": Tensor("FP32", (-1,))}, MAPS)
    for name in ("'text'", "'a'", "'scores'", "zipmap"):
        assert name in str(error.value)


def test_what_fits_passes(bundle):
    """Unknown lengths and unknown shapes fit every length."""
    manifest, _ = bundle()
    signature_check.check(manifest, TEXT, SCORES)
    signature_check.check(manifest, TEXT, {"scores": Tensor("FP32", None)})
    signature_check.check(manifest, TEXT, {"scores": Tensor("FP32", (-1, 1))})
    signature_check.check(manifest, {"text": Tensor("BYTES", (4,))}, SCORES)


@pytest.mark.parametrize(
    ("kind", "outputs", "reason"),
    [
        ("regression", {}, "a regression answers 'value'"),
        ("policy", {}, "a policy answers 'policy'"),
        ("policy", {"policy": Tensor("FP32", (-1, 3))}, "for 2 actions"),
        ("generation", {}, "does not say how to generate"),
    ],
)
def test_every_kind_has_its_outputs(bundle, kind, outputs, reason):
    """What a kind's answers are made from has to be there."""
    made, _ = bundle()
    signature = replace(made.signature, outputs=())
    manifest = replace(made, kind=kind, signature=signature)
    with pytest.raises(IntegrityError, match=reason):
        signature_check.check(manifest, TEXT, outputs)


def test_named_arrays_may_be_any(bundle):
    """The kind tensor takes whatever inputs and outputs a graph has."""
    made, _ = bundle()
    signature = replace(
        made.signature,
        inputs=(
            Input("a", "FP32", (-1, 3, 8), "tensor"),
            Input("b", "INT64", (), "tensor"),
        ),
        outputs=(Output("c", "FP16", (-1, 9)),),
        labels=(),
    )
    manifest = replace(made, kind="tensor", signature=signature)
    inputs = {"a": Tensor("FP32", (-1, 3, 8)), "b": Tensor("INT64", ())}
    signature_check.check(manifest, inputs, {"c": Tensor("FP16", (-1, 9))})


def test_publishing_refuses_it(registry, bundle):
    """Nothing is left in the registry."""
    made, files = bundle()
    wrong = replace(made.signature, inputs=(Input("words", "BYTES", (-1,), "text"),))
    with pytest.raises(IntegrityError, match="no input 'words'"):
        registry.publish(replace(made, signature=wrong), files, by="ada")
    assert not list(registry.models())

"""The gate judges a variant by its answers, or says that the rows are too few."""

import pytest

from hotseat_registry import Variant
from hotseat_train.errors import GateError
from hotseat_train.evaluation.quality_gate import check as gate

FIRST = Variant("fp32", "model.onnx", {"accuracy": 0.9})


def variant(drop, most, rows, **more):
    """A variant with these measurements."""
    return Variant("small", "small.onnx", {
        "accuracy": 0.9, "quality_drop": drop, "quality_drop_interval": [0, most],
        "rows": rows, **more,
    })  # fmt: skip


def test_equal_answers_pass_whatever_the_number_of_rows():
    """There is nothing to lose where no answer differs."""
    gate(variant(0.0, 0.07, 40, equal_answers=True), FIRST, 0.5)


def test_too_few_rows_are_said_to_be_too_few():
    """With the number that it takes, and the command that publishes all the same."""
    with pytest.raises(GateError, match=r"40 test rows are too few .* about 600 rows"):
        gate(variant(0.0, 0.07, 40), FIRST, 0.5)
    with pytest.raises(GateError, match=r"--variant small --max-quality-drop 7"):
        gate(variant(0.0, 0.07, 40), FIRST, 0.5)


def test_a_measured_loss_is_a_loss():
    """Not excused by few rows, and found with many."""
    for rows in (40, 4000):
        with pytest.raises(GateError, match=r"lost 3\.00 %"):
            gate(variant(0.03, 0.07, rows), FIRST, 0.5)
    gate(variant(0.001, 0.004, 4000), FIRST, 0.5)


def test_a_variant_that_misses_more_of_a_category_is_refused():
    """Its accuracy on the test rows does not excuse it."""

    def behaviour(caught):
        return {"cases_sha256": "one", "by": {"threat, en": {"caught": caught}}}

    first = Variant("fp32", "m.onnx", {**FIRST.metrics, "behaviour": behaviour(0.9)})
    gate(variant(0.0, 0.001, 4000, behaviour=behaviour(0.86)), first, 0.5)
    with pytest.raises(GateError, match=r"worse than fp32 at behaviour tests: threat"):
        gate(variant(0.0, 0.001, 4000, behaviour=behaviour(0.8)), first, 0.5)

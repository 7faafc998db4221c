"""Golden rows: who is asked what, and what is near enough."""

import json

import numpy as np
import pytest

from hotseat_registry.errors import IntegrityError
from hotseat_serve.runtime import golden_rows


def check(document, answer, outputs=None, variant="fp32"):
    """Check a version that always gives this answer, and whose graph gives these."""
    golden_rows.check(
        json.dumps({"tolerance": {"fp32": 0.01, "int8": 0.5}, **document}).encode(),
        variant,
        lambda inputs, _options: [answer] * len(inputs),
        lambda _tensors: outputs,
        "mood@1",
    )


def row(**expected):
    return {"input": {}, "expected": expected}


@pytest.mark.parametrize("answer", [0.2, float("nan"), float("inf")])
def test_what_is_far_off_or_no_number_is_refused(answer):
    """NaN is no answer, wherever it stands."""
    rows = [row(value=0.1, scores={"a": 0.5})]
    with pytest.raises(IntegrityError, match=r"row 0 is .* off"):
        check({"rows": rows}, {"value": answer, "scores": {"a": 0.5}})
    with pytest.raises(IntegrityError, match=r"row 0 is .* off"):
        check({"rows": rows}, {"value": 0.1, "scores": {"a": answer}})
    check({"rows": rows}, {"value": 0.105, "scores": {"a": 0.495}})


def test_an_item_is_asked_of_the_variants_that_are_named():
    """Another variant makes another item, and nobody minds."""
    rows = [{**row(item=["##"]), "variants": ["fp32"]}]
    check({"rows": rows}, {"item": ["##"]})
    check({"rows": rows}, {"item": ["  "]}, variant="int8")
    with pytest.raises(IntegrityError, match="row 0 is inf off"):
        check({"rows": rows}, {"item": ["  "]})


def test_the_graph_is_held_to_its_outputs_in_every_variant():
    """Tensors go in as they are written; each number may be off by the tolerance."""
    tensor = {"name": "grid", "datatype": "INT64", "shape": [1, 2], "data": [-1, 0]}
    graph = [{"inputs": [tensor], "outputs": {"logits": [1.0, 2.0]}}]
    document = {"rows": [], "graph": graph}
    near = {"logits": np.array([[1.0, 2.3]], np.float32)}
    check(document, {}, near, variant="int8")
    with pytest.raises(IntegrityError, match=r"row 0 is 0\.3 off"):
        check(document, {}, near)
    assert golden_rows.tensors([tensor])["grid"].tolist() == [[-1, 0]]


def test_an_action_without_a_chance_need_not_be_listed():
    """What the answer leaves out has probability 0."""
    rows = [row(actions={"0": 0.995, "1": 0.005})]
    check({"rows": rows}, {"actions": {"0": 1.0}})
    with pytest.raises(IntegrityError):
        check({"rows": [row(actions={"0": 0.5, "1": 0.5})]}, {"actions": {"0": 1.0}})

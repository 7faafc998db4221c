"""Any JSON for any signature: tensors as the signature has them, or a problem."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from hotseat_registry import Input, Output, Signature
from hotseat_registry.signature import Field
from hotseat_serve.codec import game_json
from hotseat_serve.codec.input_warnings import MOST, Warnings
from hotseat_serve.codec.tensors import DTYPES
from hotseat_serve.problems import Problem

names = st.sampled_from(
    ["a", "b", "hours", "legal", "options", "x", "~/", "input", "inputs"]
)
numbers = st.integers() | st.floats() | st.sampled_from([0, 1, 255, 2**63, 10**400])
scalars = st.none() | st.booleans() | numbers | st.text(max_size=4)
json_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3)
    ),
    max_leaves=12,
)
bounds = st.none() | st.integers(-3, 3)
words = st.none() | st.lists(st.text(max_size=2), max_size=3).map(tuple)
datatypes = st.sampled_from(sorted(DTYPES))


@st.composite
def fields(draw):
    """A feature: a number or a category, with or without bounds and a default."""
    name = draw(names)
    default = draw(st.booleans())
    if draw(st.booleans()):
        return Field(
            name, "category", default="" if default else None,
            categories=draw(words), known=draw(words),
        )  # fmt: skip
    return Field(
        name, default=draw(st.sampled_from([0, 0.5, True])) if default else None,
        minimum=draw(bounds), maximum=draw(bounds),
        observed=draw(
            st.none()
            | st.tuples(st.integers(-3, 3), st.integers(-3, 3)).map(sorted)
        ),
    )  # fmt: skip


@st.composite
def inputs_of(draw):
    """One input of a signature, of any form."""
    form = draw(st.sampled_from(["text", "features", "tensor", "board"]))
    item = Input(draw(names), draw(datatypes), (-1,), form)
    if form == "text":
        return replace(item, datatype="BYTES", max_bytes=draw(st.none() | st.just(3)))
    if form == "features":
        columns = tuple(draw(st.lists(fields(), max_size=3)))
        return replace(item, shape=(-1, len(columns)), fields=columns)
    shape = draw(
        st.just(())
        | st.lists(st.sampled_from([-1, -1, 0, 1, 2]), max_size=2).map(
            lambda rest: (-1, *rest)
        )
    )
    return replace(item, shape=shape, minimum=draw(bounds), maximum=draw(bounds))


signatures = st.builds(
    Signature,
    st.lists(inputs_of(), min_size=1, max_size=2).map(tuple),
    st.sampled_from(["policy", "value"]).map(lambda n: (Output(n, "FP32", (-1,)),)),
    non_finite=st.none() | st.booleans(),
    max_rows=st.none() | st.just(2),
)


def values_for(datatype):
    """Values that mostly fit a datatype."""
    kind = DTYPES[datatype].kind
    fitting = {
        "O": st.text(min_size=1, max_size=4), "b": st.booleans(),
        "f": st.integers(-3, 3) | st.floats(-3, 3, width=16) | st.none(),
    }.get(kind, st.integers(0, 3))  # fmt: skip
    return st.integers(0, 49).flatmap(lambda n: fitting if n else json_values)


@st.composite
def rows_for(draw, signature):
    """An input that mostly fits a signature."""
    row = {}
    for item in signature.inputs:
        if item.form == "features":
            for one in item.fields:
                kind = "BYTES" if one.type == "category" else item.datatype
                drawn = values_for(kind)
                row[one.name] = draw(st.sampled_from(one.categories or [1]) | drawn)
            continue
        values = values_for(item.datatype)
        for length in reversed(item.shape[1:]):
            low, high = (0, 2) if length == -1 else (length, length)
            values = st.lists(values, min_size=low, max_size=high)
        row[item.name] = draw(values)
    more = draw(st.dictionaries(st.text(max_size=3), scalars, max_size=1))
    return {**more, **row}


@settings(deadline=None)
@given(signatures, st.data())
def test_inputs_become_tensors_or_a_problem(signature, data):
    """Datatype and shape are the signature's, warnings are few, and nothing else."""
    one = st.integers(0, 9).flatmap(lambda n: rows_for(signature) if n else json_values)
    inputs = data.draw(st.lists(one, min_size=1, max_size=2))
    strict = data.draw(st.booleans())
    warnings = Warnings(strict=strict)
    tensors = problem = None
    try:
        tensors = game_json.encode(signature, inputs, warnings=warnings)
    except Problem as error:
        problem = error
    if tensors is None:
        assert problem.code in {"invalid_input", "too_large"}
        assert len(problem.detail) < 2_000
        return
    event("answered")
    assert len(warnings.to_json()) <= (0 if strict else MOST + 1)
    for item in signature.inputs:
        array = tensors[item.name]
        if [one for one in signature.inputs if one.name == item.name][-1] is not item:
            continue  # the last of two of one name counts
        assert array.dtype == DTYPES[item.datatype]
        assert array.ndim == len(item.shape)
        if item.shape:
            assert array.shape[0] == len(inputs)
        for length, wanted in zip(array.shape[1:], item.shape[1:], strict=True):
            assert wanted in {-1, length}
        if array.dtype.kind == "f" and not signature.non_finite:
            assert np.isfinite(array).all()


@settings(deadline=None)
@given(json_values)
def test_a_body_is_read_or_refused(body):
    """As many pointers as inputs, and each leads to its input."""
    warnings = Warnings()
    is_readable = isinstance(body, dict) and (
        "inputs" not in body or (isinstance(body["inputs"], list) and body["inputs"])
    )
    if not is_readable:
        with pytest.raises(Problem):
            game_json.read_inputs(body, warnings)
        return
    inputs, pointers, many = game_json.read_inputs(body, warnings)
    assert len(inputs) == len(pointers)
    for given_, pointer in zip(inputs, pointers, strict=True):
        there = body
        for part in pointer.split("/")[1:]:
            there = there[int(part) if part.isdigit() else part]
        assert there is given_
    assert many or len(inputs) == 1

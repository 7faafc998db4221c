"""Texts and their tokens in batches of like length: the same answers, less padding."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotseat_registry.signature import Input, Tokens
from hotseat_serve.runtime import batching

TEXT = Input("text", "BYTES", (-1,), "text")


def tokens(name, part, length=-1):
    """Return an input of tokens of the same text."""
    shape, of = (-1, length), Tokens("tokenizer.json", part)
    return Input(name, "INT64", shape, "tokens", tokens=of)


BOTH = (tokens("ids", "ids"), tokens("mask", "mask"))


def tensors(counts, width=0, *, left=False):
    """Return rows of so many tokens, each row's with its number, and texts."""
    width = width or max(counts)
    mask = np.array(
        [
            [0] * (width - count) + [1] * count
            if left
            else [1] * count + [0] * (width - count)
            for count in counts
        ]
    )
    ids = mask * (1 + np.arange(len(counts)))[:, None]
    texts = np.array(["x" * 5 * count for count in counts], object)
    return {"text": texts, "ids": ids, "mask": mask}


class Graph:
    """Returns each row's sum of tokens and of its mask, and knows what it was given."""

    def __init__(self):
        self.shapes = []

    def __call__(self, given):
        self.shapes.append(given["ids"].shape)
        assert all(len(values) == len(given["ids"]) for values in given.values())
        assert given["ids"][:, -1].any() or len(self.shapes) == 1
        return {"sum": np.stack([given["ids"].sum(1), given["mask"].sum(1)], 1)}


@given(st.lists(st.integers(1, 200), min_size=1, max_size=60), st.booleans())
def test_rows_keep_their_place_and_lose_their_padding(counts, texts):
    """Whatever the lengths, and whether the graph reads the texts as well."""
    graph, rows = Graph(), tensors(counts)
    items = (TEXT, *BOTH) if texts else BOTH
    found = batching.run(items, {item.name: rows[item.name] for item in items}, graph)
    expected = [[(at + 1) * count, count] for at, count in enumerate(counts)]
    assert found["sum"].tolist() == expected
    cells = sum(rows * longest for rows, longest in graph.shapes)
    assert cells - sum(counts) <= len(graph.shapes) * batching.PADDING


@pytest.mark.parametrize(
    ("items", "left"),
    [
        (BOTH[:1], False),
        (BOTH, True),
        ((BOTH[0], tokens("mask", "mask", 200)), False),
    ],
    ids=["no mask", "padding before the text", "a fixed length"],
)
def test_where_padding_has_to_stay_there_is_one_run(items, left):
    """All rows at once, as they came."""
    graph = Graph()
    rows = tensors([3, 200, 9], left=left)
    batching.run(items, rows, graph)
    assert graph.shapes == [(3, 200)]

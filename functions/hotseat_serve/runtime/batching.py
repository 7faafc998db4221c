"""Batch texts by length, because a batch is padded to its longest text.

A graph that reads texts makes a table of [rows, longest]. A run has a fixed cost and a
cost for each cell of that table; in large tables a cell costs more, because they exceed
the processor's cache. So the texts of a request are sorted by length and cut into
batches of limited tables and little padding; the answers keep the order of the texts.
The limits come from measurements (`make bench`).
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from hotseat_registry.signature import Input
from hotseat_serve.codec.tensors import Array

CELLS = 1_024
"""Characters of one batch, padding included."""
PADDING = 256
"""Characters of padding in one batch: about the fixed cost of a run."""

CHARACTERS = 4
"""Of a token, about."""

Run = Callable[[Mapping[str, Array]], Mapping[str, Array]]


def batches(lengths: Sequence[int]) -> list[Array]:
    """Return the rows of each batch, shortest texts first."""
    order = np.argsort(lengths, kind="stable")
    batch_rows, start, padding = [], 0, 0
    for at in range(1, len(order)):
        longest, before = lengths[order[at]], lengths[order[at - 1]]
        rows = at - start
        padding += rows * (longest - before)
        if (rows + 1) * longest > CELLS or padding > PADDING:
            batch_rows.append(order[start:at])
            start, padding = at, 0
    batch_rows.append(order[start:])
    return batch_rows


def run(
    items: Sequence[Input], tensors: Mapping[str, Array], one: Run
) -> Mapping[str, Array]:
    """Run texts in batches; every output has to be [rows, ...], without tokens.

    `items` are all inputs: a text [rows], tokens [rows, tokens] of it, or both.
    """
    tokens = [item.name for item in items if item.tokens is not None]
    counts = _token_counts(items, tensors)
    if tokens and counts is None:
        return one(tensors)
    lengths = _lengths(items, tensors, counts)
    parts = batches(lengths)
    if len(parts) == 1:
        return one(tensors)
    outputs = []
    for rows in parts:
        some = {name: values[rows] for name, values in tensors.items()}
        for name in tokens:
            assert counts is not None
            some[name] = some[name][:, : counts[rows].max()]
        outputs.append(one(some))
    order = np.concatenate(parts)
    joined_outputs = {}
    for key in outputs[0]:
        values = np.concatenate([output[key] for output in outputs])
        joined_outputs[key] = np.empty_like(values)
        joined_outputs[key][order] = values
    return joined_outputs


def _token_counts(items: Sequence[Input], tensors: Mapping[str, Array]) -> Array | None:
    """Return each row's tokens without padding; None where the padding stays.

    It stays without a mask, before a text, and up to a length that the graph demands.
    """
    for item in items:
        if item.tokens is not None and item.tokens.part == "mask":
            mask = tensors[item.name]
            if mask.size and mask[:, 0].all() and item.shape[1:] == (-1,):
                counts: Array = mask.sum(1)
                return counts
    return None


def _lengths(
    items: Sequence[Input], tensors: Mapping[str, Array], counts: Array | None
) -> Sequence[int]:
    """Return each row's length in characters, or about it."""
    for item in items:
        if item.tokens is None:
            return [len(text) for text in tensors[item.name]]
    assert counts is not None
    return [CHARACTERS * int(count) for count in counts]

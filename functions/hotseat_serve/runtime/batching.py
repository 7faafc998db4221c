"""Batch texts by length, because a batch is padded to its longest text.

A graph that reads texts makes a table of [rows, longest]. A run has a fixed cost and a
cost for each cell of that table; in large tables a cell costs more, because they exceed
the processor's cache. So the texts of a request are sorted by length and cut into
batches of limited tables and little padding; the answers keep the order of the texts.
The limits come from measurements (`make bench`).
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from hotseat_serve.codec.tensors import Array

CELLS = 1_024
"""Characters of one batch, padding included."""
PADDING = 256
"""Characters of padding in one batch: about the fixed cost of a run."""

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


def run(name: str, tensors: Mapping[str, Array], one: Run) -> Mapping[str, Array]:
    """Run texts [rows] in batches; every output has to be [rows, ...].

    `name` is the only input, with the texts.
    """
    texts = tensors[name]
    parts = batches([len(text) for text in texts])
    if len(parts) == 1:
        return one(tensors)
    outputs = [one({name: texts[rows]}) for rows in parts]
    order = np.concatenate(parts)
    joined_outputs = {}
    for key in outputs[0]:
        values = np.concatenate([output[key] for output in outputs])
        joined_outputs[key] = np.empty_like(values)
        joined_outputs[key][order] = values
    return joined_outputs

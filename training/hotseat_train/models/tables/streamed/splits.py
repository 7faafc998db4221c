"""The split of a streamed table: by a hash of the id, else of the encoded row."""

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa

Array = np.ndarray[Any, Any]
SEED = 0
"""Of the split, which stays the same whatever the training's seed."""
TRAIN, VALIDATION, TEST = 0, 1, 2
_MIXERS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def by_id(ids: pa.Array, seed: int) -> Array:
    """Return the split [rows] of each id, the same as `data.dataset.split`'s."""
    if isinstance(ids, pa.ChunkedArray):
        ids = ids.combine_chunks()
    encoded = ids.dictionary_encode()
    places = np.array(
        [_place(seed, key) for key in encoded.dictionary.to_pylist()] or [0], np.int8
    )
    return np.asarray(places[encoded.indices.to_numpy(zero_copy_only=False)])


def _place(seed: int, key: str) -> int:
    digest = hashlib.sha256(f"{seed} {key}".encode()).digest()
    place = int.from_bytes(digest[-8:], "big") % 10 - 8
    return (place >= 0) + (place > 0)


def by_row(x: Array, seed: int) -> Array:
    """Return the split [rows] of encoded rows: equal rows are in one split.

    The hash is SplitMix64 (Steele, Lea and Flood 2014) over the bits of the columns.
    """
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    state = np.full(len(bits), seed + 1, np.uint64)
    with np.errstate(over="ignore"):
        for column in bits.T:
            state = _mixed(state ^ column.astype(np.uint64))
    place = (state % np.uint64(10)).astype(np.int8) - 8
    return (place >= 0).astype(np.int8) + (place > 0)


def _mixed(state: Array) -> Array:
    state = state + np.uint64(0x9E3779B97F4A7C15)
    for mixer, shift in zip(_MIXERS, (30, 27), strict=True):
        state = (state ^ (state >> np.uint64(shift))) * mixer
    return np.asarray(state ^ (state >> np.uint64(31)))

"""The tokenizer: turns texts into characters and n-grams, inside the graph.

The tokenizer's graph is chained in front of every text network, and training uses the
same graph, so training and serving cannot differ.

1. Each character becomes its number, after folding case and width (NFKC). Characters
   without width and combining marks are dropped.
2. Repetitions of a character are shortened to two.
3. Spaces and punctuation between single characters are dropped, which joins words that
   are spelled letter by letter.
4. Each character, and the n-grams of two to four that begin there, become rows of an
   embedding table: n-grams are hashed (Weinberger et al. 2009), and frequent hashes
   have a row. Rare n-grams have no row: the model would memorise them.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import onnxruntime

from hotseat_train.models.text.char_ngrams import fold
from hotseat_train.onnx_graph.builder import INT, STRING, Graph

Array = np.ndarray[Any, Any]

LENGTHS = 4
BUCKETS = 1 << 19
_UNKNOWN, _FIRST = 1, 2  # 0 is padding
FACTOR, PRIME = 31_337, 2_147_483_647  # of an n-gram's hash
_MIN_TEXTS = 2  # a character of a single text does not generalise
_BATCH = 256
_END = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The known characters, and the table row of each n-gram's hash."""

    characters: tuple[str, ...]
    rows: Array
    """By hash, counted from the characters' last row; 0: the n-gram has no row."""

    @property
    def size(self) -> int:
        """The number of rows of the embedding table."""
        return _FIRST + len(self.characters) + int(self.rows.max(initial=0))


def build_vocabulary(texts: Sequence[str], common: int) -> Vocabulary:
    """Return the characters of the texts and their `common` most frequent n-grams."""
    counts = Counter(c for text in texts for c in set(map(fold, text)))
    characters = tuple(sorted(c for c, n in counts.items() if n >= _MIN_TEXTS))
    first = _FIRST + len(characters)
    all_hashes = np.arange(1, BUCKETS + 1, dtype=np.int32)
    tokenizer = Tokenizer(Vocabulary(characters, all_hashes))
    texts_with = np.zeros(first + BUCKETS + 1, np.int64)
    for ids in tokenizer.encode(texts):
        texts_with[np.unique(ids)] += 1
    texts_with = texts_with[first:]
    chosen = np.argsort(-texts_with, kind="stable")[:common]
    chosen = chosen[texts_with[chosen] >= _MIN_TEXTS]
    rows = np.zeros(BUCKETS, np.uint16 if common < 1 << 16 else np.int32)
    rows[chosen - 1] = 1 + np.arange(len(chosen))
    return Vocabulary(characters, rows)


class Tokenizer:
    """Runs the tokenizer's graph."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        graph = Graph()
        ids = add_tokenizer(graph, vocabulary)
        model = graph.model(
            "tokenizer",
            {"text": (STRING, ["n"])},
            {ids: (INT, ["n", "places", LENGTHS])},
            inner=INNER_SHAPES,
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, ["CPUExecutionProvider"]
        )

    def encode(self, texts: Sequence[str]) -> list[Array]:
        """Return each text's rows [length, 4]; an empty text has length 1."""
        encoded: list[Array] = [np.empty(0)] * len(texts)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for start in range(0, len(order), _BATCH):
            part = order[start : start + _BATCH]
            batch = np.array([texts[i] for i in part], dtype=object)
            (ids,) = self._session.run(None, {"text": batch})
            lengths = np.maximum((ids[:, :, 0] > 0).sum(1), 1)
            for i, row, length in zip(part, ids, lengths, strict=True):
                encoded[i] = row[:length].astype(np.int32)
        return encoded


INNER_SHAPES = {"characters": (STRING, ["n", "length"])}
"""Shapes for ONNX's shape inference, which crashes without them."""


def add_tokenizer(graph: Graph, vocabulary: Vocabulary) -> str:
    """Add the nodes from ``text`` [n]; return the name of the rows [n, length, 4].

    The first of four rows is the character's number; the n-grams' rows follow.
    """
    keys, values = zip(*sorted(_numbers(vocabulary.characters).items()), strict=True)
    graph.add(
        "Tokenizer", "text", name="characters", domain="com.microsoft",
        mark=0, pad_value="\0", separators=[""], mincharnum=1,
    )  # fmt: skip
    numbers = graph.add(
        "LabelEncoder", "characters", domain="ai.onnx.ml",
        keys_strings=keys, values_int64s=values, default_int64=_UNKNOWN,
    )  # fmt: skip
    none = graph.integer(0)
    # padding at the end gives an empty text one place
    numbers = graph.add("Pad", numbers, graph.integers(0, 0, 0, 1), none)
    ids = _filtered(graph, numbers, graph.add("Greater", numbers, none))
    ids = _shorten_repetitions(graph, ids)
    ids = _join_spelled_out(graph, ids, vocabulary.characters)
    return _rows(graph, ids, vocabulary)


def _shorten_repetitions(graph: Graph, ids: str) -> str:
    before = _shifted(graph, ids, -1)
    same = graph.add("Equal", ids, before)
    twice = graph.add("Equal", before, _shifted(graph, before, -1))
    return _filtered(graph, ids, graph.add("Not", graph.add("And", same, twice)))


def _join_spelled_out(graph: Graph, ids: str, characters: Sequence[str]) -> str:
    """Drop separators between two characters that have no direct neighbours."""
    apart = np.array([0, 0, *map(_separates, characters)], np.int64)
    solid = 1 - apart
    solid[0] = 0
    solid_at = graph.add("Gather", graph.constant("solid", solid), ids)
    apart_at = graph.add("Gather", graph.constant("apart", apart), ids)
    none = graph.integer(0)
    before, after = (_shifted(graph, solid_at, places) for places in (-1, 1))
    neighbours = graph.add("Add", before, after)
    alone = graph.add("Cast", graph.add("Equal", neighbours, none), to=INT)
    alone = graph.add("Mul", alone, solid_at)
    both = graph.add("Mul", _shifted(graph, alone, -1), _shifted(graph, alone, 1))
    keep = graph.add("Equal", graph.add("Mul", both, apart_at), none)
    return _filtered(graph, ids, keep)


def _ngrams(graph: Graph, ids: str) -> Iterator[tuple[str, str]]:
    """Add the hashes of the n-grams of two and more that begin at each place.

    Yield each hash and the n-gram's last character, which is 0 beyond the end.
    """
    hashed = last = ids
    for _ in range(1, LENGTHS):
        last = _shifted(graph, last, 1)
        hashed = graph.add("Mul", hashed, graph.integer(FACTOR))
        hashed = graph.add("Add", hashed, last)
        hashed = graph.add("Mod", hashed, graph.integer(PRIME))
        yield hashed, last


def _rows(graph: Graph, ids: str, vocabulary: Vocabulary) -> str:
    none, last_axis = graph.integer(0), graph.integers(2)
    size = graph.integer(_FIRST + len(vocabulary.characters) - 1)
    # a node costs more than its arithmetic: all lengths at once
    hashed, last = (
        graph.add(
            "Concat", *[graph.add("Unsqueeze", x, last_axis) for x in each], axis=2
        )
        for each in zip(*_ngrams(graph, ids), strict=True)
    )
    hashed = graph.add("Mod", hashed, graph.integer(BUCKETS))
    row = graph.add("Gather", graph.constant("rows", vocabulary.rows), hashed)
    row = graph.add("Cast", row, to=INT)
    # rare n-grams, and those beyond the end, have no row
    exists = graph.add("Greater", graph.add("Min", row, last), none)
    row = graph.add("Where", exists, graph.add("Add", row, size), none)
    first = graph.add("Unsqueeze", ids, last_axis)
    return graph.add("Concat", first, row, name="ids", axis=2)


def _shifted(graph: Graph, ids: str, places: int) -> str:
    """Return the ids shifted left by so many places, padded with 0.

    Negative padding at one end saves a node for slicing.
    """
    pads = graph.integers(0, -places, 0, places)
    return graph.add("Pad", ids, pads, graph.integer(0))


def _filtered(graph: Graph, ids: str, keep: str) -> str:
    """Return the ids where `keep` is true, moved to the left and padded with 0."""
    keep = graph.add("Cast", keep, to=INT)
    place = graph.add("Mul", graph.add("CumSum", keep, graph.integer(1)), keep)
    # dropped ids are written to an extra place before the first
    zeros = graph.add("Mul", ids, graph.integer(0))
    zeros = graph.add("Pad", zeros, graph.integers(0, 1, 0, 0), graph.integer(0))
    moved = graph.add(
        "ScatterElements", zeros, place, graph.add("Mul", ids, keep), axis=1
    )
    return graph.add(
        "Slice", moved, graph.integers(1), graph.integers(_END), graph.integers(1)
    )


def _numbers(characters: Sequence[str]) -> dict[str, int]:
    """Return the number of every character that is known or without width."""
    known = {c: _FIRST + i for i, c in enumerate(characters)}
    planes = (range(1, 0xD800), range(0xE000, 0x20000))  # between: surrogates
    numbers = dict(known)
    blank = known.get(" ", _UNKNOWN)
    for c in map(chr, chain.from_iterable(planes)):
        if unicodedata.category(c) in {"Cc", "Cf", "Me", "Mn"}:
            numbers[c] = blank if c.isspace() else 0  # line breaks, tabs
        elif (number := known.get(fold(c))) is not None:
            numbers[c] = number
        elif _separates(c):
            numbers[c] = blank  # an unknown punctuation mark
    return {**numbers, "\0": 0}


def _separates(character: str) -> bool:
    return unicodedata.category(character)[0] in "PZ"

"""How a text is read: characters, folded and tidied, and the runs that they make.

All of it is one graph, which is the front of every graph that reads text, and which
training reads through as well: so there is nothing that the two could disagree about.

1. Each character becomes its number, folded in case and width (NFKC). What cannot be
   seen (zero-width characters, combining marks) is dropped.
2. A run of one character longer than two becomes two.
3. Blanks and punctuation between characters that each stand alone are dropped, so that
   a word which was spelled out letter by letter is that word again.
4. Each character and the runs of two to four that begin there become rows of a table:
   hashed (Weinberger et al. 2009), and of the hashes those that are common. A rare run
   has none: it would only be learned by heart.
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
_UNKNOWN, _FIRST = 1, 2  # 0 is nothing
FACTOR, PRIME = 31_337, 2_147_483_647  # of the hash of a run
_SEEN = 2  # a character of one text alone teaches nothing about another
_BATCH = 256
_END = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Alphabet:
    """The characters that are known, and which hash has which row."""

    characters: tuple[str, ...]
    rows: Array
    """Of each hash, counted from the first row after the characters'; 0 is none."""

    @property
    def size(self) -> int:
        """How many rows a table for it has."""
        return _FIRST + len(self.characters) + int(self.rows.max(initial=0))


def learn(texts: Sequence[str], common: int) -> Alphabet:
    """Return the characters of some texts, and their `common` most frequent runs."""
    counts = Counter(c for text in texts for c in set(map(fold, text)))
    characters = tuple(sorted(c for c, n in counts.items() if n >= _SEEN))
    first = _FIRST + len(characters)
    every = Reader(Alphabet(characters, np.arange(1, BUCKETS + 1, dtype=np.int32)))
    seen = np.zeros(first + BUCKETS + 1, np.int64)
    for ids in every.read(texts):
        seen[np.unique(ids)] += 1
    seen = seen[first:]
    chosen = np.argsort(-seen, kind="stable")[:common]
    chosen = chosen[seen[chosen] >= _SEEN]
    rows = np.zeros(BUCKETS, np.uint16 if common < 1 << 16 else np.int32)
    rows[chosen - 1] = 1 + np.arange(len(chosen))
    return Alphabet(characters, rows)


class Reader:
    """An alphabet's graph, at work."""

    def __init__(self, alphabet: Alphabet) -> None:
        graph = Graph()
        ids = front(graph, alphabet)
        model = graph.model(
            "characters",
            {"text": (STRING, ["n"])},
            {ids: (INT, ["n", "places", LENGTHS])},
            inner=INNER,
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, ["CPUExecutionProvider"]
        )

    def read(self, texts: Sequence[str]) -> list[Array]:
        """Return each text's rows [length, 4]; a text of nothing has length 1."""
        found: list[Array] = [np.empty(0)] * len(texts)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for start in range(0, len(order), _BATCH):
            part = order[start : start + _BATCH]
            given = np.array([texts[i] for i in part], dtype=object)
            (ids,) = self._session.run(None, {"text": given})
            lengths = np.maximum((ids[:, :, 0] > 0).sum(1), 1)
            for i, row, length in zip(part, ids, lengths, strict=True):
                found[i] = row[:length].astype(np.int32)
        return found


INNER = {"characters": (STRING, ["n", "length"])}
"""What onnx's shape inference cannot tell, and crashes where it has to guess."""


def front(graph: Graph, alphabet: Alphabet) -> str:
    """Add the nodes from ``text`` [n]; return the name of the rows [n, length, 4].

    The first of each four is the character's own number; then those of its runs.
    """
    keys, values = zip(*sorted(_numbers(alphabet.characters).items()), strict=True)
    graph.add(
        "Tokenizer", "text", name="characters", domain="com.microsoft",
        mark=0, pad_value="\0", separators=[""], mincharnum=1,
    )  # fmt: skip
    given = graph.add(
        "LabelEncoder", "characters", domain="ai.onnx.ml",
        keys_strings=keys, values_int64s=values, default_int64=_UNKNOWN,
    )  # fmt: skip
    none = graph.integer(0)
    # one place more than there is: a text of nothing has a place that holds nothing
    given = graph.add("Pad", given, graph.integers(0, 0, 0, 1), none)
    ids = _kept(graph, given, graph.add("Greater", given, none))
    ids = _without_long_runs(graph, ids)
    ids = _without_spelling_out(graph, ids, alphabet.characters)
    return _rows(graph, ids, alphabet)


def _without_long_runs(graph: Graph, ids: str) -> str:
    before = _shifted(graph, ids, -1)
    same = graph.add("Equal", ids, before)
    twice = graph.add("Equal", before, _shifted(graph, before, -1))
    return _kept(graph, ids, graph.add("Not", graph.add("And", same, twice)))


def _without_spelling_out(graph: Graph, ids: str, characters: Sequence[str]) -> str:
    """Drop what separates two characters that each have none beside them."""
    apart = np.array([0, 0, *map(_separates, characters)], np.int64)
    solid = 1 - apart
    solid[0] = 0
    solid_at = graph.add("Gather", graph.constant("solid", solid), ids)
    apart_at = graph.add("Gather", graph.constant("apart", apart), ids)
    none = graph.integer(0)
    near = graph.add("Add", _shifted(graph, solid_at, -1), _shifted(graph, solid_at, 1))
    alone = graph.add("Cast", graph.add("Equal", near, none), to=INT)
    alone = graph.add("Mul", alone, solid_at)
    both = graph.add("Mul", _shifted(graph, alone, -1), _shifted(graph, alone, 1))
    keep = graph.add("Equal", graph.add("Mul", both, apart_at), none)
    return _kept(graph, ids, keep)


def _runs(graph: Graph, ids: str) -> Iterator[tuple[str, str]]:
    """Add the hashes of the runs of two and more that begin at each place.

    With each comes the run's last character, which is 0 where it goes over the end.
    """
    run = after = ids
    for _ in range(1, LENGTHS):
        after = _shifted(graph, after, 1)
        run = graph.add("Mul", run, graph.integer(FACTOR))
        run = graph.add("Mod", graph.add("Add", run, after), graph.integer(PRIME))
        yield run, after


def _rows(graph: Graph, ids: str, alphabet: Alphabet) -> str:
    none, feet = graph.integer(0), graph.integers(2)
    size = graph.integer(_FIRST + len(alphabet.characters) - 1)
    # a node costs more than its numbers: all lengths at once
    run, last = (
        graph.add("Concat", *[graph.add("Unsqueeze", x, feet) for x in each], axis=2)
        for each in zip(*_runs(graph, ids), strict=True)
    )
    run = graph.add("Mod", run, graph.integer(BUCKETS))
    row = graph.add("Gather", graph.constant("rows", alphabet.rows), run)
    row = graph.add("Cast", row, to=INT)
    # a run that goes over the end is none, nor is one that is rare
    there = graph.add("Greater", graph.add("Min", row, last), none)
    row = graph.add("Where", there, graph.add("Add", row, size), none)
    first = graph.add("Unsqueeze", ids, feet)
    return graph.add("Concat", first, row, name="ids", axis=2)


def _shifted(graph: Graph, ids: str, places: int) -> str:
    """Return, at each place, what stands one place later, or before (-1); 0: nothing.

    Padding by less than nothing at one end is one node, where a slice were a second.
    """
    pads = graph.integers(0, -places, 0, places)
    return graph.add("Pad", ids, pads, graph.integer(0))


def _kept(graph: Graph, ids: str, keep: str) -> str:
    """Return what is to be kept, moved together to the left; the rest is 0."""
    keep = graph.add("Cast", keep, to=INT)
    place = graph.add("Mul", graph.add("CumSum", keep, graph.integer(1)), keep)
    # what is dropped goes to an extra place before the first
    zeros = graph.add("Mul", ids, graph.integer(0))
    zeros = graph.add("Pad", zeros, graph.integers(0, 1, 0, 0), graph.integer(0))
    moved = graph.add(
        "ScatterElements", zeros, place, graph.add("Mul", ids, keep), axis=1
    )
    return graph.add(
        "Slice", moved, graph.integers(1), graph.integers(_END), graph.integers(1)
    )


def _numbers(characters: Sequence[str]) -> dict[str, int]:
    """Return the number of every character that is known or not to be seen."""
    known = {c: _FIRST + i for i, c in enumerate(characters)}
    planes = (range(1, 0xD800), range(0xE000, 0x20000))  # between: surrogates
    numbers = dict(known)
    blank = known.get(" ", _UNKNOWN)
    for c in map(chr, chain.from_iterable(planes)):
        if unicodedata.category(c) in {"Cc", "Cf", "Me", "Mn"}:
            numbers[c] = blank if c.isspace() else 0  # a line's end, a tab
        elif (number := known.get(fold(c))) is not None:
            numbers[c] = number
        elif _separates(c):
            numbers[c] = blank  # a mark that was never seen
    return {**numbers, "\0": 0}


def _separates(character: str) -> bool:
    return unicodedata.category(character)[0] in "PZ"

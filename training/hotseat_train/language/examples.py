"""Examples for a language model: a request and the answer to learn."""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path

from hotseat_train.errors import DatasetError

_WORD = re.compile(r"\w+")
_RUN = 4
"""Words in a row that two texts are compared by."""
_ALIKE = 0.4
"""Share of common runs from which two answers are one group."""


@dataclass(frozen=True, slots=True)
class Example:
    """What is asked for, and the answer."""

    request: str
    answer: str


@dataclass(frozen=True, slots=True)
class Parts:
    """Examples for training, to choose by, and to report on."""

    training: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]


def read(path: Path) -> list[Example]:
    """Return the examples of a file of JSON lines: ``{"request": .., "answer": ..}``.

    Raises `DatasetError` naming the line that is not one.
    """
    rows = []
    for number, line in enumerate(path.read_text("utf-8-sig").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            rows.append(Example(row["request"], row["answer"]))
        except (ValueError, KeyError, TypeError) as error:
            raise DatasetError(
                f'{path}, line {number}: expected {{"request": "..", "answer": ".."}}'
            ) from error
        if not (isinstance(row["request"], str) and isinstance(row["answer"], str)):
            raise DatasetError(f"{path}, line {number}: request and answer are texts")
        if not row["answer"].strip():
            raise DatasetError(f"{path}, line {number}: the answer is empty")
    if not rows:
        raise DatasetError(f"{path} holds no example")
    return rows


def split(examples: Sequence[Example]) -> Parts:
    """Split examples by a hash of their group, a twentieth each to choose and report.

    Answers that share 40 % of their runs of four words, and answers to one request,
    are one group: what is reported was not read in training in other words. Raises
    `DatasetError` if a part would be empty.
    """
    parts: tuple[list[Example], ...] = ([], [], [])
    for group in _groups(examples):
        key = min(f"{each.request}\0{each.answer}" for each in group)
        at = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]) % 20
        parts[{0: 1, 1: 2}.get(at, 0)].extend(group)
    if not all(parts):
        raise DatasetError(
            f"{len(examples)} examples are too few to hold some back: at least some 100"
        )
    return Parts(*map(tuple, parts))


def _groups(examples: Sequence[Example]) -> list[list[Example]]:
    """Return the examples in groups of like answers or equal requests."""
    examples = sorted(examples, key=lambda each: (each.answer, each.request))
    runs = [_runs(each.answer) for each in examples]
    by_request: dict[str, list[int]] = defaultdict(list)
    by_run: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for at, each in enumerate(examples):
        by_request[each.request].append(at)
        for run in runs[at]:
            by_run[run].append(at)
    parent = list(range(len(examples)))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    pairs = chain.from_iterable(map(pairwise, by_run.values()))
    alike = (pair for pair in pairs if _share(*(runs[at] for at in pair)) >= _ALIKE)
    same = chain.from_iterable(map(pairwise, by_request.values()))
    for first, second in chain(same, alike):
        parent[root(second)] = root(first)
    groups: dict[int, list[Example]] = defaultdict(list)
    for at, each in enumerate(examples):
        groups[root(at)].append(each)
    return list(groups.values())


def _runs(text: str) -> frozenset[tuple[str, ...]]:
    words = _WORD.findall(text.lower())
    return frozenset(
        tuple(words[at : at + _RUN]) for at in range(max(1, len(words) - _RUN + 1))
    )


def _share(first: frozenset[object], second: frozenset[object]) -> float:
    return len(first & second) / len(first | second)

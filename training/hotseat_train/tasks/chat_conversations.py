"""CONDA's lines in their matches, each with the lines before it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

LINES = 8
"""Lines before each line."""


class Line(NamedTuple):
    """A line of a match."""

    text: str
    label: str
    context: tuple[str, ...]
    """The lines of the match before it, oldest first."""
    player: str
    """The player within the match, by number."""


def lines(rows: Iterable[Mapping[str, str]], matches: frozenset[str]) -> list[Line]:
    """Return the lines of these matches, in order.

    `rows` are those of CONDA's file: matchId, utterance, chatTime, playerSlot,
    intentClass.
    """
    of_match: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for row in rows:
        if row["matchId"] in matches and row["utterance"].strip():
            of_match[row["matchId"]].append(row)
    found = []
    for match, said in sorted(of_match.items()):
        ordered = sorted(said, key=lambda row: float(row["chatTime"] or 0))
        texts = [row["utterance"].strip() for row in ordered]
        found += [
            Line(
                texts[at],
                row["intentClass"],
                tuple(texts[max(0, at - LINES) : at]),
                f"{match} {row['playerSlot']}",
            )
            for at, row in enumerate(ordered)
        ]
    return found


def distinct(found: Sequence[Line]) -> list[str]:
    """Return the texts of all lines and contexts, each once."""
    return list(
        dict.fromkeys(text for line in found for text in (*line.context, line.text))
    )

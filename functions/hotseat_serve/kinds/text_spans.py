"""Words and secrets of a text, as the parts of explanations."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from hotseat_serve.privacy.recognisers import MAX_LENGTH, find
from hotseat_serve.problems import Problem

SHOWN = 80
"""Characters of a part that the answer repeats, at most."""
# a word, or one character of a script that writes without spaces
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u3040-\u9fff]+|\S")


class Span(NamedTuple):
    """A part of a text, in characters."""

    start: int
    end: int
    shown: str
    """Its words, or the kind of a secret."""


def check_length(text: str) -> None:
    """Raise `Problem` for a text too long to look for secrets in."""
    if len(text) > MAX_LENGTH:
        raise Problem(
            "too_large",
            f"a text of {len(text):,} characters to explain is more than "
            f"{MAX_LENGTH:,}, which is the limit",
        )


def words(text: str) -> Iterator[Span]:
    """Yield the words of a text; a secret is one part, shown by its kind."""
    at = 0
    for first, last, kind in [*find(text), (len(text), len(text), "")]:
        for word in _WORD.finditer(text, at, first):
            yield Span(*word.span(), word.group()[:SHOWN])
        if kind:
            yield Span(first, last, f"[{kind}]")
        at = last


def joined(found: list[Span], most: int) -> list[Span]:
    """Return at most so many spans, each of as many neighbouring words as the others.

    One of several words shows the first ones.
    """
    if len(found) <= most:
        return found
    cuts = [round(at * len(found) / most) for at in range(most + 1)]
    spans = []
    for first, last in pairwise(cuts):
        some = found[first:last]
        shown = " ".join(span.shown for span in some)
        spans.append(Span(some[0].start, some[-1].end, shown[:SHOWN]))
    return spans


def without(text: str, dropped: list[Span]) -> str:
    """Return a text without some of its spans, which are in order."""
    kept, at = [], 0
    for span in dropped:
        kept.append(text[at : span.start])
        at = span.end
    rest = "".join([*kept, text[at:]])
    return rest if rest.strip() else "."

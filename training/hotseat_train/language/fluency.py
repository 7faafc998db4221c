"""What generated texts are like: how varied, and how often they repeat themselves.

distinct-n: J. Li et al., A Diversity-Promoting Objective Function for Neural
Conversation Models, NAACL 2016. Repetition: S. Welleck et al., Neural Text Generation
with Unlikelihood Training, ICLR 2020 (seq-rep-n).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_WORD = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Fluency:
    """Figures of a set of texts, each between 0 and 1."""

    distinct_1: float
    """Different words, as a share of all words of all texts."""
    distinct_2: float
    """The same of pairs of words."""
    repetition: float
    """Runs of four words that the same text has had before, mean of the texts."""
    copied: float
    """Texts that stand word for word among those that were trained on."""


def fluency(texts: Sequence[str], trained_on: frozenset[str] = frozenset()) -> Fluency:
    """Return the figures; raises `ValueError` if there is no text."""
    if not texts:
        raise ValueError("expected at least one text")
    words = [_WORD.findall(each.lower()) for each in texts]
    return Fluency(
        _distinct(words, 1),
        _distinct(words, 2),
        sum(1 - _distinct([each], 4) for each in words) / len(texts),
        sum(each.strip() in trained_on for each in texts) / len(texts),
    )


def _distinct(texts: Sequence[Sequence[str]], length: int) -> float:
    runs = [
        tuple(text[at : at + length])
        for text in texts
        for at in range(len(text) - length + 1)
    ]
    return len(set(runs)) / len(runs) if runs else 1.0

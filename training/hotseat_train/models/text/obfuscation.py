"""Obfuscation: spellings that evade a word filter.

Each method takes a text and a random generator; `obfuscate` chooses one at random.
Obfuscated training texts make the model robust; obfuscated test texts, with another
seed, measure its robustness. Only the spelling changes, not the meaning.
"""

import random
from collections.abc import Callable

_LOOKALIKES = {
    "a": "4@", "b": "8", "e": "3", "g": "9", "i": "1!", "l": "1", "o": "0", "s": "5$",
    "t": "7",
}  # fmt: skip
_ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff"
_MARKS = ".*-_'|"
_FULL_WIDTH = 0xFEE0
"""Offset from a printable ASCII character to its full-width form."""


def lookalikes(text: str, rng: random.Random) -> str:
    """Replace letters by digits and signs that look alike: n00b."""
    return "".join(
        rng.choice(_LOOKALIKES[c.lower()])
        if c.lower() in _LOOKALIKES and rng.random() < 0.6
        else c
        for c in text
    )


def spaced(text: str, rng: random.Random) -> str:
    """Insert spaces between the characters of words: g o o d."""
    if any("\u4e00" <= c <= "\u9fff" for c in text):
        return "".join(c + " " if rng.random() < 0.6 else c for c in text)
    words = text.split(" ")
    return " ".join(" ".join(w) if rng.random() < 0.6 else w for w in words)


def punctuated(text: str, rng: random.Random) -> str:
    """Insert a punctuation mark between letters: g.o.od."""
    mark = rng.choice(_MARKS)
    return "".join(c + mark if c.isalnum() and rng.random() < 0.4 else c for c in text)


def repeated(text: str, rng: random.Random) -> str:
    """Repeat letters: goooood."""
    return "".join(
        c * rng.randrange(3, 6) if c.isalpha() and rng.random() < 0.25 else c
        for c in text
    )


def full_width(text: str, rng: random.Random) -> str:
    """Use full-width characters: ｇｏｏｄ."""
    space = rng.choice(" \u3000")
    return "".join(
        chr(ord(c) + _FULL_WIDTH) if "!" <= c <= "~" else space if c == " " else c
        for c in text
    )


def zero_width(text: str, rng: random.Random) -> str:
    """Insert characters without width."""
    return "".join(
        c + rng.choice(_ZERO_WIDTH) if rng.random() < 0.4 else c for c in text
    )


METHODS: tuple[Callable[[str, random.Random], str], ...] = (
    lookalikes, spaced, punctuated, repeated, full_width, zero_width,
)  # fmt: skip


def obfuscate(text: str, rng: random.Random) -> str:
    """Return the text changed by one of the methods, chosen at random."""
    return rng.choice(METHODS)(text, rng)

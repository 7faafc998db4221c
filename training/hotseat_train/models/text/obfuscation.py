"""Words spelled so that a filter shall not see them, as players do.

Each way is a function of a text and a source of randomness; `disguise` takes one at
random. Training meets them, and a test set that was disguised with a seed of its own
tells how well they are seen through. What is changed is the spelling alone: whoever
reads the line out says the same.
"""

import random
from collections.abc import Callable

_LOOKALIKES = {
    "a": "4@", "b": "8", "e": "3", "g": "9", "i": "1!", "l": "1", "o": "0", "s": "5$",
    "t": "7",
}  # fmt: skip
_UNSEEN = "\u200b\u200c\u200d\u2060\ufeff"
_MARKS = ".*-_'|"
_WIDE = 0xFEE0
"""From a printable ASCII character to its full-width one."""


def lookalikes(text: str, chance: random.Random) -> str:
    """Put digits and signs in the place of letters: n00b."""
    return "".join(
        chance.choice(_LOOKALIKES[c.lower()])
        if c.lower() in _LOOKALIKES and chance.random() < 0.6
        else c
        for c in text
    )


def apart(text: str, chance: random.Random) -> str:
    """Spell words out with blanks: g o o d."""
    if any("\u4e00" <= c <= "\u9fff" for c in text):
        return "".join(c + " " if chance.random() < 0.6 else c for c in text)
    words = text.split(" ")
    return " ".join(" ".join(w) if chance.random() < 0.6 else w for w in words)


def marked(text: str, chance: random.Random) -> str:
    """Put a punctuation mark between letters: g.o.od."""
    mark = chance.choice(_MARKS)
    return "".join(
        c + mark if c.isalnum() and chance.random() < 0.4 else c for c in text
    )


def repeated(text: str, chance: random.Random) -> str:
    """Hold letters: goooood."""
    return "".join(
        c * chance.randrange(3, 6) if c.isalpha() and chance.random() < 0.25 else c
        for c in text
    )


def wide(text: str, chance: random.Random) -> str:
    """Take full-width letters: ｇｏｏｄ."""
    blank = chance.choice(" \u3000")
    return "".join(
        chr(ord(c) + _WIDE) if "!" <= c <= "~" else blank if c == " " else c
        for c in text
    )


def unseen(text: str, chance: random.Random) -> str:
    """Put characters between that have no width."""
    return "".join(
        c + chance.choice(_UNSEEN) if chance.random() < 0.4 else c for c in text
    )


WAYS: tuple[Callable[[str, random.Random], str], ...] = (
    lookalikes, apart, marked, repeated, wide, unseen,
)  # fmt: skip


def disguise(text: str, chance: random.Random) -> str:
    """Return the text in one of the ways, taken at random."""
    return chance.choice(WAYS)(text, chance)

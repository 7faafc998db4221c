r"""Recognise personal data and secrets in a text, and write their kind instead.

A look at the text says which patterns could match at all; patterns find candidates;
check digits decide where there are any. Digits, letters and punctuation of every script
count: a text is read as its ASCII twin of the same length where it has one (full-width
forms), and ``\d`` is a digit of any script.
"""

from hotseat_serve.privacy.candidates import look_at
from hotseat_serve.privacy.patterns import RECOGNISERS

MAX_LENGTH = 20_000
"""Characters that are looked at; a longer text is masked as a whole."""

_FULL_WIDTH: dict[int, int | str] = {
    **{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)},
    0x3000: " ", 0x00A0: " ", 0x2007: " ", 0x2009: " ", 0x202F: " ", 0x200B: "-",
    0x2010: "-", 0x2011: "-", 0x2012: "-", 0x2013: "-", 0x2014: "-", 0x3002: ".",
}  # fmt: skip


def find(text: str) -> list[tuple[int, int, str]]:
    """Return start, end and kind of each secret in a text, in order, none in another.

    A text of more than `MAX_LENGTH` characters is one secret of the kind ``long``.
    """
    if len(text) > MAX_LENGTH:
        return [(0, len(text), "long")]
    look = look_at(text if text.isascii() else text.translate(_FULL_WIDTH))
    if look is None:
        return []
    found: list[tuple[int, int, str]] = []
    taken = bytearray(len(text))
    for recogniser in RECOGNISERS:
        for start, end in recogniser.find(look):
            if taken.find(1, start, end) < 0:
                taken[start:end] = b"\1" * (end - start)
                found.append((start, end, recogniser.kind))
    return sorted(found)


def mask(text: str, *, numbers: bool = True) -> str:
    """Return a text in which each secret is its kind in brackets: ``[email]``.

    `numbers`: whether a long number of no known kind is one; it is not in sentences of
    our own, which have limits and sizes.
    """
    found = find(text)
    if not numbers:
        found = [item for item in found if item[2] != "number"]
    if not found:
        return text
    parts, at = [], 0
    for start, end, kind in found:
        parts += [text[at:start], f"[{kind}]"]
        at = end
    return "".join([*parts, text[at:]])

"""Finds the encoding of a text file."""

import codecs
from dataclasses import dataclass
from itertools import pairwise
from typing import IO

from charset_normalizer import from_bytes

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
_LIKELY = ["gb18030", "big5", "shift_jis", "euc_kr", "cp1251", "cp1252"]
_PIECE = 1 << 20
_SAMPLE = 1 << 16
_HIGH_PAIRS = 0.9
"""Share of foreign bytes that stand in pairs, where a character has two."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoding by the name that Python has for it."""

    codec: str
    title: str
    guessed: bool = False
    """Whether the bytes fit others, too."""


def find(file: IO[bytes]) -> Encoding:
    """Return the encoding of a whole file, which is read to its end if need be.

    A byte order mark decides; else UTF-8 if every byte fits; else UTF-16 without its
    mark by its zero bytes; else the most probable one of the others.
    """
    start = file.read(_SAMPLE)
    for mark, codec, title in _MARKS:
        if start.startswith(mark):
            return Encoding(codec, title)
    zeros = start[:4_000].count(0)
    if zeros > len(start[:4_000]) / 8:
        even = start[:4_000:2].count(0)
        return Encoding(
            "utf-16-be" if even > zeros / 2 else "utf-16-le", "UTF-16", True
        )
    decoder = codecs.getincrementaldecoder("utf-8")()
    piece, odd = start, b""
    try:
        while piece:
            decoder.decode(piece)
            odd, piece = piece[-64:], file.read(_PIECE)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        lines = (start if not start.isascii() else odd + piece).splitlines()
        return _other(b"\n".join(line for line in lines if not line.isascii()))
    return Encoding("utf-8", "UTF-8")


def _other(lines: bytes) -> Encoding:
    """Return the encoding of lines that are not UTF-8."""
    high = sum(byte >= 0x80 for byte in lines)
    pairs = sum(a >= 0x80 and b >= 0x80 for a, b in pairwise(lines))
    likely = _LIKELY if pairs > _HIGH_PAIRS * high / 2 else ["cp1252"]
    best = from_bytes(lines[:_SAMPLE], cp_isolation=likely).best()
    codec = best.encoding if best is not None else _by_letters(lines, likely)
    try:
        lines.decode(codec)
    except UnicodeDecodeError:
        codec = "latin-1"  # any byte is a character in it
    title = {"cp1252": "Windows-1252", "latin-1": "Latin-1"}.get(codec, codec.upper())
    return Encoding(codec, title, True)


def _by_letters(lines: bytes, likely: list[str]) -> str:
    """Return Cyrillic if nearly all foreign bytes are its letters, else Western."""
    high = [byte for byte in lines if byte >= 0x80]
    letters = sum(byte >= 0xC0 for byte in high)
    return "cp1251" if len(likely) > 1 and letters > 0.95 * len(high) else "cp1252"

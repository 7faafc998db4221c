r"""Recognise personal data and secrets in a text, and write their kind instead.

A look at the text says which patterns could match at all; patterns find candidates;
check digits decide where there are any. Digits, letters and punctuation of every script
count: a text is read as its ASCII twin of the same length where it has one (full-width
forms), and ``\d`` is a digit of any script.

The patterns are our own because a request has microseconds for them: Presidio, which
judges them in ``make bench-mask``, imports spaCy and takes milliseconds a text.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from hotseat_serve.privacy import checksums

MAX_LENGTH = 20_000
"""Characters that are looked at; a longer text is masked as a whole."""

Span = tuple[int, int]

_FULL_WIDTH: dict[int, int | str] = {
    **{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)},
    0x3000: " ", 0x00A0: " ", 0x2007: " ", 0x2009: " ", 0x202F: " ", 0x200B: "-",
    0x2010: "-", 0x2011: "-", 0x2012: "-", 0x2013: "-", 0x2014: "-", 0x3002: ".",
}  # fmt: skip
_GAP = r"[ \-]?"
# \b would let a letter of a script that writes without spaces hide a number
_BEFORE, _AFTER = r"(?<![A-Za-z\d_])", r"(?![A-Za-z\d_])"
_LONG = 12
"""Characters of the shortest token, key or address that is one word."""
_FREE = r"(?<!\d)(?<!\d\.)"
"""No digits before, and not the decimals of a number."""
_KEYWORDS = (
    "pass", "pwd", "key", "secret", "token", "pin", "bearer", "basic", "密码", "口令",
    "密钥", "パスワード", "비밀번호", "пароль",
)  # fmt: skip
_DIGIT = re.compile(r"\d")
_NUMBER = re.compile(r"[+(]{0,2}\d(?:[ ().\-/]{0,2}\d){6,}[Xx]?")
_WORD = re.compile(rf"(?<!\S)\S{{{_LONG},}}")
_TOP_LEVEL = (
    "com|net|org|edu|gov|io|gg|tv|me|co|app|dev|info|biz|xyz|cn|de|fr|uk|jp|kr|ru|eu|us"
    "|ly|be|link|site|online|shop|top|cc"
)


@dataclass(frozen=True, slots=True)
class _Look:
    """What a text has at all; `words` and `numbers` are spans of candidates."""

    text: str
    has_digit: bool
    colons: int
    has_keyword: bool
    words: tuple[Span, ...]
    numbers: tuple[Span, ...]


Scope = Callable[[_Look], tuple[Span, ...]]


@dataclass(frozen=True, slots=True)
class Recogniser:
    """Finds one kind of secret within `scope`; `is_valid` decides on a candidate."""

    kind: str
    scope: Scope
    pattern: re.Pattern[str]
    is_valid: Callable[[str], bool] | None = None

    def find(self, look: _Look) -> Iterator[Span]:
        """Yield the spans of this kind."""
        for start, end in self.scope(look):
            for match in self.pattern.finditer(look.text, start, end):
                if self.is_valid is None or self.is_valid(match.group()):
                    yield match.span()


def _where(holds: Callable[[_Look], bool]) -> Scope:
    return lambda look: ((0, len(look.text)),) if holds(look) else ()


def _parts_with(text: str, mark: str) -> Iterator[Span]:
    """Yield the words, between two spaces, that hold `mark` before their end."""
    end = 0
    while (at := text.find(mark, end)) >= 0:
        start = max(text.rfind(" ", 0, at) + 1, end)
        end = text.find(" ", at)
        end = len(text) if end < 0 else end
        if at + 1 < end:
            yield start, end
        else:
            end = at + 1


def _words_with(mark: str) -> Scope:
    return lambda look: tuple(_parts_with(look.text, mark))


def _is_random(candidate: str) -> bool:
    """Whether a long word looks drawn by chance: letters and digits, few repeated.

    The bound of 3.2 bits a character lies between words with a year and 20 characters
    of Base64 or hexadecimal.
    """
    size = len(candidate)
    entropy = -sum(n / size * math.log2(n / size) for n in Counter(candidate).values())
    kinds = [c.isdigit() for c in candidate]
    changes = sum(a != b for a, b in pairwise(kinds))
    return entropy >= 3.2 and changes >= 3 and any(map(str.isalpha, candidate))


def _words(look: _Look) -> tuple[Span, ...]:
    return look.words


def _numbers(look: _Look) -> tuple[Span, ...]:
    return look.numbers


_RECOGNISERS = (
    Recogniser(
        "key",
        _where(lambda look: "-----BEGIN" in look.text),
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*-----|\Z)"
        ),
    ),
    Recogniser(
        "url",
        _where(lambda look: "://" in look.text or "www." in look.text.lower()),
        re.compile(r"(?i)(?<![a-z])(?:[a-z][a-z\d+.-]{1,15}://|www\.)[^\s<>\"\'，。]+"),
    ),
    Recogniser(
        "email",
        _words_with("@"),
        re.compile(r"[\w.+%\'-]{1,64}@[\w-]{1,63}(?:\.[\w-]{2,63})+"),
    ),
    Recogniser(
        "email",
        _where(lambda look: "(at)" in look.text),
        re.compile(r"[\w.+%\'-]{1,64}\s?\(at\)\s?[\w-]{1,63}(?:\.[\w-]{2,63})+"),
    ),
    Recogniser(
        "token",
        _words,
        re.compile(rf"{_BEFORE}eyJ[\w-]{{5,}}\.[\w-]{{4,}}(?:\.[\w-]*)?"),
    ),
    Recogniser(
        "token",
        _words,
        re.compile(
            rf"{_BEFORE}(?:(?:AKIA|ASIA)[A-Z\d]{{16}}|gh[pousr]_\w{{20,}}"
            r"|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abeprs]-[\w-]{10,}"
            r"|[rsp]k_(?:live|test)_\w{16,}|AIza[\w-]{30,}|sk-[\w-]{16,}|npm_\w{30,}"
            r"|hf_\w{20,}|SG\.[\w-]{16,}\.[\w-]{16,}|ya29\.[\w-]{16,}"
            r"|[MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,40})"
        ),
    ),
    Recogniser(
        "token",
        _where(lambda look: look.has_keyword),
        re.compile(r"(?i)(?<![a-z])(?:bearer|basic)\s+[\w.~+/=-]{8,}"),
    ),
    Recogniser(
        "secret",
        _where(lambda look: look.has_keyword),
        re.compile(
            r"(?i)(?:(?<![a-z])(?:pass(?:word|wd|phrase)?|pwd|api[ _-]?key"
            r"|secret(?:[ _-]?key)?|access[ _-]?key|auth[ _-]?token|token|pin)"
            r"|密码|口令|密钥|パスワード|비밀번호|пароль)"
            r"\s*(?:[:=]\s*[\"\']?(?!\[)[^\s\"\',;]{3,}|(?:是|は|\bis\b)\s*(?=\S*[\d!#$%&*])\S{4,})"
        ),
    ),
    Recogniser(
        "id",
        _words,
        re.compile(
            rf"{_BEFORE}[\da-fA-F]{{8}}-(?:[\da-fA-F]{{4}}-){{3}}[\da-fA-F]{{12}}{_AFTER}"
        ),
    ),
    Recogniser(
        "mac",
        _words,
        re.compile(
            r"(?<![A-Za-z\d:.-])[\da-fA-F]{2}([:-])(?:[\da-fA-F]{2}\1){4}"
            r"[\da-fA-F]{2}(?![A-Za-z\d:-])"
        ),
    ),
    Recogniser(
        "mac",
        _words,
        re.compile(
            rf"{_BEFORE}[\da-fA-F]{{4}}\.[\da-fA-F]{{4}}\.[\da-fA-F]{{4}}{_AFTER}"
        ),
    ),
    Recogniser(
        "ip",
        _words_with("."),
        re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?(?!\d|\.\d)"),
        checksums.is_address,
    ),
    Recogniser(
        "ip",
        _where(lambda look: look.colons > 1),
        re.compile(
            r"(?<![A-Za-z\d:])[\da-fA-F]{0,4}:[\da-fA-F:]{1,35}"
            r"(?:(?:\.\d{1,3}){3})?(?:/\d{1,3})?(?![A-Za-z\d:])"
        ),
        checksums.is_address,
    ),
    Recogniser(
        "iban",
        _where(lambda look: look.has_digit),
        re.compile(
            rf"{_BEFORE}[A-Z]{{2}}\d{{2}}(?:[ -]?[A-Z\d]{{1,4}}){{3,8}}{_AFTER}"
        ),
        checksums.is_iban,
    ),
    Recogniser(
        "wallet",
        _words,
        re.compile(rf"{_BEFORE}[13][1-9A-HJ-NP-Za-km-z]{{25,34}}{_AFTER}"),
        checksums.is_bitcoin,
    ),
    Recogniser(
        "wallet",
        _words,
        re.compile(rf"{_BEFORE}(?:0x[\da-fA-F]{{40}}|bc1[\da-z]{{25,59}}){_AFTER}"),
    ),
    Recogniser(
        "token",
        _words,
        re.compile(rf"{_BEFORE}[A-Za-z\d_+/=-]{{20,}}"),
        _is_random,
    ),
    Recogniser(
        "phone",
        _numbers,
        re.compile(r"(?:\+|(?<!\d)00)\d{1,3}(?:[ ().\-/]{0,2}\d){6,13}(?!\d)"),
    ),
    Recogniser(
        "id",
        _numbers,
        re.compile(r"(?<!\d)\d{17}[\dXx](?!\d)"),
        checksums.is_resident_id,
    ),
    Recogniser(
        "card",
        _numbers,
        re.compile(rf"{_FREE}\d(?:{_GAP}\d){{12,18}}(?!\d)"),
        checksums.is_card,
    ),
    Recogniser(
        "id",
        _numbers,
        re.compile(r"(?<![\d-])\d{3}([- ])\d{2}\1\d{4}(?![\d-])"),
        checksums.is_social_security,
    ),
    Recogniser(
        "phone",
        _numbers,
        re.compile(rf"{_FREE}(?:86{_GAP})?1[3-9]\d(?:{_GAP}\d){{8}}(?!\d)"),
    ),
    Recogniser(
        "phone",
        _numbers,
        re.compile(rf"{_FREE}\(?0\d{{1,4}}\)?(?:[ \-/]?\d){{6,9}}(?!\d)"),
    ),
    Recogniser(
        "phone",
        _numbers,
        re.compile(
            rf"{_FREE}(?:1[ -]?)?(?:\([2-9]\d{{2}}\) ?\d{{3}}[ -]?\d{{4}}"
            r"|[2-9]\d{2}(?:([.-]?)\d{3}\1| \d{3}[ -])\d{4})(?!\d)"
        ),
    ),
    Recogniser(
        "url",
        _words_with("."),
        re.compile(
            rf"(?i)(?<![\w@.-])(?:[\w-]{{1,63}}\.)+(?:{_TOP_LEVEL})(?![\w-])"
            r"(?:[/?#:][^\s<>\"\']*)?"
        ),
    ),
    Recogniser(
        "number",
        _numbers,
        re.compile(rf"{_FREE}\d(?:{_GAP}\d){{8,}}(?!\d)"),
    ),
)
"""In the order in which they take a text: the most certain first."""
KINDS = (*dict.fromkeys(item.kind for item in _RECOGNISERS), "long")
"""What a masked text may say instead of a secret."""


def find(text: str) -> list[tuple[int, int, str]]:
    """Return start, end and kind of each secret in a text, in order, none in another.

    A text of more than `MAX_LENGTH` characters is one secret of the kind ``long``.
    """
    if len(text) > MAX_LENGTH:
        return [(0, len(text), "long")]
    look = _look(text if text.isascii() else text.translate(_FULL_WIDTH))
    if look is None:
        return []
    found: list[tuple[int, int, str]] = []
    taken = bytearray(len(text))
    for recogniser in _RECOGNISERS:
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


def _look(text: str) -> _Look | None:
    """Return what the text has, or None if no recogniser could match."""
    lower = text.lower()
    has_digit = _DIGIT.search(text) is not None
    colons = text.count(":")
    has_keyword = any(word in lower for word in _KEYWORDS)
    longest = max(map(len, text.split()), default=0)
    words = _spans(_WORD, text) if longest >= _LONG else ()
    if not (
        has_digit or words or has_keyword or colons > 1
        or "@" in text or "(at)" in text or "://" in text
        or next(_parts_with(text, "."), None)
    ):  # fmt: skip
        return None
    numbers = _spans(_NUMBER, text) if has_digit else ()
    return _Look(text, has_digit, colons, has_keyword, words, numbers)


def _spans(pattern: re.Pattern[str], text: str) -> tuple[Span, ...]:
    return tuple(match.span() for match in pattern.finditer(text))

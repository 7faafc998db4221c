"""What a text has at all: which recognisers could match, and where.

Most lines of chat have nothing that any recogniser takes, and a look costs a third of
what one pattern would.
"""

import re
from collections.abc import Iterator

from hotseat_registry.dataclass import dataclass

Span = tuple[int, int]

_LONG = 12
"""Characters of the shortest token, key or address that is one word."""
_KEYWORDS = (
    "pass", "pwd", "key", "secret", "token", "pin", "bearer", "basic", "密码", "口令",
    "密钥", "パスワード", "비밀번호", "пароль",
)  # fmt: skip
_DIGIT = re.compile(r"\d")
_NUMBER = re.compile(r"[+(]{0,2}\d(?:[ ().\-/]{0,2}\d){6,}[Xx]?")
_WORD = re.compile(rf"(?<!\S)\S{{{_LONG},}}")


@dataclass(frozen=True, slots=True)
class Look:
    """What a text has at all; `words` and `numbers` are spans of candidates."""

    text: str
    has_digit: bool
    colons: int
    has_keyword: bool
    words: tuple[Span, ...]
    numbers: tuple[Span, ...]


def look_at(text: str) -> Look | None:
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
        or next(parts_with(text, "."), None)
    ):  # fmt: skip
        return None
    numbers = _spans(_NUMBER, text) if has_digit else ()
    return Look(text, has_digit, colons, has_keyword, words, numbers)


def parts_with(text: str, mark: str) -> Iterator[Span]:
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


def _spans(pattern: re.Pattern[str], text: str) -> tuple[Span, ...]:
    return tuple(match.span() for match in pattern.finditer(text))

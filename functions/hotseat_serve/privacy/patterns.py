"""The recognisers: for each kind of secret where it may be, its pattern, its check.

The patterns are our own because a request has microseconds for them: Presidio, which
judges them in ``make bench-mask``, imports spaCy and takes milliseconds a text.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise

from hotseat_registry.dataclass import dataclass
from hotseat_serve.privacy import checksums
from hotseat_serve.privacy.candidates import Look, Span, parts_with

_GAP = r"[ \-]?"
# \b would let a letter of a script that writes without spaces hide a number
_BEFORE, _AFTER = r"(?<![A-Za-z\d_])", r"(?![A-Za-z\d_])"
_FREE = r"(?<!\d)(?<!\d\.)"
"""No digits before, and not the decimals of a number."""
_TOP_LEVEL = (
    "com|net|org|edu|gov|io|gg|tv|me|co|app|dev|info|biz|xyz|cn|de|fr|uk|jp|kr|ru|eu|us"
    "|ly|be|link|site|online|shop|top|cc"
)


Scope = Callable[[Look], tuple[Span, ...]]


@dataclass(frozen=True, slots=True)
class Recogniser:
    """Finds one kind of secret within `scope`; `is_valid` decides on a candidate."""

    kind: str
    scope: Scope
    pattern: re.Pattern[str]
    is_valid: Callable[[str], bool] | None = None

    def find(self, look: Look) -> Iterator[Span]:
        """Yield the spans of this kind."""
        for start, end in self.scope(look):
            for match in self.pattern.finditer(look.text, start, end):
                if self.is_valid is None or self.is_valid(match.group()):
                    yield match.span()


def _where(holds: Callable[[Look], bool]) -> Scope:
    return lambda look: ((0, len(look.text)),) if holds(look) else ()


def _words_with(mark: str) -> Scope:
    return lambda look: tuple(parts_with(look.text, mark))


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


def _words(look: Look) -> tuple[Span, ...]:
    return look.words


def _numbers(look: Look) -> tuple[Span, ...]:
    return look.numbers


RECOGNISERS = (
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
KINDS = (*dict.fromkeys(item.kind for item in RECOGNISERS), "long")
"""What a masked text may say instead of a secret."""

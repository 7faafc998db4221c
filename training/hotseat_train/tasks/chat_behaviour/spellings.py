"""Spellings that evade a filter; none of them is one of `models.text.obfuscation`.

Each function takes a text and returns it, always in the same way.
"""

from collections.abc import Callable

_CYRILLIC = str.maketrans("aceopxy", "\u0430\u0441\u0435\u043e\u0440\u0445\u0443")
_VOWELS = "aeiou"
_LONG = 4
"""Letters of a word from which on its spelling is altered."""
_TRADITIONAL = str.maketrans(
    "这么个给还样让谁时见学过车绳头脑问题战队应该灭绝贱脏药点离开摄声颜内湿钱残闭长",
    "這麼個給還樣讓誰時見學過車繩頭腦問題戰隊應該滅絕賤髒藥點離開攝聲顏內濕錢殘閉長",
)
_PINYIN = str.maketrans(
    {
        "你": "ni", "死": "si", "我": "wo", "吃": "chi", "手": "shou", "睡": "shui",
        "猪": "zhu", "脱": "tuo", "赶": "gan", "不": "bu", "把": "ba", "去": "qu",
    }
)  # fmt: skip


def homoglyphs(text: str) -> str:
    """Use Cyrillic letters that look like Latin ones."""
    return text.translate(_CYRILLIC)


def starred(text: str) -> str:
    """Replace the first vowel inside each longer word by an asterisk."""
    return " ".join(_once(word, lambda _c: "*") for word in text.split())


def doubled(text: str) -> str:
    """Double the first vowel inside each longer word."""
    return " ".join(_once(word, lambda c: 2 * c) for word in text.split())


def alternating(text: str) -> str:
    """Alternate small and capital letters."""
    return "".join(c.upper() if at % 2 else c for at, c in enumerate(text))


def glued(text: str) -> str:
    """Write the words without spaces."""
    return "".join(word.capitalize() for word in text.split())


def traditional(text: str) -> str:
    """Use traditional Chinese characters, where they differ."""
    return text.translate(_TRADITIONAL)


def pinyin(text: str) -> str:
    """Write some characters in pinyin."""
    return text.translate(_PINYIN)


def slashed(text: str) -> str:
    """Put a slash between the characters."""
    return "/".join(text.replace("，", ""))


Spelling = Callable[[str], str]
ENGLISH: tuple[Spelling, ...] = (homoglyphs, starred, doubled, alternating, glued)
CHINESE: tuple[Spelling, ...] = (traditional, pinyin, slashed)


def _once(word: str, new: Spelling) -> str:
    if len(word) < _LONG:
        return word
    at = next((at for at, c in enumerate(word) if at and c in _VOWELS), None)
    return word if at is None else word[:at] + new(word[at]) + word[at + 1 :]

# A copy of functions/hotseat_registry/scripts.py, by `make shared`.
"""Scripts of texts, by their characters.

The SDK for Python carries a copy (`make shared`).
"""

import re
from collections.abc import Iterable, Mapping

SCRIPTS: Mapping[str, str] = {
    "Han": "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff",
    "Hangul": "\u1100-\u11ff\uac00-\ud7af",
    "Kana": "\u3040-\u30ff",
    "Cyrillic": "\u0400-\u052f",
    "Arabic": "\u0600-\u06ff\u0750-\u077f",
    "Thai": "\u0e00-\u0e7f",
    "Devanagari": "\u0900-\u097f",
}
"""Characters of scripts, as ranges of a regular expression (unicode.org, Scripts.txt;
Kana is Hiragana and Katakana)."""


def script_of(scripts: Iterable[str], text: str) -> str | None:
    """Return the first of the scripts that the text has a character of."""
    for name in scripts:
        if re.search(f"[{SCRIPTS[name]}]", text):
            return name
    return None

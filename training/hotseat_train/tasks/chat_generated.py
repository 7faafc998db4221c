"""Generated training rows, said to be generated: combinations of written parts.

Corpora of game chat hold few threats, slurs, sexual harassment, or lines that tell
somebody to harm themselves; and CONDA is the chat of one game, while every game has
nouns of its own that insult. `chat_generated.json` holds templates in English and
Chinese with their parts, and innocent twins: game talk about killing and dying. Half of
GameTox, which is not trained on, was looked at to find what was missing.

Swear words of further European languages come from LDNOOBW's lists, because players mix
languages. Slurs are lines of its English list, by number: none is written out here.
"""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

from hotseat_train.data.download import Source
from hotseat_train.tasks.chat_labels import Row, row

_DIGESTS = {
    "cs": "90706df86709bade1ca39cf9f9d9836409c674fc3bffcb7525bdd20e59b596bc",
    "de": "ebe44d7772897390e27f7bec412fdcdf0efc294e4db157f8487c4cd8d4fabd55",
    "en": "af851ecef1d5f212caba17339b12ac39cc2fef7d78c74876f67237644fcee8bd",
    "es": "073334261cc2e7c08339faefd2f19f9623e8240a0ac18fe2a26c368b897496ce",
    "fi": "3e0b35b2533ba22fb526d882bea250ddfad907ee7548aacbe15db17e21034c62",
    "fr": "79763a705e08256b393952852bb63aa903f4485e0ef02f70735f5e50efff213c",
    "hu": "a6943a971496f16e9a9d59ba6fde146d229699600e9636828d8d34ed9160aff5",
    "it": "d413f41018d58aa79d2c4809d0161f29ffd5652c4dc34c5b7b9ade680ee5599a",
    "nl": "8298ba0cdc3ca9a1989c349b8ad0148e4504c2804f2f2fb6c2f52bfb39c5ae71",
    "no": "e55b46bcec1ea288256924523a997d8d99e124c9aa3e61cbbbfaeca294f745b4",
    "pl": "98cf824e3692255645c5a72d5913f26fd4f20930f725683b4c96bb312ca5d9b3",
    "pt": "05ef524b0bb7f83f87257f6ec4dabf70e16b8bb6930f769fb93deaf608ff196d",
    "ru": "2598adabd2b761733d72a68d8ee4fcc1d2c38f2f85b6ff489985c6ce1d93bf75",
    "sv": "77f3f99a89bd3b2bde6a654741bacfcb3acca3f5c804af4d8d3fea11e09ea562",
    "tr": "6c7ae03baee0f3fdc22eed169030567669005dad9a1923e0b571c4bd4f2f2ab5",
}
SOURCES = {
    language: Source(
        f"word-lists/{language}",
        "https://raw.githubusercontent.com/LDNOOBW/List-of-Dirty-Naughty-Obscene-and-"
        f"Otherwise-Bad-Words/5faf2ba/{language}",
        digest,
    )
    for language, digest in _DIGESTS.items()
}
NAME = "LDNOOBW's word lists (@ 5faf2ba); generated rows"
LICENCE = "word lists: CC-BY-4.0"
_SLURS = (35, 36, 66, 94, 95, 103, 137, 138, 202, 207, 234, 236, 237, 256, 289, 316,
          324, 333, 365, 366, 390)  # fmt: skip
"""Numbers of the English list's lines with slurs."""
_LATIN = dict(
    zip(
        "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
        [
            "a",
            "b",
            "v",
            "g",
            "d",
            "e",
            "e",
            "zh",
            "z",
            "i",
            "y",
            "k",
            "l",
            "m",
            "n",
            "o",
            "p",
            "r",
            "s",
            "t",
            "u",
            "f",
            "h",
            "c",
            "ch",
            "sh",
            "sch",
            "",
            "y",
            "",
            "e",
            "yu",
            "ya",
        ],
        strict=True,
    )
)
_SEED = 0
_PADDED = 0.3
"""Share of the rows with one to three harmless lines around them."""
Group = Mapping[str, Any]
Parts = Mapping[str, Sequence[str]]


def groups() -> Sequence[Group]:
    """Return the groups of templates.

    Each has ``count``, the rows of a category; ``templates`` of a category; ``parts``,
    what stands for a name in braces.
    """
    found: Sequence[Group] = json.loads(
        files("hotseat_train.tasks").joinpath("chat_generated.json").read_text("utf-8")
    )
    return found


def templates() -> dict[str, list[str]]:
    """Return all templates of each category."""
    found: dict[str, list[str]] = {}
    for group in groups():
        for category, lines in group["templates"].items():
            found.setdefault(category, []).extend(lines)
    return found


def rows() -> Iterator[Row]:
    """Yield all rows, always the same; raises `DatasetError`.

    Some stand among harmless lines, so that padding does not hide what is harmful.
    """
    rng = random.Random(_SEED)  # noqa: S311 (no secret)
    lists = _word_lists()
    for group in groups():
        parts = {**group["parts"], **lists}

        def line(category: str, group: Group = group, parts: Parts = parts) -> str:
            chosen = {name: rng.choice(words) for name, words in parts.items()}
            text = rng.choice(group["templates"][category]).format(**chosen)
            return " ".join(text.split())

        for category, count in group["count"].items():
            for _ in range(count):
                lines = [line(category)]
                if rng.random() < _PADDED:
                    lines += [line("ok") for _ in range(rng.randint(1, 3))]
                    rng.shuffle(lines)
                text = " ".join(lines)
                yield row(text, {category}, text)


def _word_lists() -> dict[str, list[str]]:
    lines = {
        language: source.path().read_text("utf-8").splitlines()
        for language, source in SOURCES.items()
    }
    english = lines.pop("en")
    words = [word for found in lines.values() for word in found if word]
    latin = ["".join(_LATIN.get(c, c) for c in word.lower()) for word in words]
    return {
        "swear": list(dict.fromkeys([*words, *latin])),
        "slur": [english[number - 1] for number in _SLURS],
    }

"""Texts of Cataclysm: Dark Days Ahead: items with descriptions, talk with survivors.

CC-BY-SA-3.0, by the game's contributors; Debian's package of its data, version 0.F-3.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hotseat_train.data.debian_package import files
from hotseat_train.data.download import Source
from hotseat_train.language.examples import Example

PACKAGE = Source(
    "cataclysm/cataclysm-dda-data_0.F-3-9_all.deb",
    "http://deb.debian.org/debian/pool/main/c/cataclysm-dda/"
    "cataclysm-dda-data_0.F-3-9_all.deb",
    "cd0c097169fe364fdb6bcdab77663d24920a063387ce2fbf1b5d3be01c141105",
)
LICENCE = "CC-BY-SA-3.0"
CREDIT = (
    "Texts of Cataclysm: Dark Days Ahead 0.F-3 by its contributors, "
    f"{LICENCE} (https://cataclysmdda.org)"
)
_ITEMS = frozenset({
    "AMMO", "ARMOR", "BATTERY", "BIONIC_ITEM", "BOOK", "COMESTIBLE", "ENGINE",
    "GENERIC", "GUN", "GUNMOD", "MAGAZINE", "PET_ARMOR", "TOOL", "TOOL_ARMOR",
    "TOOLMOD", "WHEEL",
})  # fmt: skip
_SLOT = re.compile(r"<[^<>]*>")
_LONGEST = 400
"""Characters of an answer; longer ones are pages of a story."""


def item_texts(package: Path | None = None) -> list[Example]:
    """Return items: asked for by name, answered by the description.

    Raises `DatasetError` when the package is not available.
    """
    rows = {}
    for entry in _entries(package):
        name, text = _text(entry.get("name")), _text(entry.get("description"))
        if entry.get("type") in _ITEMS and name and _is_prose(text):
            rows[name, text] = Example(item_request(name), text)
    return [rows[key] for key in sorted(rows)]


def item_request(name: str) -> str:
    """Return the request for the description of an item."""
    return f"Describe the item: {name}"


def npc_lines(package: Path | None = None) -> list[Example]:
    """Return lines that a player may say to a survivor, with the survivor's answers.

    A line with a place for other words (``<name_g>``) is left out. Raises
    `DatasetError` when the package is not available.
    """
    answers: dict[str, list[str]] = defaultdict(list)
    spoken: dict[str, list[str]] = defaultdict(list)
    for entry in _entries(package):
        if entry.get("type") != "talk_topic":
            continue
        topics = entry.get("id")
        for topic in topics if isinstance(topics, list) else [topics]:
            answers[str(topic)] += _lines(entry.get("dynamic_line"))
        responses = entry.get("responses")
        for response in responses if isinstance(responses, list) else ():
            if isinstance(response, dict) and isinstance(response.get("text"), str):
                spoken[str(response.get("topic"))].append(response["text"])
    rows = {
        (line, answer): Example(line_request(line), answer)
        for topic, lines in spoken.items()
        for line in lines
        for answer in answers.get(topic, ())
        if not _SLOT.search(line) and _is_prose(answer)
    }
    return [rows[key] for key in sorted(rows)]


def line_request(line: str) -> str:
    """Return the request for an answer to a player's line."""
    return f"A player says to you: {line}"


def _entries(package: Path | None) -> Iterator[dict[str, Any]]:
    for _, content in files(package or PACKAGE.path(), ".json"):
        try:
            document = json.loads(content)
        except ValueError:
            continue  # the game reads a wider JSON in a few files
        for entry in document if isinstance(document, list) else [document]:
            if isinstance(entry, dict):
                yield entry


def _text(value: object) -> str:
    """Return a text, or the singular of one with a plural."""
    if isinstance(value, dict):
        value = value.get("str", value.get("str_sp"))
    return " ".join(value.split()) if isinstance(value, str) else ""


def _lines(value: object) -> list[str]:
    """Return the lines of a tree of conditions."""
    if isinstance(value, str):
        return [" ".join(value.split())]
    if isinstance(value, list):
        return [line for each in value for line in _lines(each)]
    if isinstance(value, dict):
        return [line for key in ("yes", "no", "str") for line in _lines(value.get(key))]
    return []


def _is_prose(text: str) -> bool:
    """Return whether a text has a sentence, no place for other words, no template."""
    return (
        len(text.split()) > 2
        and len(text) <= _LONGEST
        and not _SLOT.search(text)
        and text[-1] in ".!?\"'…"
        and "template" not in text
        and "debug" not in text.lower()
    )

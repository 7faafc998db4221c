import io
import json
import tarfile
from pathlib import Path

import pytest

from hotseat_train.data.debian_package import files
from hotseat_train.errors import DatasetError
from hotseat_train.language.cataclysm import item_texts, npc_lines
from hotseat_train.language.examples import Example

ENTRIES = {
    "items.json": [
        {
            "type": "TOOL",
            "name": {"str": "steel pan"},
            "description": "A pan  of steel.",
        },
        {"type": "TOOL", "name": "axe", "description": {"str": "An axe for wood."}},
        {"type": "TOOL", "name": "fake", "description": "A debug item."},
        {"type": "TOOL", "name": "map", "description": "Map of <place_name>."},
        {"type": "terrain", "name": "floor", "description": "A floor to walk on."},
    ],
    "talk.json": [
        {
            "type": "talk_topic",
            "id": "GREET",
            "dynamic_line": {"npc_has": 1, "yes": "Hi there, you.", "no": ["Go away."]},
            "responses": [
                {"text": "Who are you?", "topic": "NAME"},
                {"text": "Bye, <name_g>.", "topic": "NAME"},
            ],
        },
        {"type": "talk_topic", "id": ["NAME", "X"], "dynamic_line": "I am the cook."},
    ],
}


def _package(folder: Path) -> Path:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:xz") as archive:
        for name, content in {**ENTRIES, "broken.json": None}.items():
            text = json.dumps(content).encode() if content else b"{"
            member = tarfile.TarInfo(f"./usr/share/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    members = (("debian-binary", b"2.0"), ("data.tar.xz", data.getvalue()))
    content = b"!<arch>\n"
    for name, body in members:
        head = f"{name:16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(body):<10}`\n"
        content += head.encode() + body + b"\n" * (len(body) % 2)
    path = folder / "a.deb"
    path.write_bytes(content)
    return path


def test_items_with_a_description(tmp_path: Path) -> None:
    assert item_texts(_package(tmp_path)) == [
        Example("Describe the item: axe", "An axe for wood."),
        Example("Describe the item: steel pan", "A pan of steel."),
    ]


def test_lines_with_their_answers(tmp_path: Path) -> None:
    assert npc_lines(_package(tmp_path)) == [
        Example("A player says to you: Who are you?", "I am the cook.")
    ]


def test_what_is_no_package(tmp_path: Path) -> None:
    path = tmp_path / "a.deb"
    path.write_bytes(b"PK")
    with pytest.raises(DatasetError, match="not a Debian package"):
        list(files(path, ".json"))
    path.write_bytes(b"!<arch>\n")
    with pytest.raises(DatasetError, match=r"no data\.tar"):
        list(files(path, ".json"))

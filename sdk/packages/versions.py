"""The version of each SDK and its entry in the SDK's changelog."""

import re
from pathlib import Path

PLACES = {
    "python": ("sdk/python/src/hotseat/_version.py", r'__version__ = "(.+?)"'),
    "typescript": ("sdk/typescript/package.json", r'"version": "(.+?)"'),
    "unity": ("sdk/unity/package.json", r'"version": "(.+?)"'),
    "godot": ("sdk/godot/godot3/addons/hotseat/plugin.cfg", r'version="(.+?)"'),
    "cpp": ("sdk/cpp/CMakeLists.txt", r"project\(hotseat VERSION ([\d.]+)"),
    "lua": ("sdk/lua/hotseat/init.lua", r'VERSION = "(.+?)"'),
}
"""Where each SDK's version is written."""


def version(root: Path, sdk: str) -> str:
    """Return an SDK's version; ValueError if its file has none."""
    file, pattern = PLACES[sdk]
    match = re.search(pattern, (root / file).read_text("utf-8"))
    if match is None:
        raise ValueError(f"{file} has no version")
    return match[1]


def changes(root: Path, sdk: str, number: str) -> str:
    """Return a version's entry in the SDK's changelog; ValueError without one."""
    file = f"sdk/{sdk}/CHANGELOG.md"
    text = (root / file).read_text("utf-8")
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        title, _, body = section.partition("\n")
        if title.split()[0] == number and body.strip():
            return section.strip()
    raise ValueError(f"{file} has no entry for {number}: add '## {number}'")

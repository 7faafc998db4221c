"""Pack the addon for Godot 3 and for Godot 4: ``python sdk/godot/package.py [FOLDER]``.

Writes hotseat-godot3.zip and hotseat-godot4.zip (default folder: dist/godot). Each
holds a project that opens in its engine: the addon and an example. The scripts exist
once, for Godot 3, where they are tested; `for_godot_4` translates them. Only
platform.gd, plugin.gd, the example and the project file exist for each engine.
"""

import argparse
import re
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
ADDON = "addons/hotseat"
PER_ENGINE = {"platform.gd", "plugin.gd"}
PARTS = (ADDON, "example", "project.godot")
"""What a package takes of an engine's folder; the tests stay out."""


def for_godot_4(script: str) -> str:
    """Translate a script of Godot 3: one class has another name in Godot 4."""
    return re.sub(r"\bextends Reference\b", "extends RefCounted", script)


def package(engine: int) -> dict[str, bytes]:
    """Return the files of the project for Godot 3 or 4, by their paths in it."""
    folder = HERE / f"godot{engine}"
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for part in PARTS
        for path in sorted([folder / part, *(folder / part).rglob("*")])
        if path.is_file()
    }
    if engine == 4:
        for path in sorted((HERE / "godot3" / ADDON).iterdir()):
            if path.name in PER_ENGINE:
                continue
            content = path.read_bytes()
            if path.suffix == ".gd":
                content = for_godot_4(content.decode("utf-8")).encode("utf-8")
            files[f"{ADDON}/{path.name}"] = content
    return files


def main() -> None:
    """Write both packages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default="dist/godot")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for engine in (3, 4):
        with zipfile.ZipFile(folder / f"hotseat-godot{engine}.zip", "w") as archive:
            for name, content in sorted(package(engine).items()):
                # a fixed date: the same scripts give the same bytes
                archive.writestr(zipfile.ZipInfo(name), content)


if __name__ == "__main__":
    main()

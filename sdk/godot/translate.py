"""Write the addon for Godot 4 from the one for Godot 3.

Run as ``python sdk/godot/translate.py``. All that the two engines do differently stands
in platform.gd, plugin.gd and the example, which are written by hand for each. Every
other file is the same but for the name of the class that counts references.
"""

import re
from pathlib import Path

HERE = Path(__file__).parent
FROM = HERE / "godot3/addons/hotseat"
TO = HERE / "godot4/addons/hotseat"
BY_HAND = {"platform.gd", "plugin.gd"}


def shared() -> list[str]:
    """Return the names of the files that both addons have, word for word."""
    return sorted(path.name for path in FROM.iterdir() if path.name not in BY_HAND)


def translated(text: str) -> str:
    """Return a script of Godot 3 as Godot 4 reads it."""
    return re.sub(r"\bextends Reference\b", "extends RefCounted", text)


if __name__ == "__main__":
    for name in shared():
        text = translated((FROM / name).read_text("utf-8"))
        (TO / name).write_text(text, "utf-8")

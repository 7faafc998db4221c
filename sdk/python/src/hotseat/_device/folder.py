"""The system's folder for caches."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path


def cache_folder(
    platform: str = sys.platform, env: Mapping[str, str] = os.environ
) -> Path:
    """Return the folder for caches, by the rule of each system.

    Windows: learn.microsoft.com, KNOWNFOLDERID LocalAppData; macOS:
    developer.apple.com, File System Basics; others: XDG Base Directory Specification.
    """
    home = Path(env["HOME"]) if env.get("HOME") else Path.home()
    if platform == "win32":
        local = env.get("LOCALAPPDATA")
        root = Path(local) if local else home / "AppData" / "Local"
        return root / "hotseat" / "Cache"
    if platform == "darwin":
        return home / "Library" / "Caches" / "hotseat"
    path = env.get("XDG_CACHE_HOME", "")
    # the specification: ignore a path that is not absolute
    root = Path(path) if path.startswith("/") else home / ".cache"
    return root / "hotseat"

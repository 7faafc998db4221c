"""Tags of releases: each SDK has its own version."""

import subprocess
from pathlib import Path

from versions import changes, version


def tag_name(sdk: str, number: str) -> str:
    """Return the tag of an SDK's version, such as unity-0.1.0."""
    return f"{sdk}-{number}"


def create_tag(root: Path, sdk: str) -> str:
    """Tag the present commit with an SDK's version and its changes; returns the tag.

    ValueError if the entry has no date, files are changed, or git refuses.
    """
    number = version(root, sdk)
    entry = changes(root, sdk, number)
    if "(" in entry.partition("\n")[0]:
        raise ValueError(
            f"sdk/{sdk}/CHANGELOG.md says that {number} is not released: "
            f"write '## {number} - YYYY-MM-DD'"
        )
    if _git(root, "status", "--porcelain", "--untracked-files=no"):
        raise ValueError("there are changes that no commit has: git commit")
    tag = tag_name(sdk, number)
    _git(root, "tag", "--annotate", tag, "--message", f"{sdk} {entry}")
    return tag


def _git(root: Path, *words: str) -> str:
    command = ["git", "-C", str(root), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(done.stderr.strip())
    return done.stdout

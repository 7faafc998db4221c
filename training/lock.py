"""Print what training and signing need, for pip-compile: ``make lock-training``.

The dependencies of the extras `train` and `search` of the platform, without our own
packages and torch, whose builds differ by index, with the pins for developers.
"""

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXTRAS = ("train", "search")


def requirements(extras: dict[str, list[str]], names: list[str]) -> set[str]:
    """Return the requirements of extras and of those that they name."""
    found: set[str] = set()
    for name in names:
        for line in extras[name]:
            if line.startswith("hotseat-platform["):
                inner = line.partition("[")[2].partition("]")[0].split(",")
                found |= requirements(extras, inner)
            else:
                found.add(line)
    return found


def main() -> int:
    """Print one requirement a line, with the pins of training/constraints.txt."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = requirements(project["optional-dependencies"], list(EXTRAS))
    lines = {line for line in wanted if not line.startswith("torch")}
    pins = (ROOT / "training/constraints.txt").read_text("utf-8").splitlines()
    named = {line.split(">")[0].split("[")[0] for line in lines}
    pinned = [p for p in pins if p.partition("==")[0] in named]
    sys.stdout.write("\n".join(sorted({*lines, *pinned})) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

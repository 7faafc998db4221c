"""Parts of the playground that other packages bring, by the entry points of a group.

An entry of ``hotseat.playground_parts`` loads a `Part`; its name is the name of the
part's script on the page.
"""

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from hotseat_registry import Registry

GROUP = "hotseat.playground_parts"


@dataclass(frozen=True)
class Part:
    """A tab of the playground, and the models that it plays with.

    `script` is a JavaScript module with `title`, `model` and `show(root, tools)`, like
    those in ``page/parts``. `publish` publishes the part's models to the playground's
    registry and promotes a version of each to ``live``.
    """

    script: Path
    publish: Callable[[Registry], None]


def plug_in(registry: Registry) -> Mapping[str, Part]:
    """Publish the models of all parts; return the parts by name.

    A part that fails is left out with a line on stderr: the others still play.
    """
    parts = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            part = _load(entry)
            part.publish(registry)
        except Exception as error:  # noqa: BLE001 - another package's code
            sys.stderr.write(
                f"hotseat demo: the part {entry.name} is left out: {error}\n"
            )
        else:
            parts[entry.name] = part
    return parts


def _load(entry: EntryPoint) -> Part:
    if not re.fullmatch(r"[a-z0-9-]+", entry.name):
        raise ValueError("its name is not of small letters, digits and hyphens")
    part: Part = entry.load()
    if not part.script.is_file():
        raise FileNotFoundError(f"{part.script} does not exist")
    return part

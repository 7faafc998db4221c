"""Write docs/reference/deployment.md from the file's own types: `make reference`."""

import ast
import dataclasses
import inspect
import sys
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from hotseat_infra.deployment import schedule, schema
from hotseat_infra.deployment.rules import CANARIES, LOG_DAYS
from hotseat_infra.deployment.schedule import Schedule
from hotseat_infra.deployment.schema import (
    Access,
    Alarms,
    Api,
    ApiAlarms,
    Limits,
    Maintenance,
    Model,
    Network,
    Stage,
)

_PLACES = {
    Stage: "stages.NAME",
    Model: "stages.NAME.models.MODEL",
    Alarms: "stages.NAME.models.MODEL.alarms",
    Schedule: "stages.NAME.models.MODEL.schedule",
    Api: "stages.NAME.api",
    Limits: "stages.NAME.api.limits.GAME",
    ApiAlarms: "stages.NAME.api.alarms",
    Network: "stages.NAME.network",
    Maintenance: "stages.NAME.maintenance",
    Access: "stages.NAME.access.ROLE",
}
_HEAD = """# The deployment file

Every key of `infra/deployment.toml`. `make reference` writes this page from the types
that parse the file, and a test compares the two. A mistake in the file is an error with
its place, before anything is deployed. How to work with it:
[drills](../how-to/operate.md).
"""
_WORDS = {str: "text", int: "whole number", float: "number", bool: "true or false"}


def document() -> str:
    """Return the page as Markdown."""
    descriptions = _descriptions()
    parts = [_HEAD]
    for kind, place in _PLACES.items():
        hints = get_type_hints(kind)
        lines = [
            f"\n## [{place}]\n",
            "| key | type | default | description |",
            "|---|---|---|---|",
        ]
        for field in dataclasses.fields(kind):
            if kind is Stage and field.name == "name":
                continue
            text = descriptions[kind.__name__, field.name]
            description = " ".join(text.split()).replace("``", "`")
            lines.append(
                f"| `{field.name}` | {_words(hints[field.name])} | {_default(field)} "
                f"| {description} |"
            )
        parts.append("\n".join(lines) + "\n")
    parts.append(
        f"\n`canary` is one of {', '.join(f'`{c}`' for c in CANARIES)}; `log_days` one "
        f"of {', '.join(map(str, LOG_DAYS))}.\n"
    )
    return "".join(parts)


def _words(hint: Any) -> str:
    if isinstance(hint, UnionType):
        hint = next(kind for kind in get_args(hint) if kind is not type(None))
    if hint in _WORDS:
        return _WORDS[hint]
    return "list of texts" if get_origin(hint) is tuple else "table"


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        value = field.default
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, tuple):
            return ", ".join(value) if value else "none"
        return "" if value in ("", None) else _format(value)
    return "" if field.default_factory is not dataclasses.MISSING else "required"


def _format(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int | float) else f"`{value}`"


def _descriptions() -> dict[tuple[str, str], str]:
    """Return the description below each field of each class."""
    trees = [ast.parse(inspect.getsource(module)) for module in (schema, schedule)]
    descriptions = {}
    for item in (item for tree in trees for item in tree.body):
        if not isinstance(item, ast.ClassDef):
            continue
        for field, below in zip(item.body, item.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr):
                assert isinstance(field.target, ast.Name)
                assert isinstance(below.value, ast.Constant)
                descriptions[item.name, field.target.id] = str(below.value.value)
    return descriptions


if __name__ == "__main__":
    sys.stdout.write(document())

"""Write docs/deployment.md from the deployment file's own types: `make reference`."""

import ast
import dataclasses
import inspect
import sys
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from hotseat_infra.deployment import schema
from hotseat_infra.deployment.rules import CANARIES, LOG_DAYS
from hotseat_infra.deployment.schema import Alarms, Api, Limits, Model, Schedule, Stage

_PLACES = {
    Stage: "stages.NAME",
    Model: "stages.NAME.models.MODEL",
    Alarms: "stages.NAME.models.MODEL.alarms",
    Schedule: "stages.NAME.models.MODEL.schedule",
    Api: "stages.NAME.api",
    Limits: "stages.NAME.api.limits.TITLE",
}
_HEAD = """# The deployment file

Every key of `infra/deployment.toml`. `make reference` writes this page from the types
that read the file, so that it cannot say something else; a test holds it to that. What
is wrong in the file is an error with its place before anything is deployed. How to work
with it: [drills](operators.md).
"""
_WORDS = {str: "text", int: "whole number", float: "number", bool: "true or false"}


def document() -> str:
    """Return the page."""
    described = _described()
    parts = [_HEAD]
    for kind, place in _PLACES.items():
        hints = get_type_hints(kind)
        lines = [
            f"\n## [{place}]\n",
            "| key | is | default | what |",
            "|---|---|---|---|",
        ]
        for field in dataclasses.fields(kind):
            if kind is Stage and field.name == "name":
                continue
            text = described[kind.__name__, field.name]
            what = " ".join(text.split()).replace("``", "`")
            lines.append(
                f"| `{field.name}` | {_words(hints[field.name])} | {_default(field)} "
                f"| {what} |"
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
        return "" if value in ("", None) else _shown(value)
    return "" if field.default_factory is not dataclasses.MISSING else "has to be said"


def _shown(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int | float) else f"`{value}`"


def _described() -> dict[tuple[str, str], str]:
    """Return the description below each field of each class."""
    tree = ast.parse(inspect.getsource(schema))
    found = {}
    for item in tree.body:
        if not isinstance(item, ast.ClassDef):
            continue
        for field, below in zip(item.body, item.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr):
                assert isinstance(field.target, ast.Name)
                assert isinstance(below.value, ast.Constant)
                found[item.name, field.target.id] = str(below.value.value)
    return found


if __name__ == "__main__":
    sys.stdout.write(document())

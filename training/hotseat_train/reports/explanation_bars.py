"""An explanation as bars in a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

_WIDTH = 24
"""Characters of the longest bar."""
_NAME = 28
"""Characters of a part's name."""


def headline(found: Mapping[str, Any]) -> str:
    """Return the answer in one line."""
    if "label" in found:
        return f"{found['label']} ({found['probability']:.3f})"
    if "action" in found:
        return f"{found['action']} ({found['probability']:.3f})"
    if "value" in found:
        return f"{found['value']:.6g}"
    return "an item" if found.get("item") else "no item"


def lines(found: Mapping[str, Any]) -> list[str]:
    """Return the lines: the answer, how it is explained, a bar for each part."""
    head = [headline(found), f"  by {found['method']}"]
    if "reference" in found:
        head[-1] += f", against {found['reference']}"
    if "base" in found:
        head.append(f"  base {found['base']:+.4f} on the scale {found['scale']}")
    if "note" in found:
        head.append(f"  note: {found['note']}")
    return [*head, *map("  ".__add__, _bars(found["parts"]))]


def _bars(parts: Sequence[Mapping[str, Any]]) -> list[str]:
    most = max((abs(part["weight"]) for part in parts), default=0) or 1
    named = [(_name(part), part["weight"], part) for part in parts]
    width = max((len(name) for name, _, _ in named), default=0)
    return [
        f"{name:<{width}} {weight:+9.4f} {_bar(weight / most)}{_more(part)}"
        for name, weight, part in named
    ]


def _bar(share: float) -> str:
    """Return a bar to the right for a share above 0, to the left for one below."""
    half = _WIDTH // 2
    length = round(abs(share) * half)
    left = ("░" * length if share < 0 else "").rjust(half)
    right = ("█" * length if share > 0 else "").ljust(half)
    return f"{left}|{right}"


def _name(part: Mapping[str, Any]) -> str:
    name, at = str(part["part"]), part.get("at")
    if at is not None:
        name = f"{name} {'..'.join(map(str, at))}"
    return name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"


def _more(part: Mapping[str, Any]) -> str:
    error = part.get("standard_error")
    more = f" ±{error:.4f}" if error else ""
    if "count" in part:
        more += f" {part['count']} refused"
    if "code" in part:
        more += f"  {part['code']}: {part.get('text', '')}".rstrip(": ")
    return more

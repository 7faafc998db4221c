"""The differences of two versions: signature, metrics, sizes, card."""

from collections.abc import Mapping
from typing import Any

from hotseat_registry import metric_names
from hotseat_registry.manifest import Manifest


def diff(old: Manifest, new: Manifest) -> dict[str, tuple[Any, Any]]:
    """Return what differs: dotted path -> (old, new); what is missing is None."""
    return changes(_plain(old), _plain(new))


def _plain(manifest: Manifest) -> dict[str, Any]:
    """Return a manifest as nested objects whose lists have names for keys."""
    plain = manifest.to_json()
    for name in ("version", "published_at", "published_by", "golden", "format"):
        plain.pop(name, None)
    signature = plain["signature"]
    for name in ("inputs", "outputs"):
        signature[name] = {item["name"]: item for item in signature[name]}
    plain["variants"] = {item["name"]: item for item in plain["variants"]}
    for item in plain["variants"].values():
        if "metrics" in item:
            item["metrics"] = metric_names.current(item["metrics"])
    plain["card"] = dict(_sections(plain.get("card", "")))
    return plain


def _sections(card: str) -> list[tuple[str, str]]:
    """Split a card at its headings."""
    found: list[tuple[str, str]] = []
    for line in card.splitlines():
        if line.startswith("#"):
            found.append((line.lstrip("# "), ""))
        elif line.strip() and found:
            heading, text = found[-1]
            found[-1] = (heading, f"{text}{line}\n")
    return found


def changes(
    old: Mapping[str, Any], new: Mapping[str, Any], path: str = ""
) -> dict[str, tuple[Any, Any]]:
    """Return what differs between two JSON objects: dotted path -> (old, new)."""
    found: dict[str, tuple[Any, Any]] = {}
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        where = f"{path}.{key}" if path else key
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            found |= changes(before, after, where)
        elif before != after:
            found[where] = (before, after)
    return found

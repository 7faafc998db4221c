"""Reads metrics and curves that earlier releases stored under other names.

Versions are immutable, so their old names are read for one release; only the present
names are written.
"""

from collections.abc import Mapping
from typing import Any

RENAMED = {
    "loss": "quality_drop",
    "loss_interval": "quality_drop_interval",
    "loss_macro_f1": "quality_drop_macro_f1",
    "loss_macro_f1_interval": "quality_drop_macro_f1_interval",
    "disguised": "obfuscated",
    "spoiled": "corrupted",
    "reliability": "calibration_curve",
}
_WAYS = {"strangers": "unseen_categories"}
_BINS = {"said": "predicted", "came": "observed"}


def current(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return a variant's metrics or curves under their present names."""
    names = dict(RENAMED)
    if "loss_interval" not in stored:  # a metric of a task's own may be named loss
        del names["loss"]
    found = _renamed(stored, names)
    if isinstance(corrupted := found.get("corrupted"), Mapping):
        found["corrupted"] = _renamed(corrupted, _WAYS)
    if isinstance(bins := found.get("calibration_curve"), list):
        found["calibration_curve"] = [_renamed(part, _BINS) for part in bins]
    return found


def find(stored: Mapping[str, Any], name: str) -> Any:
    """Return the metric with this present or former name; None without one."""
    if name in stored:
        return stored[name]
    return current(stored).get(RENAMED.get(name, name))


def _renamed(stored: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    # a present name comes last, so that it wins over a former one
    old = {names[name]: value for name, value in stored.items() if name in names}
    return old | {name: value for name, value in stored.items() if name not in names}

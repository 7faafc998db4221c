"""Compares two versions' behaviour tests, category by category."""

from collections.abc import Mapping
from typing import Any

MAX_DROP = 0.05
"""Usual limit: one case of the twenty that the smallest categories have."""
_ROUNDING = 1e-4  # rates are stored with four decimals


def worse(
    new: Mapping[str, Any], old: Mapping[str, Any], max_drop: float = MAX_DROP
) -> list[str]:
    """Return in which categories the metrics `new` are worse than `old`.

    A category is worse if the share of harmful cases caught fell by more than
    `max_drop`, or if that of innocent cases hit rose by more. Nothing is worse where
    `old` has no behaviour tests. Tests that differ are not compared, which is a fault.
    """
    before, after = old.get("behaviour"), new.get("behaviour")
    if not isinstance(before, Mapping):
        return []
    if not isinstance(after, Mapping):
        return ["its behaviour tests were not run"]
    if before.get("cases_sha256") != after.get("cases_sha256"):
        return ["its behaviour tests are not the ones of the version it is compared to"]
    faults = []
    for category, then in before["by"].items():
        now = after["by"].get(category, {})
        for what, sign, words in (
            ("caught", 1, "harmful cases caught"),
            ("innocent_hit", -1, "innocent cases hit"),
        ):
            if what not in then:
                continue
            value = now.get(what)
            if value is None or sign * (then[what] - value) > max_drop + _ROUNDING:
                faults.append(f"{category}: {value} of {words}, before {then[what]}")
    return faults

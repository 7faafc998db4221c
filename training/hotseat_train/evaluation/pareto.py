"""The Pareto front: candidates that no other beats in every respect."""

from collections.abc import Iterable, Sequence

from hotseat_registry import Variant, metric_names

Place = tuple[float, ...]
"""One value for each respect; smaller is better."""


def beaten(mine: Place, others: Iterable[Place]) -> bool:
    """Whether another is at least as good in every respect, and not the same."""
    return any(
        other != mine and all(a <= b for a, b in zip(other, mine, strict=True))
        for other in others
    )


def front(variants: Sequence[Variant]) -> list[Variant]:
    """Return the variants that no other beats in quality, time and size."""

    def place(variant: Variant) -> tuple[float, float, float]:
        m = metric_names.current(variant.metrics)
        return m.get("quality_drop", 0.0), m["milliseconds"], m["bytes"]

    places = [place(variant) for variant in variants]
    return [
        variant
        for variant, mine in zip(variants, places, strict=True)
        if not beaten(mine, places)
    ]

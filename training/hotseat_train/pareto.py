"""Who is beaten by nobody: the front (Pareto)."""

from collections.abc import Iterable

Place = tuple[float, ...]
"""Where one stands in each respect, the less the better."""


def beaten(mine: Place, others: Iterable[Place]) -> bool:
    """Whether another is at least as good in every respect, and not the same."""
    return any(
        other != mine and all(a <= b for a, b in zip(other, mine, strict=True))
        for other in others
    )

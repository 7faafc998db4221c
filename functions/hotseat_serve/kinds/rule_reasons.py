"""Explain a generated item by the rules that refused the candidates before it."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hotseat_serve import rules


class Refusals:
    """Counts the candidates of one item that the rules refuse, by rule.

    It is the request context's `on_refused` while an item is generated.
    """

    def __init__(self, name: str) -> None:
        self._reason = rules.refusal(name)
        self._counts: Counter[str] = Counter()
        self._first: dict[str, Sequence[str]] = {}

    def __call__(
        self, rows: Sequence[str], wish: Mapping[str, Any], late: Callable[[], bool]
    ) -> None:
        """Count a candidate that was refused."""
        reason = self._reason(rows, wish, late) if self._reason else UNNAMED
        self._counts[reason] += 1
        self._first.setdefault(reason, rows)

    def to_json(self, tried: int) -> dict[str, Any]:
        """Return the explanation: the share of the tried candidates by rule."""
        return {
            "method": "rules",
            "reference": f"{tried} candidates",
            "scale": "share",
            "base": 1.0,
            "tried": tried,
            "parts": [
                {
                    "part": reason,
                    "weight": -count / tried,
                    "count": count,
                    "example": list(self._first[reason]),
                }
                for reason, count in self._counts.most_common()
            ],
        }

    @property
    def total(self) -> int:
        """The number of candidates refused."""
        return self._counts.total()


UNNAMED = "rules"
"""The reason of rules that name none."""

"""Whole numbers as ranges: ten thousand retired versions in a few bytes."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain
from typing import overload

Pairs = tuple[tuple[int, int], ...]


class Ranges(Sequence[int]):
    """Ascending numbers, each once, equal to the tuple of them.

    `pairs` are the first and last number of each range, ascending and apart.
    """

    __slots__ = ("_ends", "pairs")

    def __init__(self, pairs: Iterable[tuple[int, int]] = ()) -> None:
        self.pairs: Pairs = tuple((first, last) for first, last in pairs)
        # how many numbers there are up to the end of each range
        self._ends = tuple(accumulate(last - first + 1 for first, last in self.pairs))

    @classmethod
    def of(cls, *numbers: Iterable[int]) -> "Ranges":
        """Return the union; what is `Ranges` already is not counted out."""
        pairs = chain.from_iterable(
            found.pairs if isinstance(found, Ranges) else ((n, n) for n in found)
            for found in numbers
        )
        joined: list[tuple[int, int]] = []
        for first, last in sorted(pairs):
            if joined and first <= joined[-1][1] + 1:
                joined[-1] = joined[-1][0], max(last, joined[-1][1])
            else:
                joined.append((first, last))
        return cls(joined)

    def __contains__(self, number: object) -> bool:
        if not isinstance(number, int):
            return False
        at = bisect_right(self.pairs, (number, float("inf")))
        return bool(at) and self.pairs[at - 1][1] >= number

    def __iter__(self) -> Iterator[int]:
        return chain.from_iterable(range(a, b + 1) for a, b in self.pairs)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, at: int) -> int: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[int, ...]: ...
    def __getitem__(self, at: int | slice) -> int | tuple[int, ...]:
        if isinstance(at, slice):
            return tuple(self[n] for n in range(*at.indices(len(self))))
        place = at + len(self) if at < 0 else at
        if not 0 <= place < len(self):
            raise IndexError(at)
        found = bisect_right(self._ends, place)
        return self.pairs[found][1] - (self._ends[found] - 1 - place)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Ranges):
            return self.pairs == other.pairs
        if isinstance(other, tuple | list):
            return len(self) == len(other) and tuple(self) == tuple(other)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment] # as a list's

    def __repr__(self) -> str:
        text = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in self.pairs)
        return f"Ranges({text})"

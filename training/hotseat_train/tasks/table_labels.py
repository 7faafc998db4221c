"""The labels of an own table: which can be learned, and what to note of them."""

from collections.abc import Mapping, Sequence

from hotseat_train.errors import DatasetError

_OF_A_LABEL = 10
"""The least number of rows of each label."""
_LABELS = 500
_MANY_NUMBERS = 6
"""Labels that are numbers, from which on a note names the other objectives."""
_RARE = 0.05
"""Share of the rows below which a label is noted as rare."""


def checked(counts: Mapping[str, int], path: str, target: str) -> tuple[str, ...]:
    """Return the labels in order; raises `DatasetError` if they cannot be learned."""
    if len(counts) == 1:
        raise DatasetError(
            f"{path}: {target!r} is {next(iter(counts))!r} in every row: there is "
            "nothing to tell apart"
        )
    if len(counts) > _LABELS:
        raise DatasetError(
            f"{path}: {target!r} has {len(counts)} different values, and at most "
            f"{_LABELS} are possible. If it is a number, --objective number "
            "learns it; if it is an id, it is not what to predict"
        )
    label, count = min(counts.items(), key=lambda item: item[1])
    if count < _OF_A_LABEL:
        raise DatasetError(
            f"{path}: {target} = {label!r} stands on {count} of "
            f"{sum(counts.values())} rows; at least {_OF_A_LABEL} are needed"
        )
    return tuple(sorted(counts, key=_natural))


def remarks(
    target: str, labels: Sequence[str], counts: Mapping[int, int], *, balanced: bool
) -> list[str]:
    """Return what to note: numbers learned as labels, and rare labels."""
    notes = []
    numeric = all(_natural(label)[0] == 0 for label in labels)
    if numeric and len(labels) >= _MANY_NUMBERS:
        notes.append(
            f"{target} has {len(labels)} values that are numbers, learned as labels "
            "without an order: --objective ordinal learns their order, and number or "
            "count learns it as a number"
        )
    rare, total = min(counts.values()), sum(counts.values())
    if rare < _RARE * total and not balanced:
        notes.append(
            f"the rarest label has {rare} of {total} rows: judge the model by average "
            "precision and by its threshold, not by accuracy"
        )
    return notes


def check_cost(cost: float | None, labels: Sequence[str]) -> None:
    """Raise `DatasetError` for a cost where there is no rarer one of two labels."""
    if cost is None:
        return
    if len(labels) != 2:
        raise DatasetError(
            f"--cost {cost:g} is for two labels, and there are "
            f"{len(labels) or 'none'}: leave it out"
        )
    if not cost > 0:
        raise DatasetError(f"--cost {cost:g}: expected a number above 0")


def _natural(label: str) -> tuple[int, float, str]:
    """Order numbers by value, before other labels."""
    try:
        return 0, float(label), label
    except ValueError:
        return 1, 0.0, label

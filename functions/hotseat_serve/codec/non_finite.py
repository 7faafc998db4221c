"""Replace NaN and infinity in answers, which JSON cannot write."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from hotseat_serve.codec.input_warnings import Warnings
from hotseat_serve.wording import place


def finite(
    answers: Sequence[dict[str, Any]], pointers: Sequence[str], warnings: Warnings
) -> None:
    """Replace numbers that are not finite by null, with a warning for each such answer.

    Raises `Problem` (invalid_input) if warnings are errors.
    """
    for answer, pointer in zip(answers, pointers, strict=False):
        names = [name for name, value in answer.items() if not _is_finite(value)]
        if names:
            answer.update({name: _without(answer[name]) for name in names})
            warnings.add(
                "not_finite",
                f"the model answers a number that is not finite to the input"
                f"{place(pointer)}: null stands for it in {', '.join(names)}",
                pointer,
            )


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, Mapping):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list):
        return all(map(_is_finite, value))
    return True


def _without(value: Any) -> Any:
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _without(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without(inner) for inner in value]
    return value

"""Earlier lines of a conversation, given beside a text as `context` and `history`."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hotseat_registry.decision import Conversation
from hotseat_serve.wording import expected, inside

FIELDS = ("context", "history")
"""The last lines of a conversation, and the last lines of the player; oldest first."""


class Conversations(NamedTuple):
    """The inputs of a request without their earlier lines, and these lines."""

    inputs: Sequence[Any]
    lines: Sequence[str]
    """All earlier lines, each once."""
    pointers: Sequence[str]
    """The place of each line."""
    context: Sequence[Sequence[int] | None]
    """For each input the numbers of its lines; None: there is no such field."""
    history: Sequence[Sequence[int] | None]


def separated(
    rule: Conversation, inputs: Sequence[Any], pointers: Sequence[str]
) -> Conversations | None:
    """Separate earlier lines from the inputs; None if no input has any.

    Lines before the last ones that count, and blank lines, are not read. Raises
    `Problem` for a field that is no list of strings.
    """
    if not any(_has_lines(given) for given in inputs):
        return None
    numbers: dict[str, int] = {}
    places: list[str] = []
    left: list[Any] = []
    found: dict[str, list[list[int] | None]] = {name: [] for name in FIELDS}
    counts = {"context": rule.lines, "history": rule.history}
    for given, pointer in zip(inputs, pointers, strict=True):
        if not isinstance(given, Mapping):
            left.append(given)
            for rows in found.values():
                rows.append(None)
            continue
        left.append({key: given[key] for key in given if key not in FIELDS})
        for name, rows in found.items():
            value = given.get(name)
            if value is None:
                rows.append(None)
                continue
            row = []
            for line, where in _lines(value, inside(pointer, name), counts[name]):
                if line not in numbers:
                    numbers[line] = len(places)
                    places.append(where)
                row.append(numbers[line])
            rows.append(row)
    return Conversations(left, [*numbers], places, found["context"], found["history"])


def _has_lines(given: Any) -> bool:
    return isinstance(given, Mapping) and any(name in given for name in FIELDS)


def _lines(value: Any, pointer: str, count: int) -> list[tuple[str, str]]:
    """Return the last lines that are not blank, with their places."""
    if not isinstance(value, list):
        raise expected("a list of lines, oldest first,", pointer, value)
    lines = []
    for at, line in enumerate(value):
        where = inside(pointer, str(at))
        if not isinstance(line, str):
            raise expected("a string", where, line)
        if line.strip():
            lines.append((line, where))
    return lines[-count:]

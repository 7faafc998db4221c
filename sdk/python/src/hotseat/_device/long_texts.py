"""A text over the signature's limit: refused, cut or judged in parts.

As in the service: of parts the one counts that is least likely to be neutral.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isnan
from typing import Any

from hotseat._device.elements import size
from hotseat._device.warnings import Warnings
from hotseat._device.wording import inside, is_object, place, too_large

MOST_PARTS = 16
"""Of one text; a longer one is refused."""

Json = Mapping[str, Any]
Span = tuple[int, int]
"""Where a part begins and ends in its text, in characters."""


@dataclass(frozen=True, slots=True)
class Expanded:
    """Inputs with their long texts cut or in parts."""

    inputs: Sequence[Any]
    pointers: Sequence[str]
    spans: Sequence[Sequence[Span]]
    """The parts of each input that was given; none where it is whole."""


def rule(signature: Json) -> Json | None:
    """Return the input whose long texts are not refused."""
    items: Sequence[Json] = signature["inputs"]
    for item in items:
        if item.get("too_long") in {"cut", "parts"} and item.get("max_bytes"):
            return item
    return None


def expand(
    item: Json, inputs: Sequence[Any], pointers: Sequence[str], warnings: Warnings
) -> Expanded | None:
    """Return the inputs as they are asked; None where no text is too long.

    Raises `BadInputError`, and `TooLargeError` for more than `MOST_PARTS` parts.
    """
    limit, is_cut = item["max_bytes"], item["too_long"] == "cut"
    found: list[Any] = []
    places: list[str] = []
    spans: list[list[Span]] = []
    is_whole = True
    for given, pointer in zip(inputs, pointers, strict=True):
        text, where = _text(item, given, pointer)
        # a character has four bytes at most
        short = len(text) * 4 <= limit or size(text, where) <= limit
        parts = [] if short else _judged(item, text, where)
        if not parts:
            found.append(given)
            places.append(pointer)
            spans.append([])
            continue
        is_whole = False
        if is_cut:
            warnings.add(
                "text_cut",
                f"the text{place(where)} has {size(text, where)} bytes; what is over "
                f"{limit} is not read",
                where,
            )
        spans.append([] if is_cut else parts)
        for start, end in parts:
            part = text[start:end]
            found.append({**given, item["name"]: part} if is_object(given) else part)
            places.append(pointer)
    return None if is_whole else Expanded(found, places, spans)


def fold(
    signature: Json, expanded: Expanded, answers: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return one answer an input: of parts the worst, with its place.

    A part whose score is no number is the worst there is.
    """

    def neutral(judged: tuple[dict[str, Any], Span]) -> float:
        score = float(judged[0]["scores"][signature["neutral_label"]])
        return -inf if isnan(score) else score

    left, found = iter(answers), []
    for spans in expanded.spans:
        if not spans:
            found.append(next(left))
            continue
        worst, (start, end) = min(((next(left), span) for span in spans), key=neutral)
        part = {"start": start, "end": end, "of": len(spans)}
        found.append({**worst, "judged_part": part})
    return found


def _text(item: Json, given: Any, pointer: str) -> tuple[str, str]:
    """Return an input's text and where it stands; the codec says what is wrong."""
    value = given
    if is_object(given):
        value, pointer = given.get(item["name"]), inside(pointer, item["name"])
    return (value if isinstance(value, str) else ""), pointer


def _judged(item: Json, text: str, where: str) -> list[Span]:
    """Return what is read of a long text; none where that would be spaces alone."""
    limit = item["max_bytes"]
    if item["too_long"] == "parts":
        return list(_parts(text, limit, where))
    end = _end(text, 0, limit)
    return [(0, end)] if text[:end].strip() else []


def _parts(text: str, limit: int, where: str) -> Iterator[Span]:
    """Yield the parts of a text, cut between words where there is a space."""
    start = count = 0
    while start < len(text):
        end = _end(text, start, limit)
        if end < len(text):
            space = text.rfind(" ", start + (end - start) // 2, end)
            end = space + 1 if space > 0 else end
        if text[start:end].strip():
            count += 1
            if count > MOST_PARTS:
                raise too_large(
                    f"the text{place(where)} has {size(text, where)} bytes; the limit "
                    f"is {MOST_PARTS} parts of {limit}",
                    where,
                )
            yield start, end
        start = end


def _end(text: str, start: int, limit: int) -> int:
    """Return where a part that begins at `start` ends: as far as the bytes go."""
    part = text[start : start + limit].encode()[:limit]
    return start + max(1, len(part.decode("utf-8", "ignore")))

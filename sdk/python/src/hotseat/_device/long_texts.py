"""Rules for a text over the signature's limit: refuse it, cut it or judge it in parts.

As in the service, the part with the lowest probability of the neutral label decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import inf, isnan
from typing import Any

from hotseat._device.elements import size
from hotseat._device.shared.text_parts import Span, end_of, parts
from hotseat._device.warnings import Warnings
from hotseat._device.wording import inside, is_object, place, too_large

MOST_PARTS = 16
"""Maximum number of parts of a text; a longer text is an error."""

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Expanded:
    """Inputs with their long texts cut or in parts."""

    inputs: Sequence[Any]
    pointers: Sequence[str]
    spans: Sequence[Sequence[Span]]
    """The parts of each original input; empty for a whole text."""


def texts_of(signature: Json, inputs: Sequence[Any]) -> list[str]:
    """Return each input's text, of the first input of form text; "" without one."""
    items: Sequence[Json] = signature["inputs"]
    for item in items:
        if item.get("form") == "text":
            return [_text(item, row, "")[0] for row in inputs]
    return [""] * len(inputs)


def rule(signature: Json) -> Json | None:
    """Return the input that accepts long texts."""
    items: Sequence[Json] = signature["inputs"]
    for item in items:
        if item.get("too_long") in {"cut", "parts"} and item.get("max_bytes"):
            return item
    return None


def expand(
    item: Json, inputs: Sequence[Any], pointers: Sequence[str], warnings: Warnings
) -> Expanded | None:
    """Return the inputs of the model; None if no text is too long.

    Raises `BadInputError`, and `TooLargeError` for more than `MOST_PARTS` parts.
    """
    limit, is_cut = item["max_bytes"], item["too_long"] == "cut"
    rows: list[Any] = []
    places: list[str] = []
    spans: list[list[Span]] = []
    is_whole = True
    for row, pointer in zip(inputs, pointers, strict=True):
        text, where = _text(item, row, pointer)
        # a character has four bytes at most
        short = len(text) * 4 <= limit or size(text, where) <= limit
        parts = [] if short else _judged(item, text, where)
        if not parts:
            rows.append(row)
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
            rows.append({**row, item["name"]: part} if is_object(row) else part)
            places.append(pointer)
    return None if is_whole else Expanded(rows, places, spans)


def fold(
    signature: Json, expanded: Expanded, answers: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return one answer for each input: of the worst part, with its place.

    A part with a score of NaN is the worst.
    """

    def neutral(judged: tuple[dict[str, Any], Span]) -> float:
        score = float(judged[0]["scores"][signature["neutral_label"]])
        return -inf if isnan(score) else score

    left, folded = iter(answers), []
    for spans in expanded.spans:
        if not spans:
            folded.append(next(left))
            continue
        worst, (start, end) = min(((next(left), span) for span in spans), key=neutral)
        part = {"start": start, "end": end, "of": len(spans)}
        folded.append({**worst, "judged_part": part})
    return folded


def _text(item: Json, row: Any, pointer: str) -> tuple[str, str]:
    """Return an input's text and its JSON pointer; the codec checks it later."""
    value = row
    if is_object(row):
        value, pointer = row.get(item["name"]), inside(pointer, item["name"])
    return (value if isinstance(value, str) else ""), pointer


def _judged(item: Json, text: str, where: str) -> list[Span]:
    """Return the parts of a long text to read; empty if they contain only spaces."""
    limit = item["max_bytes"]
    if item["too_long"] == "parts":
        found = list(islice(parts(text, limit), MOST_PARTS + 1))
        if len(found) > MOST_PARTS:
            raise too_large(
                f"the text{place(where)} has {size(text, where)} bytes; the limit "
                f"is {MOST_PARTS} parts of {limit}",
                where,
            )
        return found
    end = end_of(text, 0, limit)
    return [(0, end)] if text[:end].strip() else []

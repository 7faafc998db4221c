"""Handle texts over the signature's limit: refuse, cut, or judge in parts.

Of the parts, the one that is least likely to be neutral counts. Offline models in the
SDKs do the same; `tests/contract/sdk` compares them.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import inf, isnan
from typing import Any, NamedTuple

from hotseat_registry.signature import Input, Signature
from hotseat_serve.codec.elements import size
from hotseat_serve.codec.input_warnings import Warnings
from hotseat_serve.problems import Problem
from hotseat_serve.wording import inside, place

MOST_PARTS = 16
"""Of one text; a longer one is refused."""

Span = tuple[int, int]
"""Where a part begins and ends in its text, in characters."""


class Expanded(NamedTuple):
    """Inputs with their long texts cut or in parts."""

    inputs: Sequence[Any]
    pointers: Sequence[str]
    spans: Sequence[Sequence[Span]]
    """The parts of each input that was given; none where it is whole."""


def rule(signature: Signature) -> Input | None:
    """Return the input whose long texts are not refused."""
    for item in signature.inputs:
        if item.too_long in {"cut", "parts"} and item.max_bytes is not None:
            return item
    return None


def expand(
    item: Input, inputs: Sequence[Any], pointers: Sequence[str], warnings: Warnings
) -> Expanded | None:
    """Return the inputs to run; None if no text is too long.

    Raises `Problem` for a text of more than `MOST_PARTS` parts, and for one that is no
    valid Unicode.
    """
    limit = item.max_bytes or 0
    texts = [_text(item, given) for given in inputs]
    # a character has one byte at least, and four at most
    if not any(len(text) * 4 > limit for text in texts):
        return None
    found: list[Any] = []
    places: list[str] = []
    spans: list[list[Span]] = []
    is_whole = True
    for given, pointer, text in zip(inputs, pointers, texts, strict=True):
        where = inside(pointer, item.name) if isinstance(given, Mapping) else pointer
        short = len(text) * 4 <= limit or size(text, where) <= limit
        parts = [] if short else _judged(item, text, where)
        if not parts:
            found.append(given)
            places.append(pointer)
            spans.append([])
            continue
        is_whole = False
        if item.too_long == "cut":
            warnings.add(
                "text_cut",
                f"the text{place(where)} has {size(text, where)} bytes; what is over "
                f"{limit} is not read",
                where,
            )
        spans.append([] if item.too_long == "cut" else parts)
        found += [_put(item, given, text[start:end]) for start, end in parts]
        places += [pointer] * len(parts)
    if is_whole:
        return None
    return Expanded(found, places, spans)


def fold(
    signature: Signature, expanded: Expanded, answers: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return one answer an input: of parts the worst, with its place.

    A part whose score is no number is the worst there is: that is not passed over.
    """

    def neutral(judged: tuple[dict[str, Any], Span]) -> float:
        score = float(judged[0]["scores"][signature.neutral_label])
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


def _judged(item: Input, text: str, where: str) -> list[Span]:
    """Return what is read of a long text; none where that would be spaces alone.

    Then the codec refuses it: as one of spaces, or as too long.
    """
    limit = item.max_bytes or 0
    if item.too_long == "parts":
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
                raise Problem(
                    "too_large",
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


def _text(item: Input, given: Any) -> str:
    value = given.get(item.name) if isinstance(given, Mapping) else given
    return value if isinstance(value, str) else ""  # the codec says what is wrong


def _put(item: Input, given: Any, text: str) -> Any:
    return {**given, item.name: text} if isinstance(given, Mapping) else text

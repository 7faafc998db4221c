"""Handle texts over the signature's limit: refuse, cut, or judge in parts.

Of the parts, the one least likely to be neutral counts. Offline models in the SDKs do
the same; `tests/contract/sdk` compares them.
"""

from collections.abc import Mapping, Sequence
from itertools import islice
from math import inf, isnan
from typing import Any, NamedTuple

from hotseat_registry.signature import Input, Signature
from hotseat_serve.codec.elements import size
from hotseat_serve.codec.input_warnings import Warnings
from hotseat_serve.codec.text_parts import Span, end_of, parts
from hotseat_serve.problems import Problem
from hotseat_serve.wording import inside, place

MOST_PARTS = 16
"""Parts of one text; a longer text is refused."""


class Expanded(NamedTuple):
    """Inputs with their long texts cut or in parts."""

    inputs: Sequence[Any]
    pointers: Sequence[str]
    spans: Sequence[Sequence[Span]]
    """The parts of each input of the caller; none for a whole input."""


def texts_of(signature: Signature, inputs: Sequence[Any]) -> list[str]:
    """Return each input's text, of the first input of form text; "" without one."""
    for item in signature.inputs:
        if item.form == "text":
            return [_text(item, given) for given in inputs]
    return [""] * len(inputs)


def rule(signature: Signature) -> Input | None:
    """Return the input whose long texts are cut or judged in parts."""
    for item in signature.inputs:
        if item.too_long in {"cut", "parts"} and item.max_bytes is not None:
            return item
    return None


def expand(
    item: Input, inputs: Sequence[Any], pointers: Sequence[str], warnings: Warnings
) -> Expanded | None:
    """Return the inputs for the model; None if no text is too long.

    Raises `Problem` for a text of more than `MOST_PARTS` parts, and for invalid
    Unicode.
    """
    limit = item.max_bytes or 0
    texts = [_text(item, given) for given in inputs]
    # a character has one to four bytes
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
    """Return one answer for each input; of parts the worst, with its place.

    A part whose score is not a number counts as the worst, so it stays visible.
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
    """Return the parts of a long text that are read; empty for spaces alone.

    The codec then refuses the text, as spaces or as too long.
    """
    limit = item.max_bytes or 0
    if item.too_long == "parts":
        found = list(islice(parts(text, limit), MOST_PARTS + 1))
        if len(found) > MOST_PARTS:
            raise Problem(
                "too_large",
                f"the text{place(where)} has {size(text, where)} bytes; the limit "
                f"is {MOST_PARTS} parts of {limit}",
                where,
            )
        return found
    end = end_of(text, 0, limit)
    return [(0, end)] if text[:end].strip() else []


def _text(item: Input, given: Any) -> str:
    value = given.get(item.name) if isinstance(given, Mapping) else given
    return value if isinstance(value, str) else ""  # the codec reports the fault


def _put(item: Input, given: Any, text: str) -> Any:
    return {**given, item.name: text} if isinstance(given, Mapping) else text

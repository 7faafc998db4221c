"""Explain an answer by leaving out each part of the input in turn.

Occlusion (Zeiler and Fergus, ECCV 2014): the weight of a part is how much the answer's
score drops without it. It needs only predictions, so it works for every kind whose
answer has a score.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

from hotseat_registry.signature import Field, Input, Signature
from hotseat_serve.codec import game_json
from hotseat_serve.kinds.text_spans import check_length, words
from hotseat_serve.limits import MAX_PARTS, extent
from hotseat_serve.problems import Problem

Predict = Callable[[list[Any]], Sequence[Mapping[str, Any]]]

MAX_SIZE = 4_000_000
"""Characters and elements of all inputs with one part left out, at most."""
_DEEPEST = 16

Part = tuple[dict[str, Any], Callable[[], Any]]
"""The description of a part, and a function for the input without it."""


def explain(signature: Signature, given: Any, predict: Predict) -> dict[str, Any]:
    """Return the answer to one input, and the weight of each of its parts.

    A part of a text is a word or a secret (``at`` is its span), of features a field, of
    a board a cell (``at`` is its indices) if the game's rules allow the rest. A weight
    above 0 supports the answer.
    Raises `Problem` for more than `MAX_PARTS` parts, for an input without a removable
    part, and for answers without one score: several numbers, a generated item.
    """
    parts = list(islice(_parts(signature, given), MAX_PARTS + 1))
    if len(parts) > MAX_PARTS:
        raise Problem(
            "too_large",
            f"the input has more parts than can be left out; the limit is {MAX_PARTS}",
        )
    if len(parts) * extent(given, MAX_SIZE // max(len(parts), 1)) > MAX_SIZE:
        raise Problem(
            "too_large",
            f"{len(parts)} parts of so large an input are more than {MAX_SIZE:,} "
            "characters and elements to read, which is the limit",
        )
    (answer,) = predict([given])  # raises `Problem` for an input that does not fit
    score = score_of(answer)
    if not parts:
        raise Problem("invalid_input", "no part of this input can be left out", "")
    others: list[Mapping[str, Any]] = []
    rows = min(signature.max_rows or MAX_PARTS, MAX_PARTS)
    for start in range(0, len(parts), rows):
        others += predict([without() for _, without in parts[start : start + rows]])
    return {
        **answer,
        "method": "occlusion",
        "parts": [
            {**described, "weight": score(answer) - score(other)}
            for (described, _), other in zip(parts, others, strict=True)
        ],
    }


def _parts(signature: Signature, given: Any) -> Iterator[Part]:
    ruled = signature.rules is not None and signature.generation is None
    for item in signature.inputs:
        parts = _PARTS[item.form](item, given, bool(signature.non_finite))
        if ruled and item.form == "board":
            parts = (part for part in parts if _is_position(signature, part[1]()))
        yield from parts


def _is_position(signature: Signature, given: Any) -> bool:
    """Whether an input is a valid position by the rules."""
    try:
        game_json.states(signature, [given], [""])
    except Problem:
        return False
    return True


def score_of(answer: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], float]:
    """Return a function: the score of an answer for the first answer's result."""
    if "label" in answer:
        return lambda other: float(other["scores"][answer["label"]])
    if "action" in answer:
        return lambda other: float(other["actions"].get(answer["action"], 0.0))
    if isinstance(answer.get("value"), float):
        return lambda other: float(other["value"])
    raise Problem(
        "invalid_input",
        "this model's answers cannot be explained: they are not one number, a label or "
        "an action",
        "",
    )


def _of(item: Input, given: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Return an input's value, and a function that replaces it."""
    if isinstance(given, Mapping):
        return given.get(item.key), lambda value: {**given, item.key: value}
    return given, lambda value: value


def _words(item: Input, given: Any, _gaps: bool) -> Iterator[Part]:
    text, put = _of(item, given)
    if not isinstance(text, str):
        return  # the prediction reports the fault
    check_length(text)

    def without(start: int, end: int) -> Callable[[], Any]:
        def build() -> Any:
            rest = text[:start] + text[end:]
            return put(rest if rest.strip() else ".")

        return build

    for start, end, shown in words(text):
        yield {"part": shown, "at": [start, end]}, without(start, end)


_NUMBERS = {"number", "date"}
"""Types of fields that may be NaN."""


def _fields(item: Input, given: Any, gaps: bool) -> Iterator[Part]:
    """Leave out each optional field; with `gaps`, numbers without a default too."""
    if not isinstance(given, Mapping):
        return
    for field in item.fields or ():
        is_set = given.get(field.name) is not None
        if is_set and (field.default is not None or (gaps and field.type in _NUMBERS)):
            yield {"part": field.name}, partial(_without, given, field)


def _without(given: Mapping[str, Any], field: Field) -> Any:
    return {**given, field.name: field.default}


def _cells(item: Input, given: Any, _gaps: bool) -> Iterator[Part]:
    value, put = _of(item, given)

    def without(place: list[int]) -> Callable[[], Any]:
        return lambda: put(_put(value, place))

    for place in _places(value, 0):
        yield {"part": item.name, "at": place}, without(place)


def _places(value: Any, depth: int) -> Iterator[list[int]]:
    """Yield the indices of all numbers that are not 0."""
    if not isinstance(value, list):
        if value:
            yield []
        return
    if depth < _DEEPEST:
        for at, inner in enumerate(value):
            for rest in _places(inner, depth + 1):
                yield [at, *rest]


def _put(value: Any, place: Sequence[int]) -> Any:
    if not place:
        return 0
    first, rest = place[0], place[1:]
    return [*value[:first], _put(value[first], rest), *value[first + 1 :]]


def _token_words(item: Input, given: Any, gaps: bool) -> Iterator[Part]:
    """Leave words out of a tokenizer's text, once for all its tensors."""
    if item.tokens is not None and item.tokens.part == "ids":
        yield from _words(item, given, gaps)


def _nothing(_item: Input, _given: Any, _gaps: bool) -> Iterator[Part]:
    """Leave nothing out: bytes of an encoded image are not its parts."""
    yield from ()


_PARTS: Mapping[str, Callable[[Input, Any, bool], Iterator[Part]]] = {
    "text": _words,
    "features": _fields,
    "board": _cells,
    "tensor": _cells,
    "array": _cells,
    "tokens": _token_words,
    "image": _nothing,
}

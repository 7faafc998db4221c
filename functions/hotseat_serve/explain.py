"""Why: what the answer would have been without each part of the input.

Occlusion (Zeiler and Fergus, ECCV 2014): a part is taken away, and what the answer
loses by it is the part's weight. It asks nothing of the model but answers, so it
explains every kind that gives a number.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hotseat_registry.signature import Input, Signature
from hotseat_serve.problems import Problem

Predict = Callable[[list[Any]], Sequence[Mapping[str, Any]]]

MAX_PARTS = 256
# a word, or one character of a script that writes without spaces
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u3040-\u9fff]+|\S")


def explain(signature: Signature, given: Any, predict: Predict) -> dict[str, Any]:
    """Return the answer to one input, and the weight of each of its parts.

    A part of a text is a word (``at`` its place in it), of features a field, of a board
    a cell (``at`` its indices). A positive weight spoke for the answer.
    Raises `Problem` for more than `MAX_PARTS` parts, where nothing can be left out, and
    for generated items, of which no number can be lost.
    """
    (answer,) = predict([given])  # first: it says what does not fit
    score = _score(answer)
    parts = [
        part
        for item in signature.inputs
        for part in _PARTS[item.form](item, given, bool(signature.non_finite))
    ]
    if not parts:
        raise Problem("invalid_input", "no part of this input can be left out", "")
    if len(parts) > MAX_PARTS:
        raise Problem(
            "too_large", f"the input has {len(parts)} parts; the limit is {MAX_PARTS}"
        )
    size = signature.max_rows or MAX_PARTS
    without = [variant for _, variant in parts]
    others: list[Mapping[str, Any]] = []
    for start in range(0, len(without), size):
        others += predict(without[start : start + size])
    return {
        **answer,
        "parts": [
            {**described, "weight": score(answer) - score(other)}
            for (described, _), other in zip(parts, others, strict=True)
        ],
    }


def _score(answer: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], float]:
    """Return how much of the first answer another one still holds."""
    if "label" in answer:
        return lambda other: float(other["scores"][answer["label"]])
    if "action" in answer:
        return lambda other: float(other["actions"].get(answer["action"], 0.0))
    if "value" in answer:
        return lambda other: float(other["value"])
    raise Problem("invalid_input", "generated items cannot be explained", "")


Part = tuple[dict[str, Any], Any]


def _of(item: Input, given: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Return an input's value, and how to put another in its place."""
    if isinstance(given, Mapping):
        return given.get(item.name), lambda value: {**given, item.name: value}
    return given, lambda value: value


def _words(item: Input, given: Any, _gaps: bool) -> list[Part]:
    text, put = _of(item, given)
    if not isinstance(text, str):
        return []  # the prediction says what is wrong with it
    parts = []
    for found in _WORD.finditer(text):
        rest = text[: found.start()] + text[found.end() :]
        place = {"part": found.group(), "at": list(found.span())}
        parts.append((place, put(rest if rest.strip() else ".")))
    return parts


def _fields(item: Input, given: Any, gaps: bool) -> list[Part]:
    """Leave each field out that may be; with `gaps`, numbers without a default too."""
    if not isinstance(given, Mapping):
        return []
    return [
        ({"part": field.name}, {**given, field.name: field.default})
        for field in item.fields or ()
        if given.get(field.name) is not None
        and (field.default is not None or (gaps and field.type == "number"))
    ]


def _cells(item: Input, given: Any, _gaps: bool) -> list[Part]:
    value, put = _of(item, given)
    return [
        ({"part": item.name, "at": place}, put(_put(value, place)))
        for place in _places(value)
    ]


def _places(value: Any) -> list[list[int]]:
    """Return the indices of all numbers that are not 0."""
    if not isinstance(value, list):
        return [[]] if value else []
    return [[at, *rest] for at, inner in enumerate(value) for rest in _places(inner)]


def _put(value: Any, place: Sequence[int]) -> Any:
    if not place:
        return 0
    first, rest = place[0], place[1:]
    return [*value[:first], _put(value[first], rest), *value[first + 1 :]]


_PARTS: Mapping[str, Callable[[Input, Any, bool], list[Part]]] = {
    "text": _words,
    "features": _fields,
    "board": _cells,
    "tensor": _cells,
}

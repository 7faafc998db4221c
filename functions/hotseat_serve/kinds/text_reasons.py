"""Explain the answer to a text by Shapley values of its spans, within a time."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from hotseat_registry.signature import Signature
from hotseat_serve.kinds import text_spans
from hotseat_serve.problems import Problem
from hotseat_serve.shapley import coalitions

Array = np.ndarray[Any, Any]
Predict = Callable[[list[Any]], Sequence[Mapping[str, Any]]]
Score = Callable[[Mapping[str, Any]], float]

MAX_SPANS = 24
"""Spans of one text; of a longer text, one span is several words."""
_EXACT_SPANS = 6
"""Spans up to which all coalitions are evaluated."""
SECONDS = 0.04
"""Time of one explanation, after `coalitions.MIN_PAIRS` pairs of orders."""
_MAX_PAIRS = 64
SLOW_SPANS = 8
"""Spans of a text where a run of the graph leaves no time for more."""
_LEAST_SPANS = 4
"""Spans below which an explanation of a longer text says too little."""
_CHARACTERS = 4_000_000
"""Characters of all texts of one explanation, at most."""


def explain(
    text: str,
    predict: Predict,
    score: Score,
    go_on: Callable[[], bool],
    rows: int,
    answer: float,
    most: int = MAX_SPANS,
) -> dict[str, Any]:
    """Return the explanation of the answer to a text.

    A coalition's text lacks the spans outside it. `predict` answers at most `rows`
    texts, `score` gives the number that is explained, and the sampling ends when
    `go_on` is false. `answer` is the number of the whole text alone, which may differ
    from its number in a batch (int8). There are at most `most` spans.
    Raises `Problem` for a text without a word, and for one too long.
    """
    text_spans.check_length(text)
    words = list(text_spans.words(text))
    if not words:
        raise Problem("invalid_input", "no part of this input can be left out", "")
    # each of the least pairs is two walks of as many texts as there are spans
    affordable = _CHARACTERS // (2 * coalitions.MIN_PAIRS * len(text))
    if affordable < min(_LEAST_SPANS, len(words)):
        raise Problem(
            "too_large",
            f"a text of {len(text):,} characters is too long to be explained: its "
            f"variants are more than {_CHARACTERS:,} characters; explain a part of it",
        )
    spans = text_spans.joined(words, min(most, affordable))

    def values(members: Array) -> Array:
        texts = [
            text_spans.without(
                text, [s for s, one in zip(spans, row, strict=True) if not one]
            )
            for row in members.tolist()
        ]
        answers: list[Mapping[str, Any]] = []
        for start in range(0, len(texts), rows):
            answers += predict(texts[start : start + rows])
        return np.array([score(answer) for answer in answers])

    if len(spans) <= _EXACT_SPANS:
        found = values(coalitions.every(len(spans)))
        weights = coalitions.exact(found)
        errors = np.zeros(len(spans))
        base, full, cost = float(found[0]), float(found[-1]), len(found)
    else:
        base, full = values(np.array([[False], [True]]).repeat(len(spans), 1)).tolist()
        most = min(_CHARACTERS // (2 * len(spans) * len(text)), _MAX_PAIRS)

        def walked(_pair: int, members: Array) -> Array:
            # the empty and the full coalition are known
            last = len(spans)
            inner = np.delete(members, [0, last], 0)
            return np.insert(values(inner), [0, last - 1], [base, full])

        estimate = coalitions.sampled(len(spans), walked, most, go_on)
        weights, errors = estimate.values, estimate.errors
        cost = 2 + estimate.pairs * (2 * len(spans) - 2)
    return {
        "method": "spans",
        "reference": "the text without the part",
        "base": base,
        "additivity_error": abs(float(base + weights.sum() - answer)),
        "evaluations": cost,
        "parts": [
            {
                "part": span.shown,
                "at": [span.start, span.end],
                "weight": float(weight),
                "standard_error": float(error),
            }
            for span, weight, error in zip(spans, weights, errors, strict=True)
        ],
    }


def key(signature: Signature) -> str | None:
    """Return the field of a request with the only text; None for other inputs."""
    keys = {item.key for item in signature.inputs}
    forms = {item.form for item in signature.inputs}
    if len(keys) == 1 and forms <= {"text", "tokens"}:
        return keys.pop()
    return None

"""Explain a pipeline's answer: which words of a picture, and where they are."""

from collections.abc import Iterator
from typing import Any

from hotseat_serve.kinds.inference_request import InferenceRequest, OpenStep
from hotseat_serve.kinds.pipeline import (
    Judgement,
    answer_of,
    flagged,
    joined,
    results,
)
from hotseat_serve.kinds.reading_order import corners
from hotseat_serve.limits import MAX_PARTS
from hotseat_serve.problems import Problem


def explain(request: InferenceRequest) -> dict[str, Any]:
    """Return the answer to one input, and the weight and box of each word.

    Words are left out in turn (occlusion) of the text that a step judged; a weight is
    how much the probability of its flagged labels drops. Raises `Problem` where no step
    with flags reads text, or for too many words.
    """
    found = results(request, request.inputs[0], request.pointers[0])
    parts = [
        part
        for one in request.steps
        if isinstance(judgement := found[one.step.name], Judgement)
        and judgement.probability is not None
        for part in _words(one, judgement, request)
    ]
    if not parts:
        raise Problem("invalid_input", "no step judges words of this input", "")
    return {**answer_of(request, found), "method": "occlusion", "parts": parts}


def _words(
    one: OpenStep, judgement: Judgement, request: InferenceRequest
) -> Iterator[dict[str, Any]]:
    lines = [line.words() for line in judgement.lines]
    words = [word for line in lines for word in line]
    if len(words) > MAX_PARTS:
        raise Problem(
            "too_large",
            f"the input has more words than can be left out; the limit is {MAX_PARTS}",
        )
    if not words:
        return
    texts = [
        " ".join(text for at, (text, _) in enumerate(words) if at != left_out) or "."
        for left_out in range(len(words))
    ]
    assert one.model is not None
    whole, *others = one.model.predict(
        [joined(judgement.lines), *texts], [request.pointers[0]] * (len(texts) + 1),
        None, request.context,
    )  # fmt: skip
    for (text, rectangle), other in zip(words, others, strict=True):
        yield {
            "step": one.step.name,
            "part": text,
            "box": corners(rectangle),
            "weight": flagged(one.step, whole) - flagged(one.step, other),
        }

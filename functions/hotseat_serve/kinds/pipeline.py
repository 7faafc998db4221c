"""Answer by several graphs, one after the other: find text in a picture, judge it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hotseat_registry.dataclass import dataclass
from hotseat_registry.steps import REGIONS, TRANSCRIPTION, Step
from hotseat_serve.codec.images import Picture, decode
from hotseat_serve.codec.texts import text
from hotseat_serve.kinds.inference_request import InferenceRequest, OpenStep
from hotseat_serve.kinds.reading_order import Line, corners
from hotseat_serve.kinds.regions import Found, find, transcribe
from hotseat_serve.problems import Problem
from hotseat_serve.wording import place

Judged = dict[str, Any]
_Run = Callable[[OpenStep, Any, InferenceRequest, str], Any]
"""Runs a step on the result of its source, for an input at a JSON pointer."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The answer of one step, and the text that it is for, if it reads any."""

    step: Step
    answer: Judged | None
    """None: the picture has no text to judge."""
    lines: tuple[Line, ...] = ()
    """The lines of the judged text."""

    @property
    def probability(self) -> float | None:
        """The probability of all flagged labels together; None without any."""
        if self.answer is None or not self.step.flags:
            return None
        return flagged(self.step, self.answer)

    def reason(self) -> Judged | None:
        """Return why the pipeline's second label is the answer, if it is by this."""
        threshold, probability = self.step.threshold, self.probability
        if self.answer is None or probability is None or probability < threshold:
            return None
        scores: Mapping[str, float] = self.answer["scores"]
        label = max(self.step.flags, key=lambda name: scores[name])
        found = {
            "step": self.step.name, "label": label, "probability": probability,
            "threshold": threshold,
        }  # fmt: skip
        if not self.lines:
            return found
        return {
            **found,
            "text": joined(self.lines),
            "boxes": [corners(line.rectangle) for line in self.lines],
        }


def pipeline(request: InferenceRequest) -> list[dict[str, Any]]:
    """Answer with each step's result, and the reasons for the second label."""
    return [
        answer_of(request, results(request, given, pointer))
        for given, pointer in zip(request.inputs, request.pointers, strict=True)
    ]


def answer_of(request: InferenceRequest, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer to one input from the results of all steps."""
    judgements = [one for one in found.values() if isinstance(one, Judgement)]
    reasons = [reason for one in judgements if (reason := one.reason()) is not None]
    answer: dict[str, Any] = {}
    if request.signature.labels:
        answer["label"] = request.signature.labels[bool(reasons)]
        answer["reasons"] = reasons
    sources = {one.step.source for one in request.steps}
    for one in request.steps:
        result = found[one.step.name]
        if one.step.kind == TRANSCRIPTION:
            answer["texts"] = [line.text for line in result]
            answer[one.step.name] = [line.to_json() for line in result]
        elif one.step.kind == REGIONS and one.step.name not in sources:
            answer[one.step.name] = result.to_json()
    answer["steps"] = {one.step.name: one.answer for one in judgements}
    return answer


def results(request: InferenceRequest, given: Any, pointer: str) -> dict[str, Any]:
    """Return the result of each step by its name; raises `Problem`."""
    found: dict[str, Any] = {"": _input(request, given, pointer)}
    request.context.mark("read")
    for one in request.steps:
        request.context.check_deadline()
        source = found[one.step.source]
        run: _Run = _STEPS.get(one.step.kind, _judge)
        found[one.step.name] = run(one, source, request, pointer)
    request.context.mark("run")
    return found


def _input(request: InferenceRequest, given: Any, pointer: str) -> Any:
    """Return the request's picture or text."""
    (item,) = request.signature.inputs
    if isinstance(given, Mapping):
        if item.key not in given:
            raise Problem(
                "invalid_input",
                f"expected {item.key!r}{place(pointer)}",
                f"{pointer}/{item.key}",
            )
        if unknown := given.keys() - {item.key, "options", "player_id"}:
            request.context.warnings.unknown(unknown, [item.key], pointer)
        given, pointer = given[item.key], f"{pointer}/{item.key}"
    if item.form == "text":
        return text(given, item, pointer)
    limits = [
        one.image.max_pixels
        for step in request.steps
        for one in step.step.signature.inputs
        if one.image is not None
    ]
    return Picture(decode(given, pointer, min(limits), item.max_bytes))


def _regions(
    one: OpenStep, source: Picture, request: InferenceRequest, pointer: str
) -> Found:
    return find(one, source, request.context, pointer)


def _transcription(
    one: OpenStep, source: Found, request: InferenceRequest, _pointer: str
) -> list[Line]:
    return transcribe(one, source, request.context)


def _judge(
    one: OpenStep, source: Any, request: InferenceRequest, pointer: str
) -> Judgement:
    """Ask a step whose answer is part of the pipeline's."""
    assert one.model is not None
    if not isinstance(source, list):
        (answer,) = one.model.predict([source], [pointer], None, request.context)
        return Judgement(one.step, answer)
    if not source:
        return Judgement(one.step, None)
    # the text as a whole, and each line alone: other lines must not hide one
    parts: list[tuple[Line, ...]] = [tuple(source)]
    if one.step.flags and len(source) > 1:
        parts += [(line,) for line in source]
    texts = [joined(lines) for lines in parts]
    answers = one.model.predict(texts, [pointer] * len(texts), None,
                          request.context)  # fmt: skip
    judged = [
        Judgement(one.step, answer, lines)
        for answer, lines in zip(answers, parts, strict=True)
    ]
    return max(judged, key=lambda judgement: judgement.probability or 0.0)


def flagged(step: Step, answer: Mapping[str, Any]) -> float:
    """Return the probability of a step's flagged labels together."""
    return float(sum(answer["scores"][label] for label in step.flags))


def joined(lines: Sequence[Line]) -> str:
    """Return the text of lines as one."""
    return " ".join(line.text for line in lines)


_STEPS: Mapping[str, _Run] = {
    REGIONS: _regions,
    TRANSCRIPTION: _transcription,
}

"""Texts for the inputs of predict: one after the other, with the version's options."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hotseat_serve.kinds.options import Options
from hotseat_serve.kinds.request_context import RequestContext
from hotseat_serve.runtime.text_model import TextModel
from hotseat_serve.text.text_request import TextRequest, read_input


def write_rows(
    model: TextModel, inputs: Sequence[Any], options: Options, context: RequestContext
) -> list[dict[str, Any]]:
    """Return ``text``, ``finish_reason`` and ``usage`` of each; raises `Problem`."""
    answers: list[dict[str, Any]] = []
    for given in inputs:
        request = TextRequest(
            **read_input(given, context.warnings),
            temperature=options.temperature,
            seed=options.seed,
        )
        if options.seed is not None and answers:  # rows differ, and repeat together
            request = replace(request, seed=(options.seed + len(answers)) % (1 << 53))
        answering = model.answer(request, context.warnings, context.deadline)
        try:
            for _ in answering:
                context.mark("run")
        finally:
            answering.close()
        answers.append(
            {
                "text": answering.text,
                "finish_reason": answering.finish_reason,
                "usage": answering.usage(),
            }
        )
    return answers

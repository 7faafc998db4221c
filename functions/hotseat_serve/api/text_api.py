"""The text route of the game API: answers of language models, whole or streamed."""

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import orjson

from hotseat_serve.api.event_stream import EVENT_STREAM, HEADERS, Chunks, event
from hotseat_serve.api.messages import JSON, Answer, Request
from hotseat_serve.api.text_answer import TextAnswer
from hotseat_serve.api.text_filter import open_filter
from hotseat_serve.codec.input_warnings import Warnings
from hotseat_serve.kinds.request_context import RequestContext
from hotseat_serve.problems import Problem
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_serve.text.text_request import TextRequest, limited

if TYPE_CHECKING:
    from hotseat_serve.access.token_budget import TokenBudget
    from hotseat_serve.runtime.model_cache import ModelCache

log = logging.getLogger("hotseat.serve")


def start_text(
    loaded: LoadedModel,
    wanted: TextRequest,
    context: RequestContext,
    models: "ModelCache",
    budget: "TokenBudget | None",
) -> TextAnswer:
    """Return an answer whose first token is there; raises `Problem`."""
    if loaded.text is None:
        raise Problem(
            "invalid_input",
            f"{loaded.manifest.model} is no language model but a "
            f"{loaded.manifest.kind}: ask it at /v1/models/"
            f"{loaded.manifest.model}/predict",
        )
    # a token says who plays; only without one does the request
    player = context.player = context.player or wanted.player
    plan = loaded.text.plan
    answer = TextAnswer(
        loaded.text,
        wanted,
        context.warnings,
        open_filter(models, plan.filter),
        holds_back=not wanted.stream,
    )
    if budget is not None:
        bearer = f"{context.game}/{player}" if player else ""
        most = limited(wanted, plan, Warnings())  # the answer itself warns
        refusal = budget.reserve(bearer, most)
        if refusal is not None:
            if not answer.cans(refusal.code, refusal.detail):
                raise refusal
            return answer
        answer.on_end = lambda tokens: budget.give_back(bearer, most - tokens)
    if plan.retrieval is not None:
        # late: few versions search
        from hotseat_serve.api.text_passages import with_passages

        answer.request, answer.passages = with_passages(
            wanted, plan, loaded.text.vocabulary, context, models
        )
    answer.start(context.deadline)
    context.mark("run")
    return answer


def generate(
    loaded: LoadedModel,
    body: Any,
    request: Request,
    context: RequestContext,
    models: "ModelCache",
    budget: "TokenBudget | None" = None,
) -> Answer:
    """Answer ``POST /v1/models/{model}/generate``; raises `Problem`."""
    wanted = TextRequest.read(body, context.warnings)
    if EVENT_STREAM in request.headers.get("accept", ""):
        import dataclasses

        wanted = dataclasses.replace(wanted, stream=True)
    context.rows = 1
    answer = start_text(loaded, wanted, context, models, budget)
    if not wanted.stream:
        try:
            answer.whole()
        finally:
            answer.close()
        document = _document(loaded, answer, request, context)
        return Answer(200, orjson.dumps(document), {"content-type": JSON})
    return stream(
        _events(loaded, answer, request, context), answer, streams=request.streams
    )


def stream(events: Iterator[bytes], answer: TextAnswer, *, streams: bool) -> Answer:
    """Return events as they come, or in one body where an adapter cannot stream."""
    if streams:
        return Answer(200, b"", HEADERS, Chunks(events, answer.close))
    try:
        return Answer(200, b"".join(events), HEADERS)
    finally:
        answer.close()


def _events(
    loaded: LoadedModel, answer: TextAnswer, request: Request, context: RequestContext
) -> Iterator[bytes]:
    try:
        for piece in answer.pieces():
            yield event("token", {"text": piece})
        yield event("done", _document(loaded, answer, request, context))
    except Problem as problem:
        yield event("error", problem.to_json(request.request_id))
    except Exception:
        log.exception("request %s broke off", request.request_id)
        failed = Problem("internal", "the service failed; its log says why under "
                          "this request_id")  # fmt: skip
        yield event("error", failed.to_json(request.request_id))


def _document(
    loaded: LoadedModel, answer: TextAnswer, request: Request, context: RequestContext
) -> dict[str, Any]:
    warnings = context.warnings
    plan = answer.model.plan
    return {
        "model": loaded.manifest.model,
        "version": loaded.manifest.version,
        "variant": loaded.variant,
        "text": answer.text,
        **({"value": answer.value} if answer.has_value else {}),
        "finish_reason": answer.finish_reason,
        "usage": answer.usage,
        **({"passages": answer.passages} if answer.passages else {}),
        # for a client that is offline later
        **({"canned": plan.canned} if plan.canned is not None else {}),
        **({"warnings": warnings.to_json()} if warnings.count else {}),
        "request_id": request.request_id,
        **({"cold": True} if context.cold else {}),
    }

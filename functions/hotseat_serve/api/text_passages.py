"""Passages of a retrieval version of the same service, for a slot of a template."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hotseat_registry.errors import RegistryError
from hotseat_registry.text_plan import PROMPT, SlotRetrieval, TextPlan
from hotseat_serve.kinds.options import Options
from hotseat_serve.kinds.request_context import RequestContext
from hotseat_serve.problems import Problem
from hotseat_serve.text.text_request import TextRequest
from hotseat_serve.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from hotseat_serve.runtime.model_cache import ModelCache

log = logging.getLogger("hotseat.serve")
_WARNING = "no_passages"


def with_passages(
    request: TextRequest,
    plan: TextPlan,
    vocabulary: Vocabulary,
    context: RequestContext,
    models: "ModelCache",
) -> tuple[TextRequest, list[dict[str, Any]]]:
    """Return a request with the passages of its template, and their ids and scores.

    Without a template's rule or a text to search for, the request as it is. Where the
    search fails or takes too long, the slot's default stands, with a warning.
    """
    rule = plan.retrieval
    query = None if rule is None else _query(rule, request)
    if rule is None or not query:
        return request, []
    try:
        matches = _matches(rule, query, context, models)
    except (RegistryError, Problem) as error:
        log.warning("%s finds nothing: %s", rule.model, error)
        context.warnings.note(_WARNING, f"{rule.model} cannot be searched now")
        return request, []
    if matches is None:
        context.warnings.note(_WARNING, f"the time for {rule.model} was over")
        return request, []
    slots = {slot.name: slot for slot in plan.slots or ()}
    most = slots[rule.slot].max_characters
    text, used = joined(
        [match.get("text", "") for match in matches], rule.max_tokens, most,
        lambda passage: len(vocabulary.encode(passage)),
    )  # fmt: skip
    if not used:
        return request, []
    found = [{"id": match["id"], "score": match["score"]} for match in matches[:used]]
    return replace(request, passages=text), found


def joined(
    passages: Sequence[str], tokens: int, characters: int, count: Callable[[str], int]
) -> tuple[str, int]:
    """Return the first passages that fit, a line each, and how many those are.

    A passage is taken whole or not at all.
    """
    text = ""
    for number, passage in enumerate(passages):
        line = " ".join(passage.split())
        longer = f"{text}\n{line}" if text else line
        if len(longer) > characters or count(longer) > tokens:
            return text, number
        text = longer
    return text, len(passages)


def _query(rule: SlotRetrieval, request: TextRequest) -> str | None:
    """Return the text to search for: of the slot, or the last of a conversation."""
    given = dict(request.context or {})
    if request.prompt is not None:
        given.setdefault(PROMPT, request.prompt)
    if request.messages and rule.query == PROMPT:
        given.setdefault(PROMPT, request.messages[-1][1])
    return given.get(rule.query)


def _matches(
    rule: SlotRetrieval, query: str, context: RequestContext, models: "ModelCache"
) -> list[dict[str, Any]] | None:
    """Return the nearest documents; None if the time was over.

    Raises `RegistryError` and `Problem`.
    """
    model, _, alias = rule.model.partition("#")
    loaded = models.get(models.reference(model, alias or None))
    if loaded.manifest.kind != "retrieval":
        raise Problem("unavailable", f"{model} is no version of kind retrieval")
    search = RequestContext(clock=context.clock)
    search.deadline = search.started + int(rule.milliseconds * 1e6)
    if context.deadline is not None:
        search.deadline = min(search.deadline, context.deadline)
    options = Options(top_k=rule.top_k, min_score=rule.min_score)
    try:
        (answer,) = loaded.predict([query], options=options, context=search)
    except Problem as problem:
        if problem.code == "deadline_exceeded":
            return None
        raise
    matches: list[dict[str, Any]] = answer["matches"]
    return None if search.expired else matches

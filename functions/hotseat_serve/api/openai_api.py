"""The routes that OpenAI's clients call: chat, completions, embeddings.

Their models are ours: ``npc-lines``, ``npc-lines#beta`` or ``npc-lines@3``.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pybase64

from hotseat_serve.api import openai_shapes as shapes
from hotseat_serve.api.event_stream import event
from hotseat_serve.api.messages import Answer, Request, as_json
from hotseat_serve.api.text_answer import TextAnswer
from hotseat_serve.api.text_api import start_text, stream
from hotseat_serve.kinds.request_context import RequestContext
from hotseat_serve.problems import Problem
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_serve.wording import expected, invalid

log = logging.getLogger("hotseat.serve")


def model_of(body: Any) -> tuple[str, str | None]:
    """Return the model that a body names, and its version or alias.

    Raises `Problem`.
    """
    if not isinstance(body, Mapping):
        raise expected("an object", "", body)
    named = body.get("model")
    if not isinstance(named, str) or not named:
        raise expected("a model's name", "/model", named)
    name, at, version = named.partition("@")
    if not at:
        name, _, version = named.partition("#")
    return name, version or None


def answer(
    route: str,
    body: Any,
    loaded: LoadedModel,
    request: Request,
    context: RequestContext,
    start: Callable[..., TextAnswer] = start_text,
    **parts: Any,
) -> Answer:
    """Answer a request of one of OpenAI's routes below /v1; raises `Problem`."""
    if route == "embeddings":
        return _embeddings(body, loaded, context)
    chat = route == "chat/completions"
    read = shapes.read_chat if chat else shapes.read_completion
    wanted = read(body, context.warnings)
    context.rows = 1
    answering = start(loaded, wanted, context, **parts)
    made = _Shape(loaded, request, chat=chat)
    if wanted.stream:
        with_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        events = made.events(answering, with_usage=with_usage)
        return stream(events, answering, streams=request.streams)
    try:
        answering.whole()
    finally:
        answering.close()
    return as_json(made.whole(answering, context))


class _Shape:
    """The shape of one answer's documents."""

    def __init__(self, loaded: LoadedModel, request: Request, *, chat: bool) -> None:
        self._chat = chat
        self._request_id = request.request_id
        prefix = "chatcmpl" if chat else "cmpl"
        self._head = {
            "id": f"{prefix}-{request.request_id}",
            "created": int(time.time()),
            "model": loaded.manifest.reference,
            "system_fingerprint": f"{loaded.manifest.reference}/{loaded.variant}",
        }

    def whole(self, answer: TextAnswer, context: RequestContext) -> dict[str, Any]:
        """Return the document of an answer that has ended."""
        choice = {
            "index": 0,
            "finish_reason": shapes.finish_reason(answer.finish_reason),
            "logprobs": None,
        }
        if self._chat:
            choice["message"] = {
                "role": "assistant", "content": answer.text, "refusal": None
            }  # fmt: skip
        else:
            choice["text"] = answer.text
        warnings = context.warnings
        return {
            **self._head,
            "object": "chat.completion" if self._chat else "text_completion",
            "choices": [choice],
            "usage": shapes.usage(answer.usage),
            **({"warnings": warnings.to_json()} if warnings.count else {}),
        }

    def events(self, answer: TextAnswer, *, with_usage: bool) -> Iterator[bytes]:
        """Yield the events of a stream, to the last one, ``[DONE]``."""
        try:
            if self._chat:
                yield self._piece({"role": "assistant", "content": ""}, None)
            for piece in answer.pieces():
                yield self._piece({"content": piece} if self._chat else piece, None)
            reason = shapes.finish_reason(answer.finish_reason)
            yield self._piece({} if self._chat else "", reason)
            if with_usage:
                document = {
                    **self._head, "object": self._object, "choices": [],
                    "usage": shapes.usage(answer.usage),
                }  # fmt: skip
                yield event("", document)
        except Problem as problem:
            yield event("", shapes.error(problem, self._request_id))
        except Exception:
            log.exception("request %s broke off", self._request_id)
            failed = Problem("internal", "the service failed; its log says why")
            yield event("", shapes.error(failed, self._request_id))
        yield b"data: [DONE]\n\n"

    @property
    def _object(self) -> str:
        return "chat.completion.chunk" if self._chat else "text_completion"

    def _piece(self, content: Any, reason: str | None) -> bytes:
        key = "delta" if self._chat else "text"
        choice = {"index": 0, key: content, "finish_reason": reason, "logprobs": None}
        return event("", {**self._head, "object": self._object, "choices": [choice]})


def _embeddings(body: Any, loaded: LoadedModel, context: RequestContext) -> Answer:
    """Answer /v1/embeddings with a model of kind embedding that reads texts."""
    manifest = loaded.manifest
    keys = list(dict.fromkeys(item.key for item in manifest.signature.inputs))
    if manifest.kind != "embedding" or len(keys) != 1:
        raise invalid(
            f"{manifest.model} is no embedding of a text (its kind is {manifest.kind})",
            "/model",
        )
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts:
        raise expected("a text or a list of texts", "/input", given)
    for at, text in enumerate(texts):
        if not isinstance(text, str):  # tokens are another model's
            raise expected("a string", f"/input/{at}", text)
    if body.get("dimensions") is not None:
        raise invalid("dimensions is not supported here: leave it out", "/dimensions")
    encoding = body.get("encoding_format", "float")
    if encoding not in {"float", "base64", None}:
        raise invalid("expected float or base64 at /encoding_format",
                      "/encoding_format")  # fmt: skip
    context.rows = len(texts)
    pointers = [f"/input/{at}" for at in range(len(texts))]
    answers = loaded.predict(
        [{keys[0]: text} for text in texts], pointers, None, context
    )
    vectors = [one["embedding"] for one in answers]
    tokens = _tokens_read(loaded, texts)
    if encoding == "base64":  # what the clients ask for, and decode themselves
        vectors = [
            pybase64.b64encode(np.array(one, "<f4").tobytes()).decode()
            for one in vectors
        ]
    return as_json(
        {
            "object": "list",
            "model": manifest.reference,
            "data": [
                {"object": "embedding", "index": at, "embedding": vector}
                for at, vector in enumerate(vectors)
            ],
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
    )


def _tokens_read(loaded: LoadedModel, texts: list[str]) -> int:
    """Return the tokens of texts as the model reads them; 0 if it reads characters."""
    item = loaded.manifest.signature.inputs[0]
    if item.tokens is None:
        return 0
    found = loaded.files[item.tokens.file].encode_batch(texts)
    return sum(sum(one.attention_mask) for one in found)

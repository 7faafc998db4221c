"""OpenAI's requests as ours, and our answers in OpenAI's shapes.

Shapes: platform.openai.com/docs/api-reference (chat, completions, embeddings, models),
as the clients `openai` for Python and Node read and write them.
"""

from collections.abc import Mapping
from typing import Any

from hotseat_serve.codec.elements import is_number
from hotseat_serve.codec.input_warnings import Warnings
from hotseat_serve.problems import Problem
from hotseat_serve.text.text_request import (
    MAX_SEED,
    MAX_TEMPERATURE,
    TextRequest,
    check_text,
    read_messages,
    read_schema,
    read_stop,
)
from hotseat_serve.wording import expected, invalid, json_type

_FINISH = {"length": "length", "deadline": "length", "filtered": "content_filter"}
_REFUSED: dict[str, tuple[Any, ...]] = {
    "n": (None, 1), "best_of": (None, 1), "logprobs": (None, False, 0),
    "top_logprobs": (None, 0), "tools": (None, []), "functions": (None, []),
    "echo": (None, False), "suffix": (None, ""), "logit_bias": (None, {}),
    "frequency_penalty": (None, 0), "presence_penalty": (None, 0),
    "modalities": (None, ["text"]), "audio": (None,),
}  # fmt: skip
"""Parameters that would change the answer and are not done, with the values that ask
for nothing."""
_KNOWN = frozenset({
    *_REFUSED, "model", "messages", "prompt", "max_tokens", "max_completion_tokens",
    "temperature", "top_p", "seed", "stop", "stream", "stream_options", "user",
    "response_format", "context", "deadline_ms", "metadata", "store",
    "parallel_tool_calls", "tool_choice", "safety_identifier", "prompt_cache_key",
    "service_tier", "reasoning_effort", "verbosity",
})  # fmt: skip
"""Parameters that are read, or that change nothing of a text."""
_TYPES = {
    "invalid_json": "invalid_request_error",
    "invalid_input": "invalid_request_error",
    "model_not_found": "invalid_request_error",
    "unauthorized": "authentication_error",
    "forbidden": "permission_error",
    "throttled": "rate_limit_error",
}


def read_chat(body: Mapping[str, Any], warnings: Warnings) -> TextRequest:
    """Read the body of /v1/chat/completions; raises `Problem`."""
    schema, grammar = _format(body.get("response_format"))
    context = _template_slots(body)
    limit = body.get("max_completion_tokens")
    name = "max_tokens" if limit is None else "max_completion_tokens"
    return TextRequest(
        messages=read_messages(body.get("messages"), "/messages"),
        context=context,
        schema=schema,
        grammar=grammar,
        **_common(body, name, warnings),
    )


def read_completion(body: Mapping[str, Any], warnings: Warnings) -> TextRequest:
    """Read the body of /v1/completions; raises `Problem`.

    Its prompt is continued as it is; a version with a template takes it as the slot
    ``prompt``.
    """
    prompt = body.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    return TextRequest(
        prompt=check_text(prompt, "/prompt"),
        context=_template_slots(body),
        raw=True,
        **_common(body, "max_tokens", warnings),
    )


def _common(
    body: Mapping[str, Any], max_tokens: str, warnings: Warnings
) -> dict[str, Any]:
    for name, idle in _REFUSED.items():
        if body.get(name) not in idle:
            raise invalid(f"{name} is not supported here: leave it out", f"/{name}")
    stream = body.get("stream")
    if stream is not None and not isinstance(stream, bool):
        raise expected("true or false", "/stream", stream)
    player = body.get("user") or ""
    if not isinstance(player, str) or len(player) > 128:
        raise expected("a string of at most 128 characters", "/user", player)
    seed = _whole(body, "seed", -MAX_SEED, MAX_SEED)
    if unknown := body.keys() - _KNOWN:
        warnings.unknown(unknown, sorted(_KNOWN), "")
    return {
        "max_tokens": _whole(body, max_tokens, 1, 1 << 17),
        "temperature": _number(body, "temperature", MAX_TEMPERATURE),
        "top_p": _number(body, "top_p", 1),
        "seed": None if seed is None else abs(seed),
        "stop": read_stop(body.get("stop"), "/stop"),
        "stream": bool(stream),
        "player": player,
        "deadline_ms": _number(body, "deadline_ms", 3_600_000) or None,
    }


def _template_slots(body: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the slots in ``context``, a parameter of ours (`extra_body`)."""
    given = body.get("context")
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise expected("an object", "/context", given)
    return {name: check_text(value, "/context") for name, value in given.items()}


def _format(given: Any) -> tuple[Any, None]:
    """Return the schema of a ``response_format``; raises `Problem`."""
    if given is None:
        return None, None
    if not isinstance(given, Mapping):
        raise expected("an object", "/response_format", given)
    kind = given.get("type")
    if kind == "text":
        return None, None
    if kind == "json_object":
        return {"type": "object"}, None
    if kind == "json_schema":
        inner = given.get("json_schema")
        if not isinstance(inner, Mapping) or inner.get("schema") is None:
            raise expected(
                "an object with schema", "/response_format/json_schema", inner
            )
        return read_schema(inner["schema"], "/response_format/json_schema/schema"), None
    raise invalid(
        "expected text, json_object or json_schema at /response_format/type, got "
        f"{json_type(kind)}",
        "/response_format/type",
    )


def _number(body: Mapping[str, Any], name: str, most: float) -> float | None:
    given = body.get(name)
    if given is None:
        return None
    if not (is_number(given) and 0 <= given <= most):
        got = f"{given:g}" if is_number(given) else json_type(given)
        raise invalid(
            f"expected a number from 0 to {most:g} at /{name}, got {got}", f"/{name}"
        )
    return float(given)


def _whole(body: Mapping[str, Any], name: str, least: int, most: int) -> int | None:
    given = body.get(name)
    if given is None:
        return None
    if type(given) is not int or not least <= given <= most:
        raise invalid(
            f"expected a whole number from {least} to {most} at /{name}, got "
            f"{json_type(given)}",
            f"/{name}",
        )
    return given


def finish_reason(ours: str) -> str:
    """Return OpenAI's word for a reason to end."""
    return _FINISH.get(ours, "stop")


def usage(ours: Mapping[str, int]) -> dict[str, int]:
    """Return the usage with OpenAI's total."""
    return {**ours, "total_tokens": sum(ours.values())}


def error(problem: Problem, request_id: str) -> dict[str, Any]:
    """Return a problem in OpenAI's shape; our document's fields are beside it."""
    return {
        "error": {
            "message": problem.detail,
            "type": _TYPES.get(problem.code, "server_error"),
            "code": problem.code,
            "param": (problem.pointer or "").strip("/").replace("/", ".") or None,
        },
        "request_id": request_id,
    }

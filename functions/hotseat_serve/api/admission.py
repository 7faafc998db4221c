"""Admit requests where a stage asks who calls: before a route's action runs."""

from collections.abc import Callable, Sequence

from hotseat_registry.errors import RegistryError
from hotseat_serve.access.gate import Gate
from hotseat_serve.api.messages import Request
from hotseat_serve.kinds.request_context import RequestContext

_PROBES = (["v2", "health", "live"], ["v2", "health", "ready"])
"""Routes that orchestrators call; they say nothing of any model."""


def admit(
    gate: Gate,
    request: Request,
    context: RequestContext,
    parts: Sequence[str],
    default: Callable[[], str],
) -> None:
    """Raise `Problem` unless the caller may send this request now.

    `parts` are the path's, `default` returns the model of POST /model-service.
    """
    if list(parts) in _PROBES:
        return
    caller = gate.caller(request.headers, request.caller)
    context.player = context.player or caller.player
    context.game, context.models = caller.game, caller.models
    model = _model(parts, default)
    if model:
        gate.check_model(caller, model)
    gate.check_rate(caller, model)


def _model(parts: Sequence[str], default: Callable[[], str]) -> str:
    """Return the model that a path names; empty for a list, or where there is none.

    OpenAI's routes name theirs in the body; the route checks it.
    """
    match parts:
        case ["model-service"]:
            try:
                return default()
            except RegistryError:
                return ""  # the action says what is missing
        case ["v1" | "v2", "models", name, *_]:
            return name.partition(":")[0]
    return ""

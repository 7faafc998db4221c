"""A request for a text as a value, before anything is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hotseat._json import to_json
from hotseat.errors import ConfigError, HotseatError

DEADLINE = 20.0
"""Seconds of a text, unless a call says another time."""
_SHARE = 0.9
"""The share of a deadline after which the service ends the sentence."""

SayInput = str | Sequence[Mapping[str, str]] | Mapping[str, Any]
"""A prompt, messages (role and content), or the slots of the version's template."""


@dataclass(frozen=True, slots=True)
class SayRequest:
    """A request for a text, before anything is sent."""

    model: str
    version: int | str | None
    body: bytes | HotseatError
    deadline: float
    default: Any
    has_format: bool


def say_request(
    value: SayInput,
    options: Mapping[str, Any],
    model: str,
    version: int | str | None,
    player_id: str | None,
    deadline: float | None,
    default: Any,
) -> SayRequest:
    """Return a request; options that are None are left out. Raises `ConfigError`."""
    if options.get("schema") is not None and options.get("grammar") is not None:
        raise ConfigError("pass schema or grammar, not both")
    seconds = DEADLINE if deadline is None else deadline
    if not 0 < seconds <= 86_400:
        raise ConfigError(f"a deadline is more than 0 s and at most a day: {seconds!r}")
    chosen = {name: one for name, one in options.items() if one is not None}
    if isinstance(chosen.get("stop"), str):
        chosen["stop"] = [chosen["stop"]]
    # the sentence ends before the caller gives up
    chosen["deadline_ms"] = max(round(seconds * _SHARE * 1000), 1)
    chosen["stream"] = True
    body: dict[str, Any] = {"input": _input(value), "options": chosen}
    if player_id is not None:
        body["player_id"] = player_id
    sent: bytes | HotseatError
    try:
        sent = to_json(body)
    except ConfigError:
        raise
    except HotseatError as error:  # what a player typed
        sent = error
    has_format = bool({"schema", "grammar"} & set(chosen))
    return SayRequest(model, version, sent, seconds, default, has_format)


def _input(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {"prompt": value}
    if isinstance(value, Mapping):
        return {"context": dict(value)}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return {"messages": list(value)}
    raise ConfigError(
        "expected a prompt, a list of messages or a mapping of slots, not "
        f"{type(value).__name__}"
    )

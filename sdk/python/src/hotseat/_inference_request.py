"""What is asked, as a value: before anything is sent, and whoever answers.

Inputs are written as JSON at once, so that a board that the game goes on to change is
asked as it was.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hotseat.errors import ConfigError

RAISE: Any = object()
"""No default was given."""


@dataclass(frozen=True, slots=True)
class InferenceRequest:
    """What has to be the same for inputs to go in one request."""

    verb: str = "predict"
    model: str | None = None
    version: int | str | None = None
    options: bytes = b""
    """JSON; empty: none."""
    player_id: str | None = None
    deadline: float | None = None

    def body(self, inputs: Sequence[bytes], *, many: bool) -> bytes:
        """Return the request's body about some inputs."""
        if many:
            fields = b'"inputs": [' + b", ".join(inputs) + b"]"
        elif self.model is None and inputs[0].startswith(b'"'):
            # a named model's one input may have another name than "text"
            fields = b'"text": ' + inputs[0]
        else:
            fields = b'"input": ' + inputs[0]
        if self.options:
            fields += b', "options": ' + self.options
        if self.player_id is not None:
            fields += b', "player_id": ' + to_json(self.player_id)
        return b"{" + fields + b"}"


def inference_request(
    verb: str,
    model: str | None,
    version: int | str | None,
    options: Mapping[str, Any] | None = None,
    player_id: str | None = None,
    deadline: float | None = None,
) -> InferenceRequest:
    """Return an inference request; options that are None are left out."""
    kept = {name: value for name, value in (options or {}).items() if value is not None}
    return InferenceRequest(
        verb, model, version, to_json(kept) if kept else b"", player_id, deadline
    )


def board_input(board: Any, legal: Sequence[str | int] | None) -> dict[str, Any]:
    """Return what a policy is asked about."""
    given: dict[str, Any] = {"board": board}
    if legal is not None:
        given["legal"] = list(legal)
    return given


def input_list(inputs: Any) -> list[Any]:
    """Return many inputs as a list; raises `ConfigError` for a text."""
    if isinstance(inputs, str):
        raise ConfigError("inputs is a list of texts, not one text: use predict")
    return list(inputs)


def to_json(value: Any) -> bytes:
    """Return a value as JSON; raises `ConfigError`."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"the input is not JSON: {error}") from None

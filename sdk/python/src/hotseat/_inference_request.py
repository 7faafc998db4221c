"""An inference request as a value, before anything is sent.

Inputs are converted to JSON at once, so that later changes to a board do not change
the request.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hotseat._json import to_json
from hotseat.errors import ConfigError

RAISE: Any = object()
"""Marks a missing default: the call raises its error."""


@dataclass(frozen=True, slots=True)
class InferenceRequest:
    """The parts that inputs of one HTTP request have in common."""

    verb: str = "predict"
    model: str | None = None
    version: int | str | None = None
    options: bytes = b""
    """JSON; empty: none."""
    player_id: str | None = None
    deadline: float | None = None

    def body(self, inputs: Sequence[bytes], *, many: bool) -> bytes:
        """Return the request's body for some inputs."""
        if many:
            fields = b'"inputs": [' + b", ".join(inputs) + b"]"
        elif self.model is None and inputs[0].startswith(b'"'):
            # the only input of a named model may have another name than "text"
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
    used = {name: value for name, value in (options or {}).items() if value is not None}
    return InferenceRequest(
        verb, model, version, to_json(used) if used else b"", player_id, deadline
    )


def board_input(board: Any, legal: Sequence[str | int] | None) -> dict[str, Any]:
    """Return a policy's input."""
    fields: dict[str, Any] = {"board": board}
    if legal is not None:
        fields["legal"] = list(legal)
    return fields


def input_list(inputs: Any) -> list[Any]:
    """Return many inputs as a list; raises `ConfigError` for a text."""
    if isinstance(inputs, str):
        raise ConfigError("inputs is a list of texts, not one text: use predict")
    return list(inputs)

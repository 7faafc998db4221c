"""The methods of a client that return texts."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from hotseat._inference_request import RAISE
from hotseat._say_request import SayInput, SayRequest, say_request

StreamT = TypeVar("StreamT")
TicketT = TypeVar("TicketT")


class SayMethods(Generic[StreamT, TicketT]):
    """Asks models of the kind text."""

    def _say(self, request: SayRequest) -> StreamT:
        raise NotImplementedError

    def _submit_say(self, request: SayRequest) -> TicketT:
        raise NotImplementedError

    def say(
        self,
        input: SayInput,  # noqa: A002 (as on the wire)
        *,
        model: str,
        version: int | str | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        seed: int | None = None,
        stop: str | Sequence[str] | None = None,
        schema: Mapping[str, Any] | None = None,
        grammar: str | None = None,
        player_id: str | None = None,
        deadline: float | None = None,
        default: Any = RAISE,
    ) -> StreamT:
        """Let a model write a text; return its pieces as they are written.

        `input` is a mapping with the slots of the version's template, a prompt, or a
        list of messages (mappings with role and content). `schema` is a JSON schema:
        the answer's `value` keeps to it. `deadline` (seconds, by default 20) counts to
        the end of the text; the model ends its sentence shortly before.

        `default` is the line to use if no text comes: a text, or with a `schema` its
        value. While the service is away, the version's canned line comes before it, if
        an earlier answer has brought one. A text that breaks off then ends with what
        came (``broken_off``). Raises `ConfigError`; the stream raises later errors.
        """
        options = {
            "max_tokens": max_tokens, "temperature": temperature, "top_p": top_p,
            "seed": seed, "stop": stop, "schema": schema, "grammar": grammar,
        }  # fmt: skip
        return self._say(
            say_request(input, options, model, version, player_id, deadline, default)
        )

    def submit_say(
        self,
        input: SayInput,  # noqa: A002 (as on the wire)
        *,
        model: str,
        version: int | str | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        seed: int | None = None,
        stop: str | Sequence[str] | None = None,
        schema: Mapping[str, Any] | None = None,
        grammar: str | None = None,
        player_id: str | None = None,
        deadline: float | None = None,
        default: Any = RAISE,
    ) -> TicketT:
        """Let a model write a text without waiting; return a ticket for later frames.

        `take` of the ticket is the text since the last frame. Arguments as in `say`.
        """
        options = {
            "max_tokens": max_tokens, "temperature": temperature, "top_p": top_p,
            "seed": seed, "stop": stop, "schema": schema, "grammar": grammar,
        }  # fmt: skip
        return self._submit_say(
            say_request(input, options, model, version, player_id, deadline, default)
        )

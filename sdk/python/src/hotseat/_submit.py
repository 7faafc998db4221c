"""The methods of a client that return tickets."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from hotseat._inference_request import InferenceRequest, board_input, inference_request
from hotseat._ticket import Ticket

Input = str | bytes | Mapping[str, Any] | Sequence[Any]
"""A text, the bytes of an image, named features, a board."""


AnyTicket = TypeVar("AnyTicket", bound=Ticket)


class TicketMethods(Generic[AnyTicket]):
    """Submits inputs without waiting; a frame checks the tickets later."""

    def _submit(self, request: InferenceRequest, value: Any) -> AnyTicket:
        """Queue the input of a request."""
        raise NotImplementedError

    def submit(
        self,
        input: Input,  # noqa: A002 (as on the wire)
        *,
        model: str | None = None,
        version: int | str | None = None,
        options: Mapping[str, Any] | None = None,
        player_id: str | None = None,
        deadline: float | None = None,
    ) -> AnyTicket:
        """Submit an input without waiting; return a ticket to check in later frames.

        Inputs submitted within `window` seconds share one request. Raises
        `ConfigError`; the ticket raises later errors.
        """
        request = inference_request(
            "predict", model, version, options, player_id, deadline
        )
        return self._submit(request, input)

    def submit_choose(
        self,
        board: Any,
        *,
        model: str,
        version: int | str | None = None,
        level: str | None = None,
        temperature: float | None = None,
        seed: int | None = None,
        legal: Sequence[str | int] | None = None,
        player_id: str | None = None,
        deadline: float | None = None,
    ) -> AnyTicket:
        """Submit a board; the ticket's answer is that of `choose`."""
        options = {"level": level, "temperature": temperature, "seed": seed}
        request = inference_request(
            "predict", model, version, options, player_id, deadline
        )
        return self._submit(request, board_input(board, legal))

    def submit_generate(
        self,
        wishes: Mapping[str, Any] | None = None,
        *,
        model: str,
        version: int | str | None = None,
        seed: int | None = None,
        player_id: str | None = None,
        deadline: float | None = None,
    ) -> AnyTicket:
        """Submit wishes; the ticket's answer is that of `generate`."""
        request = inference_request(
            "predict", model, version, {"seed": seed}, player_id, deadline
        )
        return self._submit(request, dict(wishes or {}))

    def submit_explain(
        self,
        input: Input,  # noqa: A002 (as on the wire)
        *,
        model: str,
        version: int | str | None = None,
        player_id: str | None = None,
        deadline: float | None = None,
    ) -> AnyTicket:
        """Submit an input; the ticket's answer is that of `explain`."""
        request = inference_request(
            "explain", model, version, None, player_id, deadline
        )
        return self._submit(request, input)

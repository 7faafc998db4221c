"""What both clients share: where the service is, its keys, and the rules of a call."""

import json
import os
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from hotseat import _steps
from hotseat._address import base, path_of
from hotseat._answer import stand_in
from hotseat._guard import Guard
from hotseat._transport import Request
from hotseat._types import Prediction
from hotseat.errors import BadInputError, ConfigError, HotseatError

BASE_URL = "http://localhost:8080"
"""Where `hotseat serve` listens."""
RAISE: Any = object()
"""No default was given."""
_DAY = 86_400.0


class Core:
    """One service, as a client in one process sees it."""

    def __init__(
        self,
        base_url: str | None,
        deadline: float,
        api_key: str | Callable[[], str] | None,
        hook: Callable[[_steps.Call], None] | None,
        clock: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        self.base_url = base(base_url or os.environ.get("HOTSEAT_URL") or BASE_URL)
        if not deadline > 0:
            raise ConfigError(f"a deadline is more than 0 seconds, not {deadline!r}")
        self.clock = clock
        self.guard = Guard(clock)
        self._deadline = _finite(deadline)
        self._token = api_key if callable(api_key) else None
        fixed = "" if callable(api_key) else api_key
        self._key = _sendable(fixed or os.environ.get("HOTSEAT_API_KEY") or "")
        self._random = random
        self._hook = hook
        self._process = os.getpid()

    def asking(
        self,
        verb: str,
        model: str | None,
        version: int | str | None,
        body: dict[str, Any],
        options: Mapping[str, Any] | None,
        player_id: str | None,
        deadline: float | None,
    ) -> _steps.Steps:
        """Return the steps of asking a model; raises `ConfigError`."""
        path = path_of(verb, model, version)
        if options:
            body["options"] = dict(options)
        if player_id is not None:
            body["player_id"] = player_id
        return self.calling("POST", path, body, deadline)

    def calling(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        deadline: float | None = None,
    ) -> _steps.Steps:
        """Return the steps of a call; raises `ConfigError`."""
        self.check_process()
        return _steps.steps(
            self._request(method, path, body),
            path,
            self._deadline if deadline is None else _finite(deadline),
            clock=self.clock,
            random=self._random,
            guard=self.guard,
            hook=self._hook,
        )

    def instead(self, error: HotseatError, default: Any, start: float) -> Prediction:
        """Return what stands in for an answer; raises `error` where nothing may."""
        if default is RAISE or isinstance(error, ConfigError | BadInputError):
            raise error
        return stand_in(default, self.clock() - start)

    def check_process(self) -> None:
        """Raise `ConfigError` in another process than the one that made the client."""
        if os.getpid() != self._process:
            raise ConfigError(
                "this client was made before a fork: make one in each process"
            )

    def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None
    ) -> Request:
        headers = {"accept": "application/json", "user-agent": "hotseat-python"}
        if self._token is not None:
            headers["authorization"] = f"Bearer {_sendable(self._token())}"
        elif self._key:
            headers["x-api-key"] = self._key
        data = None
        if body is not None:
            headers["content-type"] = "application/json"
            # the same for every try of this call, so that nothing is counted twice
            headers["idempotency-key"] = uuid.uuid4().hex
            try:
                data = json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
            except (TypeError, ValueError, RecursionError) as error:
                raise ConfigError(f"the input is not JSON: {error}") from None
        return Request(method, self.base_url + path, headers, data)


def one_input(given: Any, model: str | None) -> dict[str, Any]:
    """Return the body of a request about one input.

    A named model's one input may have another name than "text".
    """
    plain = model is None and isinstance(given, str)
    return {"text": given} if plain else {"input": given}


def rows_of(inputs: Any) -> list[Any]:
    """Return many inputs as a list; raises `ConfigError` for a text."""
    if isinstance(inputs, str):
        raise ConfigError("inputs is a list of texts, not one text: use predict")
    return list(inputs)


def _finite(seconds: float) -> float:
    if not seconds <= _DAY:  # NaN too
        raise ConfigError(f"a deadline is at most {_DAY:g} seconds, not {seconds!r}")
    return seconds


def _sendable(key: str) -> str:
    if not (key.isascii() and key.isprintable()):
        raise ConfigError(
            "the API key has a character that no header can carry: is there a line "
            "break at its end?"
        )
    return key

"""The client of a model service."""

import json
import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlsplit

from hotseat import _answer, _retry
from hotseat._transport import HttpTransport, Request, Transport
from hotseat._types import Model, Prediction
from hotseat.errors import (
    BadInputError,
    ConfigError,
    DeadlineError,
    HotseatError,
)

BASE_URL = "http://localhost:8080"
"""Where `hotseat serve` listens."""
DEADLINE = 2.0
_DAY = 86_400.0

_RAISE: Any = object()  # no default was given


class ModelServiceClient:
    """Asks a model service. Safe for several threads.

    `base_url` is by default HOTSEAT_URL, else where `hotseat serve` listens.
    `deadline` is the seconds a call may take, with connecting and retries.
    `api_key` (default HOTSEAT_API_KEY) goes as ``x-api-key``.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        deadline: float = DEADLINE,
        api_key: str | None = None,
        transport: Transport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        random: Callable[[], float] = random.random,
    ) -> None:
        self.base_url = _base(base_url or os.environ.get("HOTSEAT_URL") or BASE_URL)
        if not deadline > 0:
            raise ConfigError(f"a deadline is more than 0 seconds, not {deadline!r}")
        self._deadline = _finite(deadline)
        self._key = _sendable(api_key or os.environ.get("HOTSEAT_API_KEY") or "")
        self._transport = transport or HttpTransport()
        self._clock = clock
        self._sleep = sleep
        self._random = random

    def __repr__(self) -> str:
        """Name the service, never the key."""
        return f"ModelServiceClient({self.base_url!r})"

    def predict(
        self,
        input: str | Mapping[str, Any] | Sequence[Any],  # noqa: A002 (as on the wire)
        *,
        model: str | None = None,
        version: int | str | None = None,
        player_id: str | None = None,
        deadline: float | None = None,
        default: Any = _RAISE,
    ) -> Prediction:
        """Ask about one input: a text, named features, a board.

        `model` is by default the service's own default; `version` is a number or an
        alias. With `default`, a prediction holding it is returned where no answer
        could be had; only bad input and a wrong configuration still raise.

        Raises `HotseatError`.
        """
        start = self._clock()
        # a named model's one input may have another name than "text"
        plain = model is None and isinstance(input, str)
        body = {"text": input} if plain else {"input": input}
        try:
            answer = self._ask(model, version, body, player_id, deadline)
            return _answer.prediction(answer, self._clock() - start)
        except (ConfigError, BadInputError):
            raise
        except HotseatError:
            if default is _RAISE:
                raise
            return _default(default, self._clock() - start)

    def predict_many(
        self,
        inputs: Sequence[Any],
        *,
        model: str | None = None,
        version: int | str | None = None,
        player_id: str | None = None,
        deadline: float | None = None,
        default: Any = _RAISE,
    ) -> list[Prediction]:
        """Ask about many inputs in one request; answers come in their order.

        `default` is given for each input, as by `predict`. Raises `HotseatError`.
        """
        if isinstance(inputs, str):
            raise ConfigError("inputs is a list of texts, not one text: use predict")
        start = self._clock()
        rows = list(inputs)
        try:
            answer = self._ask(model, version, {"inputs": rows}, player_id, deadline)
            return _answer.predictions(answer, len(rows), self._clock() - start)
        except (ConfigError, BadInputError):
            raise
        except HotseatError:
            if default is _RAISE:
                raise
            return [_default(default, self._clock() - start) for _ in rows]

    def models(self) -> list[Model]:
        """Return the service's catalogue; raises `HotseatError`."""
        return _answer.models(self._call("GET", "/v1/models"))

    def card(self, model: str) -> Model:
        """Return one model with signature and card; raises `HotseatError`."""
        return _answer.model(self._call("GET", f"/v1/models/{_part(model)}"))

    def ready(self) -> bool:
        """Whether the service answers and has a model to ask."""
        try:
            return bool(self._call("GET", "/v2/health/ready")["ready"])
        except (HotseatError, KeyError):
            return False

    def close(self) -> None:
        """Give back connections."""
        self._transport.close()

    def __enter__(self) -> "ModelServiceClient":  # noqa: PYI034 (Self is 3.11)
        """Use as a context manager to close at the end."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def _ask(
        self,
        model: str | None,
        version: int | str | None,
        body: dict[str, Any],
        player_id: str | None,
        deadline: float | None,
    ) -> dict[str, Any]:
        if model is None and version is not None:
            raise ConfigError("a version belongs to a model: give model as well")
        path = "/model-service"
        if model is not None:
            path = f"/v1/models/{_part(model)}"
            if version is not None:
                path += f"/versions/{_part(str(version))}"
            path += "/predict"
        if player_id is not None:
            body["player_id"] = player_id
        return self._call("POST", path, body, deadline)

    def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        deadline: float | None = None,
    ) -> dict[str, Any]:
        """Send until there is an answer, a final error, or no time left."""
        request = self._request(method, path, body)
        allowed = self._deadline if deadline is None else _finite(deadline)
        end = self._clock() + allowed
        attempt = 0
        while True:
            left = end - self._clock()
            if left <= 0:
                raise DeadlineError(f"{path}: no answer within {allowed:g} s")
            try:
                return _answer.read(self._transport.send(request, left))
            except HotseatError as error:
                wait = _retry.pause(attempt, self._random(), error)
                if not _retry.may_retry(error) or self._clock() + wait >= end:
                    raise
            attempt += 1
            self._sleep(wait)

    def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None
    ) -> Request:
        headers = {"accept": "application/json", "user-agent": "hotseat-python"}
        if self._key:
            headers["x-api-key"] = self._key
        data = None
        if body is not None:
            headers["content-type"] = "application/json"
            try:
                data = json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
            except (TypeError, ValueError, RecursionError) as error:
                raise ConfigError(f"the input is not JSON: {error}") from None
        return Request(method, self.base_url + path, headers, data)


def _default(default: Any, latency: float) -> Prediction:
    label = default if isinstance(default, str) else None
    return Prediction(label=label, value=default, latency=latency, is_default=True)


def _base(url: str) -> str:
    try:
        parts = urlsplit(url)
        port_is_one = parts.port is None or parts.port > 0
    except ValueError:  # a port or an IPv6 address that is none
        port_is_one = False
        parts = urlsplit("")
    if parts.username is not None or parts.password is not None:
        raise ConfigError("a base URL holds no user or password: give api_key")
    fits = parts.scheme in {"http", "https"} and parts.hostname and port_is_one
    if not fits or parts.query or parts.fragment:
        raise ConfigError(
            f"{url!r} is no base URL, such as https://models.example/prod; set "
            "HOTSEAT_URL or give base_url"
        )
    return url.rstrip("/")


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


def _part(name: str) -> str:
    """Quote a part of a path; dots alone would be taken for a folder."""
    if name in {"", ".", ".."}:
        raise ConfigError(f"{name!r} names no model or version")
    return quote(name, safe="")

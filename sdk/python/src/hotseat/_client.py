"""The client of a model service."""

import json
import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any
from urllib.parse import quote

from hotseat import _retry
from hotseat._transport import HttpTransport, Request, Response, Transport
from hotseat._types import Model, Prediction
from hotseat.errors import (
    BadInputError,
    ConfigError,
    DeadlineError,
    HotseatError,
    TransportError,
    class_of,
)

BASE_URL = "http://localhost:8080"
"""Where `hotseat serve` listens."""
DEADLINE = 2.0

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
    ) -> None:
        url = base_url or os.environ.get("HOTSEAT_URL") or BASE_URL
        if not url.startswith(("http://", "https://")):
            raise ConfigError(
                f"{url!r} is no base URL: it begins with http:// or https://; set "
                "HOTSEAT_URL or give base_url"
            )
        if not deadline > 0:
            raise ConfigError(f"a deadline is more than 0 seconds, not {deadline!r}")
        self.base_url = url.rstrip("/")
        self._deadline = deadline
        self._key = api_key or os.environ.get("HOTSEAT_API_KEY")
        self._transport = transport or HttpTransport()
        self._clock = clock
        self._sleep = sleep

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
        body = {"text": input} if isinstance(input, str) else {"input": input}
        if model:  # its one input may have another name
            body = {"input": input}
        try:
            answer = self._ask(model, version, body, player_id, deadline)
        except (ConfigError, BadInputError):
            raise
        except HotseatError:
            if default is _RAISE:
                raise
            return _default(default, self._clock() - start)
        return _prediction(answer, answer, self._clock() - start)

    def predict_many(
        self,
        inputs: Sequence[Any],
        *,
        model: str | None = None,
        version: int | str | None = None,
        player_id: str | None = None,
        deadline: float | None = None,
    ) -> list[Prediction]:
        """Ask about many inputs in one request; answers come in their order.

        Raises `HotseatError`.
        """
        start = self._clock()
        body = {"inputs": list(inputs)}
        answer = self._ask(model, version, body, player_id, deadline)
        latency = self._clock() - start
        return [_prediction(item, answer, latency) for item in answer["predictions"]]

    def models(self) -> list[Model]:
        """Return the service's catalogue; raises `HotseatError`."""
        return [_model(item) for item in self._call("GET", "/v1/models")["models"]]

    def card(self, model: str) -> Model:
        """Return one model with signature and card; raises `HotseatError`."""
        return _model(self._call("GET", f"/v1/models/{quote(model, safe='')}"))

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
            path = f"/v1/models/{quote(model, safe='')}"
            if version is not None:
                path += f"/versions/{quote(str(version), safe='')}"
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
        allowed = self._deadline if deadline is None else deadline
        end = self._clock() + allowed
        attempt = 0
        while True:
            left = end - self._clock()
            if left <= 0:
                raise DeadlineError(f"{path}: no answer within {allowed:g} s")
            try:
                return _read(self._transport.send(request, left))
            except HotseatError as error:
                wait = _retry.pause(attempt, random.random(), error)  # noqa: S311
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
            except (TypeError, ValueError) as error:
                raise ConfigError(f"the input is not JSON: {error}") from None
        return Request(method, self.base_url + path, headers, data)


def _read(response: Response) -> dict[str, Any]:
    try:
        body = json.loads(response.body)
    except ValueError:
        body = None
    if 200 <= response.status < 300:
        if not isinstance(body, dict):
            raise TransportError("the answer is no JSON object: is this the service?")
        return body
    problem = body if isinstance(body, dict) else {}
    after = response.headers.get("retry-after", "")
    raise class_of(response.status)(
        str(problem.get("detail", "")) or "the service gave no reason",
        status=response.status,
        code=str(problem.get("code", "")),
        # a gateway in between says no more than its status
        retryable=bool(problem.get("retryable", response.status in {429, 502, 503})),
        request_id=str(problem.get("request_id", "")),
        pointer=problem.get("pointer"),
        retry_after=float(after) if after.isdigit() else None,
    )


def _prediction(
    item: Mapping[str, Any], source: Mapping[str, Any], latency: float
) -> Prediction:
    return Prediction(
        label=item.get("label"),
        probability=item.get("probability"),
        scores=item.get("scores", {}),
        value=item.get("value"),
        model=source.get("model"),
        version=source.get("version"),
        variant=source.get("variant"),
        request_id=source.get("request_id"),
        latency=latency,
        raw=item,
    )


def _default(default: Any, latency: float) -> Prediction:
    label = default if isinstance(default, str) else None
    return Prediction(label=label, value=default, latency=latency, is_default=True)


def _model(item: Mapping[str, Any]) -> Model:
    return Model(
        name=item["name"],
        kind=item["kind"],
        version=item["version"],
        versions=tuple(item.get("versions", ())),
        aliases=item.get("aliases", {}),
        raw=item,
    )

"""Generated text: the answer, and the reader that builds it from a stream's events.

The wire: events ``token`` with ``{"text": ...}``, then ``done`` with the whole answer,
or ``error`` with a problem. sdk/spec/say.json has what every SDK makes of them.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from hotseat import _answer
from hotseat._canned_lines import CannedLines
from hotseat._events import ServerEvent
from hotseat._inference_request import RAISE
from hotseat._json import to_json
from hotseat._say_request import SayRequest
from hotseat._transport import Response
from hotseat._types import InputWarning
from hotseat.errors import (
    CancelledError,
    ConfigError,
    HotseatError,
    TransportError,
    is_away,
)


@dataclass(frozen=True, slots=True)
class TextAnswer:
    """A text that a model wrote, from `say`."""

    text: str
    finish_reason: str
    """``stop``, ``length`` (max_tokens), ``deadline`` (ended in time), ``filtered``,
    ``canned`` (a prepared line in its place), or ``broken_off`` (the text so far, with
    `reason`); others may follow."""
    value: Any = None
    """The parsed text, if the call had a `schema`."""
    model: str | None = None
    version: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    request_id: str | None = None
    latency: float = 0.0
    """Seconds from call to end, including retries."""
    first_latency: float | None = None
    """Seconds from call to the first piece of text; None without one."""
    warnings: tuple[InputWarning, ...] = ()
    is_default: bool = False
    """Whether no model answered: the text is the version's canned line, known from an
    earlier answer, or the caller's default."""
    source: Literal["service", "offline", "default"] = "service"
    reason: str | None = None
    """Why the default was used or the text broke off: the error's class and message."""
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The whole answer, including fields unknown to this SDK."""


class TextReader:
    """Builds a text from events; what came is kept whatever follows.

    `default` stands for a text of which nothing came or, with `has_format` (a schema or
    a grammar), of which a part is of no use.
    """

    def __init__(self, default: Any = RAISE, *, has_format: bool = False) -> None:
        self._default, self._has_format = default, has_format
        self.text = ""
        self.answer: TextAnswer | None = None

    def read(self, event: ServerEvent, latency: float = 0.0) -> str:
        """Return the text that an event adds; raises `HotseatError`.

        A ``done`` sets `answer`.
        """
        if event.name == "token":
            piece = _fields(event).get("text")
            if not isinstance(piece, str):
                raise _strange("a token without a text")
            self.text += piece
            return piece
        if event.name == "done":
            self.answer = text_answer(_fields(event), latency)
            whole = self.answer.text
            rest = whole[len(self.text) :] if whole.startswith(self.text) else ""
            self.text = whole
            return rest
        if event.name == "error":
            raise problem(_fields(event))
        return ""  # of a later service

    def fail(
        self, error: HotseatError, latency: float = 0.0, line: str | None = None
    ) -> str:
        """Set `answer` for a failed stream; return the text that it adds.

        `line` is the version's own, which stands in the default's place. Raises `error`
        without either, a `ConfigError` and a `CancelledError` always.
        """
        default = self._default if line is None else line
        if default is RAISE or isinstance(error, ConfigError | CancelledError):
            raise error
        if self.text and not self._has_format:
            reason = f"{type(error).__name__}: {error}"
            self.answer = TextAnswer(
                self.text, "broken_off", latency=latency, reason=reason
            )
            return ""
        piece = "" if self.text else _as_text(default)
        self.answer = stand_in(default, latency, error)
        self.text = self.answer.text
        return piece


class TextProgress:
    """The rules of a stream, without a network: what came, how it ended."""

    def __init__(
        self, request: SayRequest, clock: Callable[[], float], lines: CannedLines
    ) -> None:
        self._request, self._clock, self._lines = request, clock, lines
        self._reader = TextReader(request.default, has_format=request.has_format)
        self._start: float | None = None
        self._first: float | None = None
        self._error: HotseatError | None = None
        self._is_offline = False

    @property
    def text(self) -> str:
        """The text so far."""
        return self._reader.text

    @property
    def may_begin_again(self) -> bool:
        """Whether nothing has come, so that the device can write instead."""
        return not self.text and not self._is_offline and not self.is_over

    def go_offline(self) -> None:
        """Take the events that follow for this device's own."""
        self._is_offline = True

    @property
    def seconds_left(self) -> float:
        """The rest of the deadline in seconds."""
        return self._request.deadline - self._seconds()

    @property
    def is_over(self) -> bool:
        """Whether the answer or the error has come."""
        return self._reader.answer is not None or self._error is not None

    @property
    def is_whole(self) -> bool:
        """Whether the service's own end has come."""
        answer = self._reader.answer
        return answer is not None and answer.reason is None

    def begin(self) -> bytes:
        """Return the body to send; raises the error of one that cannot be sent."""
        self._start = self._clock()
        if isinstance(self._request.body, HotseatError):
            raise self._request.body
        return self._request.body

    def read(self, event: ServerEvent | None) -> str:
        """Return the text that an event adds, or the end; raises `HotseatError`."""
        if event is None:
            raise TransportError("the text ended without its last event")
        piece = self._reader.read(event, self._seconds())
        if self._reader.answer is not None and not self._is_offline:
            line = self._reader.answer.raw.get("canned")
            self._lines.keep(self._request.model, self._request.version, line)
        return self._timed(piece)

    def fail(self, error: HotseatError) -> str:
        """Return the text that a failure adds; its error, if any, is for `stop`."""
        request, line = self._request, None
        if is_away(error) and not request.has_format:
            line = self._lines.line(request.model, request.version)
        try:
            return self._timed(self._reader.fail(error, self._seconds(), line))
        except HotseatError as final:
            self._error = final
            return ""

    def cancel(self) -> None:
        """End it unless it is over."""
        if not self.is_over:
            self._error = CancelledError("the text was cancelled")

    def stop(self) -> None:
        """Raise the error of a failed text; a cancelled one just ends."""
        if self._error is not None and not isinstance(self._error, CancelledError):
            raise self._error

    def result(self) -> TextAnswer:
        """Return the answer; raises `HotseatError`."""
        if self._reader.answer is None:
            raise self._error or TransportError("the text has not ended")
        answer = replace(self._reader.answer, first_latency=self._first)
        is_ours = self._is_offline and not answer.is_default
        return replace(answer, source="offline") if is_ours else answer

    def _timed(self, piece: str) -> str:
        if piece and self._first is None:
            self._first = self._seconds()
        return piece

    def _seconds(self) -> float:
        return 0.0 if self._start is None else self._clock() - self._start


def text_answer(answer: Mapping[str, Any], latency: float = 0.0) -> TextAnswer:
    """Return the text of an answer; raises `TransportError`."""
    text, reason = answer.get("text"), answer.get("finish_reason")
    usage, version = answer.get("usage"), answer.get("version")
    if not isinstance(text, str) or not isinstance(reason, str):
        raise _strange("an end without text and finish_reason")
    counts = usage if isinstance(usage, Mapping) else {}
    return TextAnswer(
        text,
        reason,
        value=answer.get("value"),
        model=_text_or_none(answer.get("model")),
        version=version if isinstance(version, int) else None,
        prompt_tokens=_count(counts.get("prompt_tokens")),
        completion_tokens=_count(counts.get("completion_tokens")),
        request_id=_text_or_none(answer.get("request_id")),
        latency=latency,
        warnings=_answer.warnings_of(answer.get("warnings")),
        raw=answer,
    )


def stand_in(default: Any, latency: float, error: HotseatError) -> TextAnswer:
    """Return an answer that holds a default: a text, or the value of a schema."""
    reason = f"{type(error).__name__}: {error}"
    value = None if isinstance(default, str) else default
    return TextAnswer(
        _as_text(default), "canned", value=value, latency=latency, is_default=True,
        source="default", reason=reason,
    )  # fmt: skip


def problem(fields: Mapping[str, Any]) -> HotseatError:
    """Return the error of an ``error`` event."""
    status = fields.get("status")
    code = status if isinstance(status, int) and status >= 400 else 500
    try:
        _answer.read(Response(code, {}, json.dumps(fields).encode()))
    except HotseatError as error:
        return error
    raise AssertionError("a status from 400 is an error")  # pragma: no cover


def _as_text(default: Any) -> str:
    if default is None or isinstance(default, str):
        return default or ""
    return json.dumps(
        json.loads(to_json(default)), ensure_ascii=False, separators=(",", ":")
    )


def _fields(event: ServerEvent) -> Mapping[str, Any]:
    try:
        fields = json.loads(event.data)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise _strange(f"an event {event.name} that is no JSON object")
    return fields


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _strange(what: str) -> TransportError:
    return TransportError(f"the stream has {what}: is this a Hotseat service?")

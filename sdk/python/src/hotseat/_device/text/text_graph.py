"""A language model on this device: it writes the events that the service would send."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hotseat._device.bundle import Bundle
from hotseat._device.graph import open_session
from hotseat._device.shared.text_answer import Passes, TextAnswer
from hotseat._device.shared.text_model import TextModel, check_golden
from hotseat._device.shared.text_plan import TextPlan
from hotseat._device.shared.text_request import TextRequest
from hotseat._device.shared.vocabulary import Vocabulary
from hotseat._device.text.problems import Problem
from hotseat._device.text.session import Session
from hotseat._device.warnings import Warnings
from hotseat._events import ServerEvent
from hotseat.errors import ConfigError, HotseatError, TransportError

_SHARE = 0.9
"""The share of the time after which the model ends its sentence, as of the service."""
_MOST = 3_600_000
"""Milliseconds of a request, at most."""


@dataclass(slots=True)
class TextGraph:
    """An open language model. It writes one text at a time; others wait."""

    bundle: Bundle
    model: TextModel
    seconds: float
    """Duration of an answer, as long as the version writes by default, in seconds."""

    @property
    def filter(self) -> str | None:
        """The classification that checks its sentences."""
        return self.model.plan.filter

    @classmethod
    def open(
        cls, bundle: Bundle, folder: Path, clock: Callable[[], float]
    ) -> "TextGraph":
        """Open a version, check its golden rows, run its template's beginning.

        Raises `TransportError`, and `ConfigError` where a package is missing.
        """
        missing = [n for n in ("tokenizers", "llguidance") if find_spec(n) is None]
        if missing:
            raise ConfigError(
                f"{bundle.name} writes texts, which takes {' and '.join(missing)}: "
                "pip install hotseat[say]"
            )
        session = Session(open_session(bundle, folder))
        try:
            plan = TextPlan.from_json(bundle.signature["text"])
            vocabulary = Vocabulary(folder / plan.tokenizer, plan)
            model = TextModel(bundle.name, plan, session, vocabulary)
            if bundle.golden:
                golden = (folder / bundle.golden).read_bytes()
                check_golden(model, golden, bundle.variant)
            began = clock()
            model.decoder.run([plan.stop_tokens[0]])
            took = clock() - began
            model.warm()
        except HotseatError:
            raise
        except Exception as error:  # noqa: BLE001 (faults of files or of the runtime)
            raise TransportError(f"{bundle.name} does not load: {error}") from None
        return cls(bundle, model, took * plan.max_tokens)

    def events(
        self, body: bytes, seconds: float, passes: Passes | None
    ) -> "DeviceEvents":
        """Return the events that answer a request's body within `seconds`."""
        return DeviceEvents(self._written(body, seconds, passes))

    def _written(
        self, body: bytes, seconds: float, passes: Passes | None
    ) -> Iterator[ServerEvent]:
        warnings = Warnings()
        document = json.loads(body)
        document["options"]["deadline_ms"] = min(
            max(1.0, seconds * _SHARE * 1000), _MOST
        )
        try:
            request = TextRequest.read(document, warnings)
            if (rule := self.model.plan.retrieval) is not None:
                why = f"only the service searches {rule.model}"
                warnings.note("no_passages", why)
            answer = TextAnswer(self.model, request, warnings, passes)
            answer.start()
            try:
                for piece in answer.pieces():
                    yield _event("token", {"text": piece})
            finally:
                answer.close()
        except Problem as problem:
            yield _event("error", problem.to_json())
            return
        yield _event("done", self._document(answer, warnings))

    def _document(self, answer: TextAnswer, warnings: Warnings) -> dict[str, Any]:
        return {
            "model": self.bundle.model,
            "version": self.bundle.version,
            "variant": self.bundle.variant,
            "text": answer.text,
            **({"value": answer.value} if answer.has_value else {}),
            "finish_reason": answer.finish_reason,
            "usage": answer.usage,
            **({"warnings": warnings.to_json()} if warnings.count else {}),
        }


class DeviceEvents(Iterator[ServerEvent]):
    """The events of a text that is written on this device, as `EventStream` has them.

    `close` frees the model; while another thread waits for a piece, it waits, too.
    """

    def __init__(self, events: Iterator[ServerEvent]) -> None:
        self._events: Iterator[ServerEvent] | None = events
        self._lock = threading.Lock()
        self._is_aborted = False

    def __next__(self) -> ServerEvent:
        with self._lock:
            if self._events is None or self._is_aborted:
                raise StopIteration
            return next(self._events)

    def close(self) -> None:
        """End the text."""
        self._is_aborted = True
        with self._lock:
            events, self._events = self._events, None
        if events is not None:
            events.close()  # type: ignore[attr-defined]  # a generator

    def abort(self) -> None:
        """End a text that another thread waits for, after its next piece."""
        self._is_aborted = True


def _event(name: str, data: dict[str, Any]) -> ServerEvent:
    return ServerEvent(name, json.dumps(data))

"""A response cache for deterministic models, limited in time and size.

Classification and regression without a temperature or a seed are deterministic. When
an alias moves, the answers of its old version expire.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from hotseat._inference_request import InferenceRequest
from hotseat._types import Prediction

LIMIT = 4096
"""Maximum number of answers; the least recently used are removed first."""

_Key = tuple[str | None, int | str | None, bytes, bytes]


@dataclass(slots=True)
class ResponseCache:
    """Answers by request, each for `seconds`; 0 turns the cache off."""

    seconds: float
    clock: Callable[[], float]
    limit: int = LIMIT
    _entries: "OrderedDict[_Key, tuple[float, Prediction]]" = field(
        default_factory=OrderedDict
    )
    _newest: dict[tuple[str | None, int | str | None], int | None] = field(
        default_factory=dict
    )
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, request: InferenceRequest, row: bytes) -> Prediction | None:
        """Return the cached answer to an input unless it has expired."""
        if not self.seconds or request.verb != "predict":
            return None
        key = (request.model, request.version, request.options, row)
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            at, answer = entry
            # an answer must expire even if the clock jumped back
            young = 0 <= self.clock() - at < self.seconds
            if young and answer.version == self._newest.get(key[:2]):
                self._entries.move_to_end(key)
                return answer
            del self._entries[key]
            return None

    def put(self, request: InferenceRequest, row: bytes, answer: Prediction) -> None:
        """Store the service's answer if the model is deterministic."""
        if not self.seconds or request.verb != "predict":
            return
        drawn = b'"seed"' in request.options or b'"temperature"' in request.options
        if drawn or answer.action is not None or answer.item is not None:
            return
        key = (request.model, request.version, request.options, row)
        with self._lock:
            self._newest[key[:2]] = answer.version
            self._entries[key] = (self.clock(), answer)
            self._entries.move_to_end(key)
            while len(self._entries) > self.limit:
                self._entries.popitem(last=False)

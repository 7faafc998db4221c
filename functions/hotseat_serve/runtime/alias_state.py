"""What is known of aliases and heads between two looks at the registry."""

import threading
from dataclasses import dataclass, field

from hotseat_registry import Head
from hotseat_serve.runtime.loader import LoadedModel


class Refresh:
    """One look at a head, in the background; requests may wait for its end."""

    def __init__(self, started_at: float) -> None:
        self.started_at = started_at
        self._ended = threading.Event()

    def end(self) -> None:
        """Let go whoever waits."""
        self._ended.set()

    def wait(self, seconds: float) -> None:
        """Wait for the end, for so many seconds at most."""
        self._ended.wait(seconds)


@dataclass(slots=True)
class TrackedAlias:
    """An alias, and the version that serves for it."""

    head: Head
    loaded: LoadedModel
    refresh_at: float
    refresh: Refresh | None = None
    """Of another thread at the head."""
    refused_version: int = 0
    """A version that did not open, when to try again, and after how long then."""
    retry_at: float = 0.0
    retry_wait: float = 0.0


@dataclass(slots=True)
class CachedHead:
    """A model's head, for versions that are asked by number."""

    head: Head | None
    refresh_at: float
    lock: threading.Lock = field(default_factory=threading.Lock)

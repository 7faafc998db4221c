"""Cached state of aliases and heads between two reads of the registry."""

import threading

from hotseat_registry import Head
from hotseat_registry.dataclass import dataclass, field
from hotseat_serve.runtime.loaded_model import LoadedModel


class Refresh:
    """One background read of a head; requests may wait for its end."""

    def __init__(self, started_at: float) -> None:
        self.started_at = started_at
        self._ended = threading.Event()

    def end(self) -> None:
        """Wake all waiting requests."""
        self._ended.set()

    def wait(self, seconds: float) -> None:
        """Wait for the end, for at most so many seconds."""
        self._ended.wait(seconds)


@dataclass(slots=True)
class TrackedAlias:
    """An alias and its current version."""

    head: Head
    loaded: LoadedModel
    refresh_at: float
    refresh: Refresh | None = None
    """The refresh in progress, if there is one."""
    refused_version: int = 0
    """A version that failed to open, the time of the next try, and the next wait."""
    retry_at: float = 0.0
    retry_wait: float = 0.0


@dataclass(slots=True)
class CachedHead:
    """A model's head, for versions requested by number."""

    head: Head | None
    refresh_at: float
    lock: threading.Lock = field(default_factory=threading.Lock)

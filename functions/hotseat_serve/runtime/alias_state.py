"""What is known of aliases and heads between two looks at the registry."""

import threading
from dataclasses import dataclass, field

from hotseat_registry import Head
from hotseat_serve.runtime.loader import Loaded


class Look:
    """One look at a head, in the background; requests may wait for its end."""

    def __init__(self, since: float) -> None:
        self.since = since
        self._ended = threading.Event()

    def end(self) -> None:
        """Let go whoever waits."""
        self._ended.set()

    def wait(self, seconds: float) -> None:
        """Wait for the end, for so many seconds at most."""
        self._ended.wait(seconds)


@dataclass(slots=True)
class Followed:
    """An alias, and the version that serves for it."""

    head: Head
    loaded: Loaded
    until: float
    look: Look | None = None
    """Of another thread at the head."""
    refused: int = 0
    """A version that did not open, when to try again, and after how long then."""
    again: float = 0.0
    wait: float = 0.0


@dataclass(slots=True)
class Known:
    """A model's head, for versions that are asked by number."""

    head: Head | None
    until: float
    lock: threading.Lock = field(default_factory=threading.Lock)

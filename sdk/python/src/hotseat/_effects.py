"""Effects: the requests of a call to its driver, as values.

A call yields effects and receives their results. The client runs them in the caller's
thread, the asynchronous client on its event loop.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from hotseat._transport import Request

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SendRequest:
    """Send a request within `timeout` seconds; the result is a response or an error."""

    request: Request
    timeout: float


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait for some seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class RunJob:
    """Run a function of some milliseconds of processor time that never waits."""

    job: Callable[[], Any]


Effect = SendRequest | Sleep | RunJob
Steps = Generator[Effect, Any, T]
"""A call as a generator of effects; it returns a T."""

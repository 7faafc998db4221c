"""Execution environments: each answers one request at a time, as on Lambda.

A request takes an idle environment of the alias's version, or starts another one. A
function with reserved concurrency has at most so many; a further request is throttled
(docs.aws.amazon.com/lambda, "Understanding Lambda function scaling").
"""

import threading
from collections.abc import Callable

from local_cloud.gateway.deployed_api import Function
from local_cloud.gateway.function_container import FunctionContainer


class ThrottledError(Exception):
    """Lambda refuses an invocation: TooManyRequestsException, 429."""


class Environments:
    """The environments of one alias; `start` runs one."""

    def __init__(self, start: Callable[[Function], FunctionContainer]) -> None:
        self._start = start
        self._lock = threading.Lock()
        self._idle: list[FunctionContainer] = []
        self._count = 0
        self._last: FunctionContainer | None = None

    def invoke(self, function: Function, event: bytes) -> bytes:
        """Invoke a version; raises `ThrottledError`, or `OSError` if it does not run.

        Environments of another version stop when they are idle.
        """
        environment = self._take(function)
        try:
            return environment.invoke(event)
        finally:
            self._give_back(environment)

    @property
    def last(self) -> FunctionContainer | None:
        """The environment that was started last."""
        return self._last

    @property
    def count(self) -> int:
        """How many environments there are, idle and busy."""
        return self._count

    def close(self) -> None:
        """Stop all idle environments."""
        with self._lock:
            idle, self._idle = self._idle, []
            self._count -= len(idle)
        for environment in idle:
            environment.stop()

    def _take(self, function: Function) -> FunctionContainer:
        with self._lock:
            stale = [one for one in self._idle if one.function != function]
            self._idle = [one for one in self._idle if one.function == function]
            self._count -= len(stale)
            found = self._idle.pop() if self._idle else None
            if found is None:
                limit = function.reserved_concurrency
                if limit is not None and self._count >= limit:
                    raise ThrottledError(f"{function.name}: {limit} are busy")
                self._count += 1
        for environment in stale:
            environment.stop()
        if found is None:
            try:
                found = self._start(function)
            except BaseException:
                with self._lock:
                    self._count -= 1
                raise
            self._last = found
        return found

    def _give_back(self, environment: FunctionContainer) -> None:
        with self._lock:
            self._idle.append(environment)

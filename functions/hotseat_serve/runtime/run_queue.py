"""Join concurrent runs of one graph into one run: micro-batching.

A request that finds a free place runs at once and alone, so nothing waits for company.
What arrives while all places are taken waits; a place that becomes free takes the
oldest waiting run and those that may be joined with it.
"""

import logging
import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence

import numpy as np

from hotseat_registry.dataclass import dataclass, field
from hotseat_serve.codec.tensors import Array
from hotseat_serve.problems import Problem
from hotseat_serve.runtime.batch_rule import (
    BatchRule,
    GraphRunner,
    NotBatchableError,
    Part,
    rule_of,
)
from hotseat_serve.runtime.loaded_model import LoadedModel

log = logging.getLogger("hotseat.serve")

TRIALS = 4
"""Joined runs of different inputs whose outputs are compared with those of each run
alone, before a version's runs are joined without comparison."""
_RELATIVE = 1e-3
_ABSOLUTE = 1e-4
"""Of an output's largest number."""


@dataclass(eq=False, slots=True)
class _Run:
    """One request's run."""

    session: "QueuedSession"
    tensors: Mapping[str, Array]
    outputs: Sequence[str] | None
    deadline: float | None
    key: Hashable | None
    part: Part | None
    changed: threading.Event = field(default_factory=threading.Event)
    batch: "list[_Run] | None" = None
    """The runs that this request's thread has to run, its own among them."""
    result: dict[str, Array] | None = None
    error: Exception | None = None

    def remaining(self, now: float) -> float | None:
        """Seconds until its deadline."""
        return None if self.deadline is None else self.deadline - now


class RunQueue:
    """Runs graphs, at most `parallel` at once, joined up to `max_rows` rows."""

    def __init__(
        self,
        parallel: int,
        max_rows: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._parallel, self._max_rows, self._clock = parallel, max_rows, clock
        self._lock = threading.Lock()
        self._running = 0
        self._waiting: list[_Run] = []

    def attach(self, loaded: LoadedModel) -> None:
        """Let an open version run through this queue."""
        session, rule = loaded.session, None
        try:
            rule = rule_of(
                loaded.manifest, session, loaded.files, loaded.graph, self._max_rows
            )
        except NotBatchableError as error:
            log.warning("%s is not batched: %s", loaded.manifest.reference, error)
        name = str(loaded.manifest.reference)
        loaded.session = QueuedSession(session, self, rule, name)

    def run(
        self,
        session: "QueuedSession",
        tensors: Mapping[str, Array],
        outputs: Sequence[str] | None,
        seconds: float | None,
    ) -> dict[str, Array]:
        """Return a run's outputs; raises `Problem`."""
        with self._lock:
            has_place = self._running < self._parallel
            self._running += has_place
        if not has_place:
            return self._join(session, tensors, outputs, seconds)
        try:
            return session.run_alone(tensors, outputs, seconds)
        finally:
            self._hand_over()

    def _join(
        self,
        session: "QueuedSession",
        tensors: Mapping[str, Array],
        outputs: Sequence[str] | None,
        seconds: float | None,
    ) -> dict[str, Array]:
        """Wait for a place, and share it with what may be joined."""
        rule = session.rule
        key = None if rule is None else rule.key(tensors, outputs)
        part = None if rule is None or key is None else rule.part(tensors)
        deadline = None if seconds is None else self._clock() + seconds
        run = _Run(session, tensors, outputs, deadline, key, part)
        with self._lock:
            if self._running < self._parallel:  # it became free meanwhile
                self._running += 1
                run.batch = [run]
            else:
                self._waiting.append(run)
        if run.batch is None:
            self._wait(run, seconds)
        if run.batch is not None:
            try:
                session.run_all(run.batch, self._clock)
            except Exception as error:  # noqa: BLE001 (each thread raises its own)
                for one in run.batch:
                    one.error = error
            finally:
                self._hand_over()
                for one in run.batch:
                    one.changed.set()
        if run.error is not None:
            raise run.error
        assert run.result is not None
        return run.result

    def _wait(self, run: _Run, seconds: float | None) -> None:
        """Wait until the run is done or has to be run; raises `Problem`."""
        if run.changed.wait(seconds):
            return
        with self._lock:
            if run.batch is not None:
                return  # the others of its batch depend on this thread
            if run in self._waiting:
                self._waiting.remove(run)
        raise _late()

    def _hand_over(self) -> None:
        """Give this thread's place to a waiting run's thread, or free it."""
        with self._lock:
            if not self._waiting:
                self._running -= 1
                return
            batch = self._next()
            batch[0].batch = batch
            batch[0].changed.set()

    def _next(self) -> list[_Run]:
        """Remove the oldest waiting run and those to join with it."""
        first = self._waiting.pop(0)
        batch, rule = [first], first.session.rule
        if rule is None or first.key is None or first.part is None:
            return batch
        like = [
            (abs(run.part.length - first.part.length), at, run)
            for at, run in enumerate(self._waiting)
            if run.session is first.session and run.key == first.key and run.part
        ]
        parts = [first.part]
        for _, _, run in sorted(like, key=lambda item: item[:2]):
            assert run.part is not None
            if rule.fits([*parts, run.part]):
                parts.append(run.part)
                batch.append(run)
                self._waiting.remove(run)
        return batch


class QueuedSession:
    """A session whose runs go through a queue.

    `rule` is None where runs are not joined.
    """

    def __init__(
        self, session: GraphRunner, queue: RunQueue, rule: BatchRule | None, name: str
    ) -> None:
        self._session, self._queue, self._name = session, queue, name
        self.rule = rule
        self.inputs, self.output_types = session.inputs, session.output_types
        self._trials = TRIALS

    def run(
        self,
        tensors: Mapping[str, Array],
        outputs: Sequence[str] | None = None,
        *,
        seconds: float | None = None,
    ) -> dict[str, Array]:
        """Return outputs by name; raises `Problem`."""
        return self._queue.run(self, tensors, outputs, seconds)

    def run_alone(
        self,
        tensors: Mapping[str, Array],
        outputs: Sequence[str] | None,
        seconds: float | None,
    ) -> dict[str, Array]:
        """Run the graph now; raises `Problem`."""
        return self._session.run(tensors, outputs, seconds=seconds)

    def run_all(self, runs: Sequence[_Run], clock: Callable[[], float]) -> None:
        """Run these, joined where there are several; sets their results or errors."""
        rule = self.rule
        if len(runs) == 1 or rule is None:
            self._run_each(runs, clock)
            return
        if self._trials:
            self._try(runs, rule, clock)
            return
        try:
            results = self._joined(runs, rule, clock)
        except (Problem, NotBatchableError):
            # one of them fails it: each gets its own answer
            self._run_each(runs, clock)
            return
        now = clock()
        for run, result in zip(runs, results, strict=True):
            left = run.remaining(now)
            if left is not None and left <= 0:
                run.error = _late()
            else:
                run.result = result

    def _run_each(self, runs: Sequence[_Run], clock: Callable[[], float]) -> None:
        for run in runs:
            left = run.remaining(clock())
            try:
                if left is not None and left <= 0:
                    raise _late()  # noqa: TRY301 (like a run that was too long)
                run.result = self._session.run(run.tensors, run.outputs, seconds=left)
            except Exception as error:  # noqa: BLE001 (the run's own thread raises it)
                run.error = error

    def _joined(
        self, runs: Sequence[_Run], rule: BatchRule, clock: Callable[[], float]
    ) -> list[dict[str, Array]]:
        """Return the results of one run; raises `Problem`, `NotBatchableError`."""
        now = clock()
        left = [run.remaining(now) for run in runs]
        known = [seconds for seconds in left if seconds is not None]
        seconds = max(known) if len(known) == len(left) else None
        outputs = self._session.run(
            rule.join([run.tensors for run in runs]), runs[0].outputs, seconds=seconds
        )
        return rule.split(outputs, [run.part for run in runs if run.part is not None])

    def _try(
        self, runs: Sequence[_Run], rule: BatchRule, clock: Callable[[], float]
    ) -> None:
        """Answer by runs alone, and compare a joined run with them."""
        self._run_each(runs, clock)
        if any(run.error is not None for run in runs):
            return
        try:
            same = all(
                _is_close(run.result or {}, result)
                for run, result in zip(
                    runs, self._joined(runs, rule, clock), strict=True
                )
            )
        except Problem as problem:
            if problem.code == "deadline_exceeded":
                return
            same = False
        except NotBatchableError:
            same = False
        if not same:
            self.rule = None
            log.warning(
                "%s is not batched: a row's outputs depend on the other rows",
                self._name,
            )
        elif not _is_equal(runs):
            self._trials = max(self._trials - 1, 0)


def _late() -> Problem:
    return Problem("deadline_exceeded", "the time allowed was over before the run")


def _is_equal(runs: Sequence[_Run]) -> bool:
    """Whether all have the same inputs, which prove nothing about other rows."""
    first = runs[0].tensors
    return all(
        np.array_equal(array, first[name])
        for run in runs[1:]
        for name, array in run.tensors.items()
    )


def _is_close(alone: Mapping[str, Array], joined: Mapping[str, Array]) -> bool:
    for name, array in alone.items():
        other = joined[name]
        if array.shape != other.shape:
            return False
        if array.dtype.kind != "f":
            if not np.array_equal(array, other):
                return False
            continue
        finite = np.abs(array[np.isfinite(array)])
        largest = float(finite.max(initial=0.0))
        if not np.allclose(
            array, other, _RELATIVE, _ABSOLUTE * largest, equal_nan=True
        ):
            return False
    return True

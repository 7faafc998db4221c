"""Trees trained by several workers: LightGBM's data-parallel learner under Ray Train.

Each worker bins its own share of the rows; LightGBM agrees on the bins, and adds the
workers' histograms for each split, so the trees are those of all rows (Meng et al.
2016 describe the alternative that sends less). Every worker has the same validation
rows and so stops at the same tree. On one machine the workers read the encoded rows
from disk; on a cluster they come through Ray's object store.
"""

import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import lightgbm
import numpy as np

from hotseat_train.errors import TrainError
from hotseat_train.models.tables.streamed import trees
from hotseat_train.models.tables.streamed.spool import CHUNK, Part, Rows
from hotseat_train.models.tables.streamed.trees import Data, Fitted
from hotseat_train.models.tables.streamed.workers import Report
from hotseat_train.optim.loop import Epoch

Array = np.ndarray[Any, Any]
LOCAL = "local"
_STARTS = 3
"""Tries to start a Ray: with other work on the machine the first may take too long."""
_PAUSE = 5.0
"""Seconds between two tries to join a cluster."""
_HELD = 200_000
"""Validation rows that every worker has."""
_CURVE = 50_000
"""Training rows whose loss the curve shows; the same of all workers."""


@dataclass(frozen=True, slots=True)
class RayWorkers:
    """Workers of a Ray: started here (``local``), or of a cluster at an address."""

    workers: int
    address: str = LOCAL
    threads: int = 1
    """Of each worker."""

    def fit(
        self,
        data: Data,
        labels: int,
        seed: int,
        settings: Mapping[str, Any],
        *,
        report: Report = lambda _epoch: None,
    ) -> Fitted:
        """See `Engine.fit`; raises `TrainError` if Ray or the cluster is missing."""
        with _cluster(self.address, self.workers, self.threads) as ray:
            from ray.util.queue import Queue

            queue = Queue()
            shares = (
                _on_disk(data, self.workers)
                if self.address == LOCAL
                else _in_store(ray, data, self.workers)
            )
            task = {
                "shares": shares, "labels": labels, "queue": queue,
                "chosen": trees.parameters(labels, seed, self.threads, settings),
                "rounds": trees.rounds(settings),
            }  # fmt: skip
            running = ray.remote(num_cpus=0)(_run).remote(
                task, self.workers, self.threads
            )
            fitted = _received(ray, queue, running, report)
            ray.get(running)
            return fitted


def _received(ray: Any, queue: Any, running: Any, report: Report) -> Fitted:
    """Pass on the epochs that arrive until the model does."""
    from ray.util.queue import Empty

    while True:
        try:
            message = queue.get(timeout=1)
        except Empty:
            done, _ = ray.wait([running], timeout=0)
            if done:
                ray.get(done)  # raises what went wrong
                message = queue.get(timeout=5)
            else:
                continue
        if isinstance(message, Epoch):
            report(message)
        else:
            text, curve, best = message
            return Fitted(lightgbm.Booster(model_str=text), curve, best)


@contextmanager
def _cluster(address: str, workers: int, threads: int) -> Iterator[Any]:
    try:
        import ray
    except ModuleNotFoundError:
        raise TrainError(
            "training on several machines needs Ray: pip install "
            "'hotseat-platform[ray]'"
        ) from None
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    more: dict[str, Any] = {
        "log_to_driver": False,
        "logging_level": "ERROR",
        # workers that share cores must not spin while they wait for each other
        "runtime_env": {"env_vars": {"OMP_WAIT_POLICY": "PASSIVE"}},
    }
    if address == LOCAL:
        more |= {"num_cpus": workers * threads, "include_dashboard": False}
    else:
        _check_address(address)
    _start(ray, address, more)
    try:
        yield ray
    finally:
        ray.shutdown()


def _start(ray: Any, address: str, more: Mapping[str, Any]) -> None:
    """Start or join a Ray; raises `TrainError`."""
    reason = ""
    for _ in range(_STARTS):
        try:
            ray.init(address, **more)  # local: a new one, whatever runs already
        except ConnectionError as error:  # its head listens, and is not ready yet
            reason = str(error)
            time.sleep(_PAUSE)
        except Exception as error:  # Ray has no class for a start that takes too long
            if "timed out during startup" not in str(error):
                raise
            reason = "this machine has too much other work"
            ray.shutdown()
        else:
            return
    raise TrainError(
        f"no Ray answers at {address} after {_STARTS} tries of 30 seconds: {reason}; "
        "if its cluster asks for a token, set RAY_AUTH_MODE=token"
    )


def _check_address(address: str) -> None:
    """Raise `TrainError` if nothing listens there: Ray itself would try for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, ValueError) as error:
        raise TrainError(
            f"no Ray answers at {address}: {error}; expected HOST:PORT of its head, or "
            "ray://HOST:10001 of its client server"
        ) from None


def _run(task: dict[str, Any], workers: int, threads: int) -> None:
    """Run Ray Train; in a process of its own, so that epochs arrive meanwhile."""
    import tempfile

    from ray.train import RunConfig, ScalingConfig
    from ray.train.lightgbm import LightGBMTrainer

    with tempfile.TemporaryDirectory() as folder:
        LightGBMTrainer(
            _work,
            train_loop_config=task,
            scaling_config=ScalingConfig(
                num_workers=workers, resources_per_worker={"CPU": threads}
            ),
            run_config=RunConfig(storage_path=folder, name="trees"),
        ).fit()


def _work(task: dict[str, Any]) -> None:
    """Train on one worker's share."""
    from ray.train import get_context
    from ray.train.lightgbm import get_network_params

    rank = get_context().get_world_rank()
    share = task["shares"][rank]
    chosen = {
        **task["chosen"], "tree_learner": "data", "pre_partition": True,
        **get_network_params(),
    }  # fmt: skip
    train = share.train.dataset(chosen)
    beside = {
        "train": share.curve.dataset(chosen, train),
        "validation": share.validation.dataset(chosen, train),
    }
    queue = task["queue"] if rank == 0 else None

    def report(epoch: Epoch) -> None:
        if queue is not None:
            queue.put(epoch)

    fitted = trees.boost(chosen, train, beside, task["rounds"], report)
    if queue is not None:
        queue.put((fitted.booster.model_to_string(), fitted.curve, fitted.best))


@dataclass(frozen=True, slots=True)
class _Share:
    """The rows of one worker."""

    train: Any
    curve: Any
    validation: Any


@dataclass(frozen=True, slots=True)
class _DiskRows:
    """Rows of a part on this machine's disk."""

    part: Part
    start: int
    stop: int

    def dataset(self, chosen: Mapping[str, Any], reference: Any = None) -> Any:
        """Return the rows for LightGBM."""
        rows = Rows(self.part, self.start, self.stop)
        targets = self.part.targets()[self.start : self.stop]
        return trees.dataset(rows, targets, chosen, reference)


def _on_disk(data: Data, workers: int) -> list[_Share]:
    bounds = np.linspace(0, len(data.train), workers + 1).astype(int)
    held = _DiskRows(data.validation, 0, min(_HELD, len(data.validation)))
    curve = _DiskRows(data.train, 0, min(_CURVE, len(data.train)))
    return [
        _Share(_DiskRows(data.train, int(start), int(stop)), curve, held)
        for start, stop in pairwise(bounds)
    ]


@dataclass(frozen=True, slots=True)
class _StoreRows:
    """Rows as chunks in Ray's object store, with their targets."""

    chunks: tuple[Any, ...]
    sizes: tuple[int, ...]
    targets: Any

    def dataset(self, chosen: Mapping[str, Any], reference: Any = None) -> Any:
        """Return the rows for LightGBM."""
        import ray

        rows = [_Chunk(*item) for item in zip(self.chunks, self.sizes, strict=True)]
        targets = np.array(ray.get(self.targets))
        return trees.dataset(rows, targets, chosen, reference)


class _Chunk(lightgbm.Sequence):
    """One chunk; it is fetched when it is read, and dropped by Ray when memory ends."""

    batch_size = CHUNK

    def __init__(self, reference: Any, size: int) -> None:
        self._reference, self._size = reference, size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, index: Any) -> Array:
        import ray

        rows: Array = ray.get(self._reference)[index]
        return rows if isinstance(index, slice) else rows.astype(np.float64)


def _in_store(ray: Any, data: Data, workers: int) -> list[_Share]:
    def stored(part: Part, start: int, stop: int) -> _StoreRows:
        edges = [*range(start, stop, CHUNK), stop]
        pairs = list(pairwise(edges))
        return _StoreRows(
            tuple(ray.put(part.rows(first, last)) for first, last in pairs),
            tuple(last - first for first, last in pairs),
            ray.put(part.targets()[start:stop]),
        )

    bounds = np.linspace(0, len(data.train), workers + 1).astype(int)
    held = stored(data.validation, 0, min(_HELD, len(data.validation)))
    curve = stored(data.train, 0, min(_CURVE, len(data.train)))
    return [
        _Share(stored(data.train, int(start), int(stop)), curve, held)
        for start, stop in pairwise(bounds)
    ]

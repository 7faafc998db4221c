"""Trees of a streamed table by two workers: as good as those of one process."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from hotseat_train.errors import TrainError
from hotseat_train.models.tables.streamed.ray_workers import RayWorkers
from hotseat_train.models.tables.streamed.spool import Part
from hotseat_train.models.tables.streamed.trees import Data
from hotseat_train.models.tables.streamed.workers import Here

SETTINGS = {"n_estimators": 40}


def _data(folder, rows):
    """Write encoded rows: ten numbers, and a label of two of them and their product."""
    random, parts = np.random.default_rng(0), []
    for name, size in (("train", rows), ("validation", rows // 10), ("test", 40_000)):
        part = Part(folder / name, 10)
        x = random.normal(size=(size, 10)).astype(np.float32)
        score = x[:, 0] + x[:, 1] + x[:, 2] * x[:, 3]
        y = score + 2 * random.logistic(size=size) > 0
        with part.writer() as writer:
            writer.add(x, y)
        parts.append(part)
    return Data(*parts)


def _area(fitted, data):
    x, y = data.test.rows(0, len(data.test)), data.test.targets()
    return roc_auc_score(y, fitted.booster.predict(x))


@pytest.mark.slow
def test_two_workers_are_as_good_as_one_process(tmp_path):
    """On 200,000 rows, of which each worker has bins of its half alone."""
    pytest.importorskip("ray.train")
    data, epochs = _data(tmp_path, 200_000), []
    one = Here(1).fit(data, 2, 0, SETTINGS)
    two = RayWorkers(2).fit(data, 2, 0, SETTINGS, report=epochs.append)
    assert [epoch.number for epoch in epochs] == [10, 20, 30, 40]
    assert two.booster.num_trees() == two.best.number
    assert abs(_area(one, data) - _area(two, data)) < 0.002


@contextmanager
def _head():
    """A Ray of its own on a free port; only its own processes are ended."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block",
         "--port", str(port), "--num-cpus", "3", "--include-dashboard", "false",
         "--disable-usage-stats"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        # a Ray that this process started before may have given it a token
        env={"RAY_AUTH_MODE": "disabled", **os.environ},
    )  # fmt: skip
    try:
        for _ in range(100):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.5)
        yield f"127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.mark.slow
def test_a_cluster_has_an_address(tmp_path):
    """The rows come through its object store: no disk is shared."""
    pytest.importorskip("ray.train")
    data, settings = _data(tmp_path, 20_000), {"n_estimators": 10}
    one = Here(1).fit(data, 2, 0, settings)
    with _head() as address:
        two = RayWorkers(2, address).fit(data, 2, 0, settings)
    assert _area(two, data) > 0.65
    assert abs(_area(one, data) - _area(two, data)) < 0.02


def test_an_address_where_nothing_answers_is_named(tmp_path):
    """Within seconds."""
    pytest.importorskip("ray.train")
    with pytest.raises(TrainError, match=r"no Ray answers at 127\.0\.0\.1:9"):
        RayWorkers(2, "127.0.0.1:9").fit(_data(tmp_path, 100), 2, 0, SETTINGS)

"""A server and two clients as processes of Flower's, over loopback."""

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("flwr", reason="make test-federated has Flower's environment")

from hotseat_train.testing import chat

BIN = Path(sys.executable).parent
_SECONDS = 420
"""Each round starts processes that import torch: minutes on a busy machine."""


def free():
    """A free port of loopback."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def started(tmp_path):
    """Starts processes, each a session of its own, and ends them after the test."""
    environment = {
        **os.environ,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "FLWR_HOME": str(tmp_path / "flower"),
        "FLWR_TELEMETRY_ENABLED": "0",
    }
    running = []

    def start(*words):
        with (tmp_path / f"{len(running)}.log").open("wb") as log:
            process = subprocess.Popen(
                words,
                env=environment,
                cwd=tmp_path,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        running.append(process)
        return process

    yield start
    for process in reversed(running):
        try:
            os.killpg(process.pid, signal.SIGTERM)
        except ProcessLookupError:
            continue
        process.wait(30)


@pytest.mark.slow
def test_a_server_and_two_clients_train_over_loopback(tmp_path, started):
    """Each process reads its own table; the server's run has both rounds."""
    for seed, name in enumerate(("server", "a", "b")):
        with (tmp_path / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ["text", "label"])
            writer.writeheader()
            writer.writerows(chat(300, seed))
    port = free()
    (tmp_path / "flower").mkdir()
    (tmp_path / "flower/config.toml").write_text(
        f'[superlink.loop]\naddress = "127.0.0.1:{port}"\ninsecure = true\n'
    )
    wrote = started(
        sys.executable, "-m", "hotseat._cli", "federate", "--data", "server.csv",
        "--target", "label", "--text", "text", "--clients", "2", "--rounds", "2",
        "--app", "app", "--run", "run",
    )  # fmt: skip
    assert wrote.wait(_SECONDS) == 0, (tmp_path / "0.log").read_text()
    started("flower-superlink", "--insecure", "--port", str(port),
            "--disable-runtime-dependency-installation")  # fmt: skip
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.2)
    for name in ("a", "b"):
        data = json.dumps(str(tmp_path / f"{name}.csv"))
        started("flower-supernode", "--insecure", "--superlink", f"127.0.0.1:{port}",
                "--port", str(free()), "--node-config", f"data={data}")  # fmt: skip
    started("flwr", "run", "app", "loop", "--stream")
    record = tmp_path / "run/run.json"
    while time.monotonic() < until and not record.exists():
        time.sleep(0.5)
    logs = "".join(p.read_text(errors="replace") for p in tmp_path.glob("*.log"))
    assert record.exists(), logs[-4000:]
    run = json.loads(record.read_text("utf-8"))
    assert run["federated"]["clients"] == 2
    assert [epoch["number"] for epoch in run["curve"]] == [1, 2]
    assert run["best"]["validation_accuracy"] > 0.7

"""`hotseat serve` as a process, and games that load it."""

import http.client
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hotseat_registry import Reference, open_registry

BODY = b'{"text": "good"}'


@pytest.fixture
def folder_registry(tmp_path, publish):
    """Two versions of mood in a folder, the first of them live."""
    registry = open_registry(f"file://{tmp_path}/registry")
    publish(registry), publish(registry, positive=0.8)
    registry.promote(Reference("mood", version=1), by="ada")
    return registry


@pytest.fixture
def serve(folder_registry):
    """Start the command; returns the process and the address that it printed."""
    processes = []

    def start(*arguments, env=None):
        process = subprocess.Popen(
            [Path(sys.executable).with_name("hotseat"), "serve",
             "--registry", folder_registry.store.uri, *map(str, arguments)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env,
        )  # fmt: skip
        processes.append(process)
        line = process.stdout.readline()
        return process, line.partition("://")[2].partition("://")[2].split()[0:1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def children():
    """Returns the process ids of a process's children (Linux)."""

    def of(pid):
        path = Path(f"/proc/{pid}/task/{pid}/children")
        return [int(word) for word in path.read_text().split()]

    return of


@pytest.fixture
def until():
    """Wait until something is true."""

    def wait(true, seconds=30):
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end
            time.sleep(0.02)

    return wait


@pytest.fixture
def post():
    """Send one request; returns status and JSON."""

    def send(connection, body=BODY, path="/model-service"):
        try:
            connection.request("POST", path, body)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    return send


@pytest.fixture
def load(post):
    """Games that ask without a pause, each request on a connection of its own."""
    done, outcomes, threads = threading.Event(), [], []

    def begin(address, games=4):
        def game():
            while not done.is_set():
                connection = http.client.HTTPConnection(address, timeout=10)
                try:
                    outcomes.append(post(connection))
                except (OSError, http.client.HTTPException) as error:
                    outcomes.append((0, repr(error)))

        threads.extend(threading.Thread(target=game) for _ in range(games))
        for thread in threads:
            thread.start()
        return outcomes

    def end():
        done.set()
        for thread in threads:
            thread.join()

    begin.end = end
    yield begin
    end()

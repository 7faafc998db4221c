"""The image of `hotseat serve` and its compose file, built and run by podman."""

import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from emulator import CONTAINERS

from hotseat_registry import Reference, open_registry

ROOT = Path(__file__).parents[2]
NAME = "hotseat-serve-test"
HOST = f"""
services:
  hotseat:
    image: localhost/{NAME}
    network_mode: host
    ports: !reset []
"""
"""Beside compose.yaml: a sandbox has no network for containers, and the built image."""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("podman") is None and "CI" not in os.environ,
        reason="podman is not installed: apt-get install podman buildah runc "
        "debootstrap",
    ),
]


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """The image, of wheels built from this checkout."""
    context = tmp_path_factory.mktemp("context")
    for project in (ROOT / "sdk/python", ROOT):
        subprocess.run(
            [sys.executable, "-m", "build", "--wheel", "--outdir", context / "dist",
             project],
            check=True, capture_output=True,
        )  # fmt: skip
    done = subprocess.run(
        [ROOT / "infra/own_machine/image.sh"],
        env={**os.environ, "BASE": "debian", "NAME": NAME, "WHEELS": str(context)},
        capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return NAME


@pytest.fixture
def compose(tmp_path, publish):
    """Run podman-compose with the registry of this test; what is up is taken down."""
    registry = open_registry(f"file://{tmp_path}/registry")
    publish(registry), publish(registry, positive=0.8)
    registry.promote(Reference("mood", version=1), by="ada")
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)  # pytest's own folders are its user's alone
    settings, host = tmp_path / "containers.conf", tmp_path / "host.yaml"
    settings.write_text(CONTAINERS)
    host.write_text(HOST)
    command = [
        sys.executable, "-m", "podman_compose", "-p", "hotseat-test",
        "-f", ROOT / "infra/own_machine/compose.yaml", "-f", host,
    ]  # fmt: skip
    env = {
        **os.environ,
        "CONTAINERS_CONF": str(settings),
        "HOTSEAT_FOLDER": str(tmp_path / "registry"),
    }

    def run(*words):
        return subprocess.run(
            [*command, *words], env=env, capture_output=True, text=True, check=False,
            timeout=120,
        )  # fmt: skip

    yield run, registry
    run("down", "-v")


def get(port, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET" if body is None else "POST", path, body)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def wait_for(true, seconds=60):
    end = time.monotonic() + seconds
    while True:
        try:
            if true():
                return
        except OSError:
            pass
        assert time.monotonic() < end
        time.sleep(0.2)


@pytest.mark.usefixtures("image")
def test_the_compose_file_serves_counts_and_follows_a_promotion(compose):
    """Read-only, without rights, two workers; metrics and health on their port."""
    run, registry = compose
    started = run("up", "-d", "--no-build")
    assert started.returncode == 0, started.stderr
    wait_for(lambda: get(9090, "/v2/health/ready")[0] == 200)

    def answer():
        status, body = get(8080, "/model-service", b'{"text": "good"}')
        assert status == 200
        return json.loads(body)

    assert answer()["version"] == 1
    registry.promote(Reference("mood", version=2), by="ada")
    wait_for(lambda: [answer()["version"] for _ in range(4)] == [2] * 4)
    metrics = get(9090, "/metrics")[1]
    assert "hotseat_workers_ready 2.0" in metrics
    assert 'hotseat_rows_total{model="mood",version="2"}' in metrics
    begun = time.monotonic()
    assert run("down", "-v").returncode == 0
    assert time.monotonic() - begun < 30  # SIGTERM, not the kill after the grace time

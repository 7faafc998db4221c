"""`hotseat serve` as a process: workers, Unix sockets, TLS."""

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hotseat_registry import Reference, open_registry

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="workers need POSIX")
BODY = b'{"text": "good"}'


@pytest.fixture
def registry(tmp_path, publish):
    made = open_registry(f"file://{tmp_path}/registry")
    publish(made), publish(made, positive=0.8)
    made.promote(Reference("mood", version=1), by="ada")
    return made


@pytest.fixture
def serve(registry):
    """Start the command; returns the process and the address that it printed."""
    processes = []

    def start(*arguments):
        process = subprocess.Popen(
            [Path(sys.executable).with_name("hotseat"), "serve",
             "--registry", registry.store.uri, *map(str, arguments)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        processes.append(process)
        line = process.stdout.readline()
        return process, line.partition("://")[2].partition("://")[2].split()[0:1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def children(pid):
    """The process ids of its children (Linux)."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in path.read_text().split()]


def post(connection):
    try:
        connection.request("POST", "/model-service", BODY)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def until(true, seconds=20):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def load():
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


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_two_workers_reload_and_promote_without_a_failed_request(serve, load, registry):
    """SIGHUP replaces both, a promote reaches both, a killed one has a successor."""
    process, (address,) = serve("--port", 0, "--workers", 2, "--refresh", 0.2)
    until(lambda: len(children(process.pid)) == 2)
    outcomes = load(address)
    until(lambda: len(outcomes) > 50)
    before = children(process.pid)
    process.send_signal(signal.SIGHUP)
    until(lambda: len(children(process.pid)) == 2
          and not set(before) & set(children(process.pid)))  # fmt: skip
    registry.promote(Reference("mood", version=2), by="ada")
    time.sleep(1.5)
    recent = len(outcomes)
    until(lambda: len(outcomes) > recent + 50)
    load.end()
    assert {status for status, _ in outcomes} == {200}, outcomes[:3]
    assert {body["version"] for _, body in outcomes[recent + 4 :]} == {2}
    killed = children(process.pid)[0]
    os.kill(killed, signal.SIGKILL)
    until(lambda: len(children(process.pid)) == 2
          and killed not in children(process.pid))  # fmt: skip
    assert post(http.client.HTTPConnection(address, timeout=10))[0] == 200


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_their_parent(serve, number):
    """However it ends; a signal to stop ends with status 0."""
    process, _ = serve("--port", 0, "--workers", 2, "--grace", 1)
    until(lambda: len(children(process.pid)) == 2)
    workers = children(process.pid)
    process.send_signal(number)
    status = process.wait(10)
    assert status == (-signal.SIGKILL if number == signal.SIGKILL else 0)
    until(lambda: not any(Path(f"/proc/{pid}/cwd").exists() for pid in workers))


class UnixConnection(http.client.HTTPConnection):
    """A connection to a Unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self.path))


def test_a_unix_socket_serves_and_is_removed(serve, tmp_path):
    """A file left by a killed server is replaced, one that is in use is not."""
    path = tmp_path / "s"
    process, _ = serve("--unix", path)
    assert post(UnixConnection(path))[0] == 200
    assert path.stat().st_mode & 0o777 == 0o660
    second, _ = serve("--unix", path)
    assert second.wait(20) == 1
    process.kill()
    process.wait()
    third, _ = serve("--unix", path)
    assert post(UnixConnection(path))[0] == 200
    third.terminate()
    third.wait(10)
    assert not path.exists()
    path.write_text("mine")
    assert serve("--unix", path)[0].wait(20) == 1
    assert path.read_text() == "mine"


@pytest.fixture
def certificate(tmp_path):
    """A certificate for localhost and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    paths = tmp_path / "chain.pem", tmp_path / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


def test_https_serves_and_a_bad_key_is_refused(serve, certificate, tmp_path):
    chain, key = certificate
    _, (address,) = serve("--port", 0, "--certificate", chain, "--key", key)
    trusting = ssl.create_default_context(cafile=chain)
    port = int(address.rpartition(":")[2])
    connection = http.client.HTTPSConnection(
        "localhost", port, timeout=10, context=trusting
    )
    assert post(connection)[0] == 200
    other = tmp_path / "other.pem"
    other.write_text("no key")
    for arguments in (("--certificate", chain, "--key", other), ("--key", key)):
        refused, _ = serve("--port", 0, *arguments)
        assert refused.wait(20) == 1

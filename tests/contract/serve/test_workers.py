"""`hotseat serve` as a process: workers, Unix sockets, TLS."""

import http.client
import os
import signal
import socket
import ssl
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hotseat_registry import Reference

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="workers need POSIX")


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_two_workers_reload_and_promote_without_a_failed_request(
    serve, load, post, until, children, folder_registry
):
    """SIGHUP replaces both, a promote reaches both, a killed one has a successor."""
    process, (address,) = serve("--port", 0, "--workers", 2, "--refresh", 0.2)
    until(lambda: len(children(process.pid)) == 2)
    outcomes = load(address)
    until(lambda: len(outcomes) > 50)
    before = children(process.pid)
    process.send_signal(signal.SIGHUP)
    until(lambda: len(children(process.pid)) == 2
          and not set(before) & set(children(process.pid)))  # fmt: skip
    folder_registry.promote(Reference("mood", version=2), by="ada")
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
def test_workers_end_with_their_parent(serve, until, children, number):
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


def test_a_unix_socket_serves_and_is_removed(serve, post, tmp_path):
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


def test_https_serves_and_a_bad_key_is_refused(serve, post, certificate, tmp_path):
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

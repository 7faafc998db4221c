"""A network that fails on cue: a proxy on loopback before a service that echoes.

It runs in a process of its own, so that it takes nothing of the caller's frames::

    with FaultProxy() as proxy:
        proxy.fault("trickle")
        ModelServiceClient(proxy.url).predict("gg", default="ok")

What it can do to a connection stands in `FAULTS`.
"""

import contextlib
import datetime as dt
import json
import os
import re
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
BUSY = (b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n"
        b"content-length: 19\r\n\r\n" + b'{"retryable": true}')  # fmt: skip
STEP = 0.01  # seconds between two bytes of a trickle

FAULTS = {
    "none": "the answer comes",
    "latency": "every answer comes a second late",
    "reset": "the connection is reset when the request has come",
    "half": "half the answer comes, then the end",
    "half, silent": "half the answer comes, then nothing",
    "trickle": "the answer comes a byte every 10 ms",
    "busy": "503 with Retry-After: 1",
    "garbage": "random bytes come",
    "silent": "requests are taken and nothing comes (all packets lost)",
    "cut": "connections are reset, new ones as well",
}
PLACES = {
    "tls, none": "a handshake meets plain HTTP",
    "tls, silent": "a handshake meets nothing",
    "tls, stranger": "the certificate is nobody's",
    "unreachable": "a connection is never made (all packets lost)",
    "nobody": "a connection is refused",
}


def read_request(connection):
    """Return one whole request, or nothing at its end."""
    got = b""
    while more := connection.recv(65536):
        got += more
        head, ended, body = got.partition(b"\r\n\r\n")
        found = LENGTH.search(head)
        if ended and len(body) >= (int(found[1]) if found else 0):
            return head, body
    return None


def echo(body):
    """Return the answer of a service that gives each input back as its label."""
    asked = json.loads(body or b"{}")
    if "inputs" in asked:
        answer = {"predictions": [{"label": str(given)} for given in asked["inputs"]]}
    else:
        answer = {"label": str(asked.get("text", asked.get("input")))}
    data = json.dumps({**answer, "model": "echo", "version": 1}).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n" + (
        b"content-length: %d\r\n\r\n" % len(data)
    ) + data  # fmt: skip


def abort(connection):
    """Reset a connection."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Proxy:
    """The failing side; `fault` is the name of what happens now."""

    def __init__(self):
        self.fault = "none"
        self.open = set()

    def serve(self, listener):
        """Take connections until the listener is closed."""
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                if self.fault == "cut":
                    abort(connection)
                    continue
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.open.add(connection)
                threading.Thread(
                    target=self.talk, args=(connection,), daemon=True
                ).start()

    def talk(self, connection):
        """Answer the requests of a connection, or fail to."""
        with contextlib.suppress(OSError, ValueError):
            while request := read_request(connection):
                if not self.answer(connection, echo(request[1])):
                    break
        self.open.discard(connection)
        connection.close()

    def answer(self, connection, whole):
        """Answer one request as the fault says; whether the connection goes on."""
        fault, half = self.fault, whole[: len(whole) // 2]
        if fault == "latency":
            time.sleep(1)
        elif fault in {"silent", "half, silent"}:
            connection.sendall(half if fault == "half, silent" else b"")
            while self.fault == fault:
                time.sleep(0.01)
            return False
        elif fault == "trickle":
            for byte in whole:
                connection.sendall(bytes([byte]))
                time.sleep(STEP)
            return True
        elif fault in {"reset", "cut"}:
            abort(connection)
            return False
        elif fault == "half":
            connection.sendall(half)
            return False
        elif fault == "garbage":
            connection.sendall(os.urandom(300))
            return False
        connection.sendall(BUSY if fault == "busy" else whole)
        return True

    def change(self, fault):
        """Let something else happen from now on."""
        self.fault = fault
        if fault == "cut":
            for connection in list(self.open):
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


def certificate(folder):
    """Write a certificate for localhost that nobody vouches for."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    day = dt.timedelta(days=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = Path(folder, "certificate.pem")
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret = Path(folder, "key.pem")
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path, secret


def main():
    """Serve until the standard input ends; each line of it is a fault."""
    proxy, folder = Proxy(), sys.argv[1]
    path, secret = certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, secret)
    plain = socket.create_server(("127.0.0.1", 0), backlog=1000)
    wrapped = socket.create_server(("127.0.0.1", 0), backlog=100)
    silent = socket.create_server(("127.0.0.1", 0), backlog=100)
    full = socket.create_server(("127.0.0.1", 0), backlog=0)
    ports = [s.getsockname()[1] for s in (plain, wrapped, silent, full)]
    # who is not accepted fills the queue: the next one's packets are dropped
    waiting = []
    for _ in range(3):
        waiting.append(socket.socket())
        waiting[-1].setblocking(False)
        waiting[-1].connect_ex(("127.0.0.1", ports[3]))
    threading.Thread(target=proxy.serve, args=(plain,), daemon=True).start()

    def secure():
        while True:
            connection, _ = wrapped.accept()

            def talk(connection=connection):
                with contextlib.suppress(OSError):
                    proxy.talk(context.wrap_socket(connection, server_side=True))

            threading.Thread(target=talk, daemon=True).start()

    threading.Thread(target=secure, daemon=True).start()
    print(json.dumps(ports), flush=True)
    for line in sys.stdin:
        proxy.change(line.strip())
        print("done", flush=True)


class FaultProxy:
    """The proxy's process, as whoever uses it sees it."""

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory()
        self.certificate = Path(self._folder.name, "certificate.pem")
        self._process = subprocess.Popen(
            [sys.executable, __file__, self._folder.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        ports = json.loads(self._process.stdout.readline())
        self.port, self._tls, self._silent, self._full = ports
        self.url = f"http://127.0.0.1:{self.port}"
        self.secure_url = f"https://localhost:{self._tls}"
        return self

    def __exit__(self, *_error):
        self._process.stdin.close()
        self._process.terminate()
        self._process.wait(10)
        self._process.stdout.close()
        self._folder.cleanup()

    def fault(self, name):
        """Let this happen to requests from now on."""
        assert name in FAULTS, name
        self._process.stdin.write(f"{name}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"

    def place(self, name):
        """Return the URL of a place where a connection cannot be made."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            nobody = free.getsockname()[1]
        return {
            "tls, none": f"https://127.0.0.1:{self.port}",
            "tls, silent": f"https://127.0.0.1:{self._silent}",
            "tls, stranger": self.secure_url,
            "unreachable": f"http://127.0.0.1:{self._full}",
            "nobody": f"http://127.0.0.1:{nobody}",
        }[name]


if __name__ == "__main__":
    main()

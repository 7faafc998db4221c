"""A stand-in of the Lambda Runtime API on loopback, as strict as its documentation.

docs.aws.amazon.com/lambda, "Using the Lambda runtime API" and "Building a custom
runtime": a runtime takes the next event and posts its answer. Calls out of order and
answers to other invocations are refused with 403, an answer over Lambda's limit with
413, a streamed answer without its headers with 400. For tests and benchmarks.
"""

import base64
import contextlib
import json
import queue
import socket
import threading
import time
from dataclasses import dataclass, field

LIMIT = 6_291_556
"""Bytes of an answer that is not streamed."""
_CHUNKED = 2048
"""Bytes from which an event is sent in chunks, as Go's server does."""
PREFIX = "/2018-06-01/runtime"
ACCEPTED = b'{"status":"OK"}\n'


@dataclass
class Outcome:
    """What a runtime posted: kind is response, error, init/error or restore/error."""

    kind: str
    headers: dict
    body: bytes = b""
    chunks: list = field(default_factory=list)
    """The pieces of a streamed answer, with their times of arrival."""
    trailers: dict = field(default_factory=dict)
    request_id: str = ""

    @property
    def streamed(self):
        """Status, headers and the joined body of a streamed answer."""
        prelude, _, body = self.body.partition(bytes(8))
        return json.loads(prelude), body

    @property
    def stream_error(self):
        """The document in the trailers; None without one."""
        text = self.trailers.get("lambda-runtime-function-error-body")
        return json.loads(base64.b64decode(text)) if text else None


class RuntimeApi:
    """Sends events to a runtime client and receives its answers."""

    def __init__(self, deadline_s=60.0, limit=LIMIT):
        self.deadline_s, self.limit = deadline_s, limit
        self.events, self.outcomes = queue.Queue(), queue.Queue()
        self.calls = []
        """Every call, in order: method and path."""
        self.refused = []
        """Status and path of every refused call."""
        self.open, self.connections, self.count = {}, 0, 0
        self.restored = threading.Event()
        self.is_restoring = threading.Event()
        self.disconnect_before_next = False
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.clients = []
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def invoke(self, event, headers=None):
        """Send an event and return the outcome."""
        self.count += 1
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        self.events.put((f"aws-{self.count}", body, headers or {}))
        return self.outcomes.get(timeout=30)

    def ask(self, event):
        """Send an event and return what the function answered."""
        outcome = self.invoke(event)
        assert outcome.kind == "response", outcome
        return json.loads(outcome.body)

    def close(self):
        """Close the listener and all connections."""
        for client in (self.listener, *self.clients):
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            client.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            self.clients.append(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError, ValueError), client.makefile("rb") as stream:
            while line := stream.readline():
                method, path, version = line.decode("ascii").split()
                assert version == "HTTP/1.1"
                headers = _headers(stream)
                assert "host" in headers  # HTTP/1.1 requires it
                self.calls.append((method, path))
                if method == "GET":
                    self._get(client, path)
                else:
                    self._post(client, stream, path, headers)
        client.close()

    def _get(self, client, path):
        if path == f"{PREFIX}/restore/next":
            self.is_restoring.set()
            self.restored.wait()
            _reply(client, 200, b"")
            return
        if path != f"{PREFIX}/invocation/next":
            self._refuse(client, 404, path)
            return
        if self.disconnect_before_next:
            self.disconnect_before_next = False
            client.shutdown(socket.SHUT_RDWR)
            return
        number, body, more = self.events.get()
        self.open[number] = time.time() + self.deadline_s
        _reply(
            client,
            200,
            body,
            {
                "Lambda-Runtime-Aws-Request-Id": number,
                "Lambda-Runtime-Deadline-Ms": str(int(self.open[number] * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:::f",
                "Content-Type": "application/json",
                **more,
            },
            chunked=len(body) > _CHUNKED,
        )

    def _post(self, client, stream, path, headers):
        kind = path.removeprefix(PREFIX).strip("/")
        number = ""
        if kind.startswith("invocation/"):
            _, number, kind = kind.split("/")
        is_streamed = headers.get("transfer-encoding") == "chunked"
        outcome = Outcome(kind, headers, request_id=number)
        known = {"response", "error", "init/error", "restore/error"}
        late = number and self.open.get(number, 0) < time.time()
        if is_streamed:
            mode = headers.get("lambda-runtime-function-response-mode")
            declared = headers.get("trailer", "").lower()
            chunks, outcome.trailers = _chunks(stream)
            outcome.chunks = chunks
            outcome.body = b"".join(chunk for _, chunk in chunks)
            bad = mode != "streaming" or any(
                name not in declared for name in outcome.trailers
            )
        else:
            outcome.body = stream.read(int(headers["content-length"]))
            bad = False
        if kind not in known:
            self._refuse(client, 404, path)
        elif late:
            self._refuse(client, 403, path)
        elif bad or (
            # documented for all errors; AWS's own client omits it from "error"
            kind.startswith(("init", "restore"))
            and "lambda-runtime-function-error-type" not in headers
        ):
            self._refuse(client, 400, path)
        elif (
            kind == "response" and not is_streamed and (len(outcome.body) > self.limit)
        ):
            self._refuse(client, 413, path)
        else:
            self.open.pop(number, None)
            _reply(client, 202, ACCEPTED)
            self.outcomes.put(outcome)

    def _refuse(self, client, status, path):
        self.refused.append((status, path))
        error = {"errorMessage": "refused", "errorType": f"Refused{status}"}
        _reply(client, status, json.dumps(error).encode())


def _headers(stream):
    headers = {}
    while line := stream.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return headers


def _chunks(stream):
    chunks = []
    while size := int(stream.readline(), 16):
        chunks.append((time.monotonic(), stream.read(size)))
        assert stream.readline() == b"\r\n"
    return chunks, _headers(stream)


def _reply(client, status, body, headers=None, *, chunked=False):
    lines = [f"HTTP/1.1 {status} -"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if chunked:
        lines.append("Transfer-Encoding: chunked")
        half = len(body) // 2
        body = b"".join(
            b"%x\r\n%b\r\n" % (len(part), part)
            for part in (body[:half], body[half:], b"")
        )
    else:
        lines.append(f"Content-Length: {len(body)}")
    client.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

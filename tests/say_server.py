"""A stand-in for a service that writes text: plays the vectors of sdk/spec/say.json.

``http://HOST:PORT/MODE/NUMBER`` is the base URL of a vector, where MODE says how its
events are cut: `whole` in one piece, `bytes` byte by byte, `slow` event by event with
pauses. A vector with ``first`` plays that to the prompt ``First.``, which its client
sends before. A request that is not the vector's gets a 400 with the difference. The
base URL ``/endless`` writes until its client is gone; ``GET /closed`` counts those.

Alone, ``python tests/say_server.py`` prints its URL and serves until stdin ends.
"""

import contextlib
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

VECTORS = Path(__file__).parents[1] / "sdk/spec/say.json"
MODES = ("whole", "bytes", "slow")
FIRST = "First."
"""The prompt of the call before a vector's own, where it has a ``first``."""
PAUSE = 0.01
BREAK = 0.05
"""Chromium drops what a page has not read yet when a stream breaks."""
ENDLESS = b'event: token\ndata: {"text": "la "}\n\n'


class SayHandler(BaseHTTPRequestHandler):
    """Answers as a vector says."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    rows: tuple = ()
    closed: list
    connections: set

    def do_GET(self):
        """Count the streams that their clients ended, and all connections of POSTs."""
        counts = {"closed": len(self.closed), "connections": len(self.connections)}
        self._whole(200, counts)

    def do_POST(self):
        """Play the vector that the path names."""
        self.connections.add(self.client_address)
        length = int(self.headers.get("content-length", 0))
        body = json.loads(self.rfile.read(length))
        _, mode, rest = self.path.split("/", 2)
        if mode == "endless":
            self._endless()
            return
        number, _, path = rest.partition("/")
        row = self.rows[int(number)]
        sent = {"path": f"/{path}", "body": body, "accept": self.headers["accept"]}
        wanted = {key: row[key] for key in ("path", "body")}
        events, status = row["events"], row["status"]
        if "first" in row and body["input"] == {"prompt": FIRST}:
            wanted["body"] = {**row["body"], "input": {"prompt": FIRST}}
            events, status = row["first"], 200
        if sent != {**wanted, "accept": "text/event-stream"}:
            self._whole(400, {"detail": f"{sent} is not {wanted}", "code": "differs"})
        elif status != 200:
            self._whole(status, json.loads(events))
        else:
            breaks = row.get("breaks", False) and events == row["events"]
            self._events(mode, events.encode(), breaks=breaks)

    def _events(self, mode, events, *, breaks):
        self._begin()
        if mode == "whole":
            pieces = [events] if events else []
        elif mode == "bytes":
            pieces = [events[at : at + 1] for at in range(len(events))]
        else:
            pieces = [part + b"\n\n" for part in events.split(b"\n\n") if part]
        with contextlib.suppress(OSError):  # the client has what it wants
            for piece in pieces:
                self._chunk(piece)
                if mode == "slow":
                    time.sleep(PAUSE)
            if breaks:
                time.sleep(BREAK)
                self.close_connection = True
            else:
                self._chunk(b"")

    def _endless(self):
        self._begin()
        try:
            while True:
                self._chunk(ENDLESS)
                time.sleep(PAUSE)
        except OSError:
            self.closed.append(self.path)
            self.close_connection = True

    def _begin(self):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self._cors()
        self.end_headers()

    def _chunk(self, piece):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))

    def _whole(self, status, answer):
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self._cors()
        self.end_headers()
        self.wfile.write(body)

    def do_OPTIONS(self):
        """Allow any page."""
        self._whole(200, {})

    def _cors(self):
        for name in ("origin", "headers", "methods"):
            self.send_header(f"access-control-allow-{name}", "*")

    def log_message(self, *_words):
        """Write no log."""


@contextlib.contextmanager
def say_server():
    """Serve the vectors; yields the URL and the list of streams that clients ended."""
    rows = tuple(json.loads(VECTORS.read_text("utf-8")))
    closed = []
    state = {"rows": rows, "closed": closed, "connections": set()}
    handler = type("Handler", (SayHandler,), state)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", closed
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    with say_server() as (url, _):
        print(url, flush=True)  # noqa: T201 (for the test that started it)
        sys.stdin.read()

"""Files are fetched whole or not at all, held against their digest, and kept."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from hotseat_train.data.download import Source
from hotseat_train.errors import DatasetError

DATA = bytes(range(256)) * 1000
DIGEST = hashlib.sha256(DATA).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves DATA; the first `broken` answers end half way."""

    broken = 0
    ranges = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str | None] = []


class Handler(BaseHTTPRequestHandler):
    """One request."""

    def do_GET(self) -> None:
        wanted = self.headers["Range"]
        self.server.asked.append(wanted)
        start = 0
        if wanted and self.server.ranges:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if start > len(DATA):
            self.send_error(416)
            return
        rest = DATA[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        broken = self.server.broken > 0
        self.server.broken -= 1
        self.wfile.write(rest[: len(rest) // 2] if broken else rest)

    def log_message(self, *_said: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    """A server on the loopback; no local copies."""
    monkeypatch.delenv("HOTSEAT_DATA", raising=False)
    with Server() as made:
        threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
        yield made
        made.shutdown()


def source(server, digest=DIGEST):
    """The file on that server."""
    return Source("set/x.bin", f"http://127.0.0.1:{server.server_port}/x", digest)


def test_a_file_is_fetched_once_and_said(server, tmp_path, capsys):
    """It lies in the cache then, whole, and the address is told."""
    for _ in range(2):
        assert source(server).path(tmp_path).read_bytes() == DATA
    assert server.asked == [None]
    assert (
        f"fetching http://127.0.0.1:{server.server_port}/x" in capsys.readouterr().err
    )


@pytest.mark.parametrize("ranges", [True, False])
def test_what_broke_off_is_taken_up_once(server, tmp_path, ranges):
    """The second try asks for the rest, and begins anew where it gets all."""
    server.broken, server.ranges = 1, ranges
    assert source(server).path(tmp_path).read_bytes() == DATA
    assert server.asked == [None, f"bytes={len(DATA) // 2}-"]


def test_what_breaks_off_twice_goes_on_at_the_next_command(server, tmp_path):
    """The error names the way out; nothing half lies where the file should be."""
    server.broken = 2
    with pytest.raises(DatasetError, match=r"bytes are missing.*HOTSEAT_DATA"):
        source(server).path(tmp_path)
    assert not (tmp_path / "set/x.bin").exists()
    assert source(server).path(tmp_path).read_bytes() == DATA
    assert server.asked[-1] == f"bytes={len(DATA) * 3 // 4}-"


def test_another_file_is_not_kept(server, tmp_path):
    """What has another digest is named and removed."""
    with pytest.raises(DatasetError, match="nothing was kept"):
        source(server, "0" * 64).path(tmp_path)
    assert not list((tmp_path / "set").iterdir())


def test_a_part_of_something_else_is_thrown_away(server, tmp_path):
    """A part that is longer than the file cannot be gone on with."""
    (tmp_path / "set").mkdir()
    (tmp_path / "set/x.bin.part").write_bytes(DATA + b"more")
    assert source(server).path(tmp_path).read_bytes() == DATA


def test_a_copy_of_ones_own_is_taken_first(server, tmp_path, monkeypatch):
    """HOTSEAT_DATA names a folder with local copies, and nothing is asked."""
    monkeypatch.setenv("HOTSEAT_DATA", str(tmp_path))
    (tmp_path / "set").mkdir()
    (tmp_path / "set/x.bin").write_bytes(DATA)
    assert source(server).path(tmp_path / "cache") == tmp_path / "set/x.bin"
    assert server.asked == []


def test_a_file_that_is_not_the_one_is_refused(tmp_path, monkeypatch):
    """Another digest, and an address that is away, are named with the way out."""
    monkeypatch.setenv("HOTSEAT_DATA", str(tmp_path))
    (tmp_path / "x.csv").write_text("changed")
    source = Source("x.csv", "http://127.0.0.1:9/x.csv", "0" * 64)
    with pytest.raises(DatasetError, match="is not the file this task was made for"):
        source.path(tmp_path / "cache")
    (tmp_path / "x.csv").unlink()
    with pytest.raises(DatasetError, match="HOTSEAT_DATA"):
        source.path(tmp_path / "cache")

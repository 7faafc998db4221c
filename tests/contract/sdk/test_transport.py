"""The SDK's one door to the network, against real sockets that misbehave."""

import contextlib
import logging
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import urllib3

from hotseat import ModelServiceClient, errors
from hotseat._transport import HttpTransport, Request

ANSWER = b'{"label": "ok"}'
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(ANSWER), ANSWER)
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def slowly(connection, data):
    """Send a byte every 20 ms."""
    for byte in data:
        connection.sendall(bytes([byte]))
        time.sleep(0.02)


def asked(connection):
    """Read one whole request; its head and body may come apart."""
    got = b""
    while more := connection.recv(65536):
        got += more
        head, ended, body = got.partition(b"\r\n\r\n")
        if ended and len(body) == int(LENGTH.search(head)[1]):
            return True
    return False


@contextlib.contextmanager
def served(talk):
    """Yield the URL of a server that talks so on each connection, and its count."""
    connections = []

    def converse(connection):
        with connection, contextlib.suppress(OSError):
            while asked(connection) and talk(connection):
                pass

    def accept(listener):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connections.append(connection)
                threading.Thread(
                    target=converse, args=(connection,), daemon=True
                ).start()

    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", connections
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    "talk",
    [
        lambda _: time.sleep(2),
        lambda c: slowly(c, WHOLE + b" " * 100),
        lambda c: (c.sendall(WHOLE[:40]), slowly(c, b" " * 100)),
        lambda c: (c.sendall(CHUNKED), slowly(c, b"1\r\nx\r\n" * 20)),
    ],
    ids=["silent", "trickled head", "trickled body", "trickled chunks"],
)
def test_a_slow_answer_ends_at_the_deadline(talk):
    """However an answer dawdles, the call ends when its time is over."""
    with served(talk) as (url, _), ModelServiceClient(url) as client:
        start = time.monotonic()
        with pytest.raises(errors.DeadlineError):
            client.predict("x", deadline=0.2)
        assert 0.19 < time.monotonic() - start < 0.6


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: x, y\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}",
        CHUNKED + b"zz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 500 + b"\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x00\xff" * 100,
    ],
)
def test_a_broken_answer_is_a_transport_error(said):
    """Resets, halves and garbage are one kind of error, after a few tries."""

    def talk(connection):
        connection.sendall(said)

    with served(talk) as (url, connections), ModelServiceClient(url) as client:
        with pytest.raises(errors.TransportError):
            client.predict("x", deadline=0.3)
        assert len(connections) > 1


def test_nobody_there_is_a_transport_error():
    """A closed port and a TLS handshake with no TLS behind it are told."""
    with served(lambda c: c.sendall(WHOLE)) as (url, _):
        secure = ModelServiceClient(url.replace("http", "https"), deadline=0.2)
        with secure, pytest.raises(errors.TransportError):
            secure.predict("x")
    with ModelServiceClient(url) as client, pytest.raises(errors.TransportError):
        client.predict("x", deadline=0.2)


def test_one_connection_serves_many_calls():
    """A second call does not connect again."""

    def talk(connection):
        connection.sendall(WHOLE)
        return True

    with served(talk) as (url, connections), ModelServiceClient(url) as client:
        assert [client.predict("x").label for _ in range(20)] == ["ok"] * 20
        assert len(connections) == 1


@pytest.mark.parametrize("path", ["/v1/models/a%20b", "/x?a=/b#c", "/ä", "//x"])
def test_the_pool_of_an_origin_is_found_again(path):
    """Requests are those of urllib3's own manager, also after the pool was closed."""
    lines, close = [], b"connection: close\r\n"

    def talk(connection):
        with connection:
            lines.append(connection.recv(65536).partition(b"\r\n")[0])
            connection.sendall(
                b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n%s\r\n" % close
            )

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept():
            for _ in range(4):
                talk(listener.accept()[0])

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}{path}"
        transport = HttpTransport()
        for _ in range(2):
            assert transport.send(Request("GET", url, {}, None), 5).status == 200
        transport.close()
        assert transport.send(Request("GET", url, {}, None), 5).status == 200
        transport.close()
        urllib3.request("GET", url, retries=False)
        thread.join(5)
    assert len(set(lines)) == 1


def test_many_threads_share_a_client_quietly(caplog):
    """Thirty threads at once get their answers, and nothing is logged at the player."""

    def talk(connection):
        time.sleep(0.005)
        connection.sendall(WHOLE)
        return True

    caplog.set_level(logging.WARNING)
    with served(talk) as (url, connections), ModelServiceClient(url) as client:
        with ThreadPoolExecutor(30) as pool:
            answers = list(pool.map(client.predict, ["x"] * 300))
        assert {answer.label for answer in answers} == {"ok"}
        assert len(connections) <= 30
    assert caplog.records == []


def test_a_server_that_hangs_up_when_idle_is_asked_again():
    """A pooled connection that the service closed costs a retry, not an error."""

    def talk(connection):
        connection.sendall(WHOLE)

    with served(talk) as (url, _), ModelServiceClient(url) as client:
        for _ in range(5):
            assert client.predict("x").label == "ok"
            time.sleep(0.01)

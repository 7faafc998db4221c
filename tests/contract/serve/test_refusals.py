"""Refusals on the wire: a connection stays usable after a request without room."""

import contextlib
import http.client
import socket

import pytest

BODY = b'{"text": "good"}'


def request(body=BODY, *lines, version="1.1"):
    head = [f"POST /model-service HTTP/{version}", "host: localhost",
            f"content-length: {len(body)}", *lines]  # fmt: skip
    return "\r\n".join((*head, "", "")).encode() + body


@pytest.fixture
def crowded(serve):
    """A server with too many connections; yields its address and what ends that."""
    _, (address,) = serve("--port", 0, "--connections", 2)
    host, _, port = address.rpartition(":")
    with contextlib.ExitStack() as held:
        for _ in range(3):
            held.enter_context(socket.create_connection((host, int(port)), timeout=20))
        yield (host, int(port)), held.close


@pytest.fixture
def connection(crowded):
    with socket.create_connection(crowded[0], timeout=20) as connected:
        yield connected


def answer(connection):
    response = http.client.HTTPResponse(connection)
    response.begin()
    body = response.read()
    return response.status, response.headers, body


def test_refusals_follow_each_other_on_a_connection(connection):
    for _ in range(3):
        connection.sendall(request())
        status, headers, body = answer(connection)
        assert (status, headers["retry-after"]) == (503, "1")
        assert headers["x-request-id"].encode() in body


def test_a_body_that_comes_later_is_dropped(connection):
    whole = request()
    connection.sendall(whole[:-10])
    assert answer(connection)[0] == 503
    connection.sendall(whole[-10:])
    connection.sendall(request())
    assert answer(connection)[0] == 503


@pytest.mark.parametrize("body", [BODY, b" " * 100_000 + BODY])
def test_small_and_large_bodies_are_refused_alike(connection, body):
    """A large one by the application, whose refusal closes the connection."""
    with contextlib.suppress(OSError):
        connection.sendall(request(body))
    assert answer(connection)[0] == 503


@pytest.mark.parametrize(
    "asked", [request(BODY, "connection: close"), request(version="1.0")]
)
def test_a_client_that_closes_is_closed(connection, asked):
    connection.sendall(asked)
    with connection.makefile("rb") as file:
        assert file.read().startswith(b"HTTP/1.1 503 ")


def test_pipelined_requests_have_an_answer_each(connection):
    connection.sendall(request() * 3)
    with connection.makefile("rb") as file:
        for _ in range(3):
            assert file.readline().startswith(b"HTTP/1.1 503 ")
            length = 0
            while (line := file.readline().strip()) != b"":
                name, _, value = line.partition(b": ")
                length = int(value) if name == b"content-length" else length
            file.read(length)


def test_the_connection_is_answered_once_there_is_room(crowded, connection, until):
    connection.sendall(request())
    assert answer(connection)[0] == 503
    crowded[1]()

    def answered():
        connection.sendall(request())
        return answer(connection)[0] == 200

    until(answered)

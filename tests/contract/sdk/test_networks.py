"""Networks as they are: dead addresses, forgotten connections, other servers."""

import asyncio
import contextlib
import gc
import json
import socket
import threading
import time

import pytest

from hotseat import CancelledError, ModelServiceClient, TransportError, _pool
from hotseat._connect import in_turns
from hotseat.aio import AsyncModelServiceClient

OK = b'{"label": "ok"}'
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(OK), OK)


class Server:
    """Answers request `number` of connection `number` as `talk` says."""

    def __init__(self, talk):
        self.talk, self.connections = talk, 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=50)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections += 1
                threading.Thread(
                    target=self.converse,
                    args=(connection, self.connections),
                    daemon=True,
                ).start()

    def converse(self, connection, number):
        with connection, contextlib.suppress(OSError):
            request = 0
            stream = connection.makefile("rb")
            while stream.readline():
                length = 0
                while line := stream.readline().strip().lower():
                    if line.startswith(b"content-length:"):
                        length = int(line.partition(b":")[2])
                stream.read(length)
                request += 1
                if self.talk(connection, number, request) is False:
                    return

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def ask(kind, url, texts=("gg",), pause=None, **options):
    """Return the predictions of a client for some texts, one after the other."""
    if kind == "threads":
        with ModelServiceClient(url, **options) as client:
            answers = []
            for text in texts:
                answers.append(client.predict(text, default="d"))
                (pause or (lambda: None))()
            return answers

    async def run():
        async with AsyncModelServiceClient(url, **options) as client:
            answers = []
            for text in texts:
                answers.append(await client.predict(text, default="d"))
                (pause or (lambda: None))()
            return answers

    return asyncio.run(run())


both = pytest.mark.parametrize("kind", ["threads", "asyncio"])


@pytest.fixture
def names(monkeypatch):
    """Give the name `dual.test` some addresses."""
    real = socket.getaddrinfo

    def give(*addresses):
        def look_up(host, port, *given, **named):
            if host in ("dual.test", b"dual.test"):
                found = []
                for one in addresses:
                    found += real(one, port, type=socket.SOCK_STREAM)
                return found
            return real(host, port, *given, **named)

        monkeypatch.setattr(socket, "getaddrinfo", look_up)

    return give


@both
def test_a_dead_address_costs_a_quarter_of_a_second(names, kind):
    """SYNs to IPv6 that vanish do not keep IPv4 from answering (RFC 8305)."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server(lambda c, *_: c.sendall(WHOLE)))
        dead = stack.enter_context(socket.socket(socket.AF_INET6))
        dead.bind(("::1", server.port))
        dead.listen(0)
        for _ in range(4):  # a full queue drops what comes
            filler = stack.enter_context(socket.socket(socket.AF_INET6))
            filler.setblocking(False)
            filler.connect_ex(("::1", server.port))
        names("::1", "127.0.0.1")
        (answer,) = ask(kind, f"http://dual.test:{server.port}")
        assert answer.source == "service"
        assert answer.latency < 1.0


def test_families_take_turns():
    """IPv6 and IPv4 alternate, the resolver's first family first."""
    found = [(6, "a"), (6, "b"), (4, "c"), (4, "d"), (6, "e")]
    assert [at[1] for at in in_turns(found)] == ["a", "c", "b", "d", "e"]


@both
def test_a_connection_that_closed_while_idle_is_replaced_at_once(kind):
    """A pooled connection that breaks is no failed try."""

    def talk(connection, _number, request):
        if request > 1:  # closes only after the request has come
            return False
        connection.sendall(WHOLE)
        return None

    with Server(talk) as server:
        answers = ask(kind, server.url, ["a", "b", "c"])
        assert [answer.source for answer in answers] == ["service"] * 3


@both
def test_a_connection_forgotten_by_a_router_gets_a_rival(kind, monkeypatch):
    """Silence after some idle seconds: a new connection answers in the deadline."""
    monkeypatch.setattr(_pool, "DOUBTFUL", 0.0)
    monkeypatch.setattr("hotseat._httpx.DOUBTFUL", 0.0)

    def talk(connection, _number, request):
        if request > 1:
            time.sleep(3)
            return False
        connection.sendall(WHOLE)
        return None

    with Server(talk) as server:
        answers = ask(
            kind, server.url, ["a", "b"], deadline=1, pause=lambda: time.sleep(0.01)
        )
        assert [answer.source for answer in answers] == ["service"] * 2


def test_a_slow_answer_on_an_idle_connection_still_counts(monkeypatch):
    """The rival only takes over if it answers first."""
    monkeypatch.setattr(_pool, "DOUBTFUL", 0.0)

    def talk(connection, number, request):
        if request > 1 or number > 1:
            time.sleep(0.5 if number == 1 else 2)
        connection.sendall(WHOLE)

    with Server(talk) as server:
        answers = ask("threads", server.url, ["a", "b"], deadline=1)
        assert answers[1].source == "service"
        assert server.connections == 2


def test_an_old_connection_is_not_used_again(monkeypatch):
    """After 55 s without use a call opens a new one."""
    now = [1000.0]
    monkeypatch.setattr(_pool, "_now", lambda: now[0])
    with Server(lambda c, *_: c.sendall(WHOLE)) as server:
        ask("threads", server.url, "ab", pause=lambda: now.append(now.pop() + 54))
        assert server.connections == 1
        ask("threads", server.url, "ab", pause=lambda: now.append(now.pop() + 56))
        assert server.connections == 3


@both
def test_interim_answers_are_skipped(kind):
    """100, 102 and 103 come before the answer and are none."""
    early = (
        b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    )
    with Server(lambda c, *_: c.sendall(early + WHOLE)) as server:
        assert ask(kind, server.url)[0].source == "service"


PAGES = {
    "a page": (b"200 OK", b"<html>login</html>"),
    "nothing": (b"204 No Content", b""),
    "a redirect": (b"302 Found\r\nlocation: http://login.hotel/", b""),
    "a gateway's 403": (b"403 Forbidden", b"<html>blocked</html>"),
    "511": (b"511 Network Authentication Required", b"<html>"),
    "deep JSON": (b"200 OK", b"[" * 100_000),
    "wrong types": (b"200 OK", json.dumps({"item": 5}).encode()),
}


@both
@pytest.mark.parametrize("page", PAGES)
def test_another_servers_answer_means_away(kind, page):
    """A hotel's login page opens the circuit and lets device or default answer."""
    status, body = PAGES[page]
    said = b"HTTP/1.1 %s\r\ncontent-length: %d\r\n\r\n%s" % (status, len(body), body)
    with Server(lambda c, *_: c.sendall(said)) as server:
        answers = ask(kind, server.url, "a" * 6, deadline=0.3)
        assert all(answer.is_default for answer in answers)
        assert (
            answers[-1].reason.startswith("CircuitOpenError") or page == "wrong types"
        )


def test_closing_lets_a_waiting_call_go():
    """A call in another thread ends at once with a documented error."""
    with Server(lambda *_: time.sleep(5)) as server:
        client = ModelServiceClient(server.url, deadline=30)
        raised = []

        def wait():
            try:
                client.predict("gg")
            except TransportError as error:
                raised.append(error)

        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.2)
        client.close()
        thread.join(2)
        assert not thread.is_alive()
        assert isinstance(raised[0], CancelledError)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_one_client_serves_several_event_loops():
    """Each loop has connections of its own; none is used after its loop."""
    with Server(lambda c, *_: c.sendall(WHOLE)) as server:
        client = AsyncModelServiceClient(server.url)
        for _ in range(3):
            assert asyncio.run(client.predict("gg", default="d")).source == "service"
        del client
        gc.collect()  # the connections of loops that ended end here


def test_a_dns_that_hangs_leaves_the_event_loop_free(monkeypatch):
    """Calls end at their deadline; threads of the loop and its end are not held up."""
    released = threading.Event()

    def hang(*_given, **_named):
        released.wait(20)
        raise socket.gaierror(-3, "Temporary failure")

    async def run():
        async with AsyncModelServiceClient("http://hang.test", deadline=0.2) as client:
            calls = [client.predict("a", default="d") for _ in range(40)]
            answers = await asyncio.gather(*calls)
            assert {answer.source for answer in answers} == {"default"}
            await asyncio.wait_for(asyncio.to_thread(lambda: 1), 2)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    began = time.monotonic()
    asyncio.run(run())
    assert time.monotonic() - began < 3
    released.set()

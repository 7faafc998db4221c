"""The local server on a real socket: what clients may take, and how it stops."""

import contextlib
import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from hotseat_registry import Reference, open_registry
from hotseat_serve.adapters.asgi import Application
from hotseat_serve.adapters.bounded_server import Limits, Server
from hotseat_serve.adapters.host_rule import is_own_host
from hotseat_serve.api.messages import Answer, Request
from hotseat_serve.api.router import Router
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings

LIMIT = 50_000
SLOW = "/v1/models/slow/predict"


class Pieces:
    """A long answer that notes what happens to it."""

    def __init__(self, *, breaks):
        self.count, self.closed, self.breaks = 0, False, breaks

    def __iter__(self):
        return self

    def __next__(self):
        self.count += 1
        if self.breaks and self.count == 4:
            raise RuntimeError("out of ink")
        if self.count > 200:
            raise StopIteration
        time.sleep(0.002)
        return b"x" * 10_000

    def close(self):
        self.closed = True


class Slow(Router):
    """A room in which one route takes until it is let go, and one answers much."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.go, self.running = threading.Event(), 0

    def answer(self, request: Request) -> Answer:
        if request.path == SLOW and request.fault is None:
            self.running += 1
            self.go.wait(30)
            self.running -= 1
        if request.path.startswith("/pieces"):
            self.pieces = Pieces(breaks=request.path.endswith("break"))
            return Answer(200, b"", {"content-type": "text/plain"}, self.pieces)
        if request.path == "/much":
            return Answer(200, bytes(20_000_000))
        return Router.answer(self, request)


@pytest.fixture
def router(registry, publish, tmp_path):
    publish()
    registry.promote(Reference("mood", version=1), by="ada")
    chosen = Settings(cache=str(tmp_path / "cache"), max_body_bytes=LIMIT)
    made = Slow(ModelCache(registry, chosen), chosen)
    yield made
    made.go.set()


@contextlib.contextmanager
def serving(router, limits, **more):
    """Serve on a free port of loopback; yields the port."""
    application = Application(router, **more)
    server = Server(application, limits)
    application.is_crowded = lambda: server.is_crowded
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            router.go.set()
            server.should_exit = True
            thread.join()


def ask(port, method, path, body=None, headers=(), timeout=10):
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers
    finally:
        connection.close()


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def read(client):
    """Everything until the server closes, or resets."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(65536):
            parts.append(part)
    return b"".join(parts)


def until(true, seconds=5):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_health_is_answered_while_every_thread_runs_a_model(router):
    """Liveness needs no thread, readiness has its own; others wait for theirs."""
    with serving(router, Limits(), threads=2) as port:
        busy = [
            threading.Thread(target=ask, args=(port, "POST", SLOW, b"{}", (), 30))
            for _ in range(3)
        ]
        for thread in busy:
            thread.start()
        until(lambda: router.running == 2)
        for path in ("/v2/health/live", "/v2/health/ready", "/v2"):
            assert ask(port, "GET", path, timeout=2)[0] == 200
        with pytest.raises(TimeoutError):
            ask(port, "POST", "/model-service", b'{"text": "good"}', timeout=0.3)
        router.go.set()
        for thread in busy:
            thread.join()
        assert ask(port, "POST", "/model-service", b'{"text": "good"}')[0] == 200


def test_requests_at_the_same_time_get_their_own_answers(router):
    """Threads share the model and nothing of a request."""
    wrong = []

    def game(number):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        for turn in range(40):
            text = "good" if (number + turn) % 2 else "bad"
            name = f"{number}-{turn}"
            tensor = {"name": "text", "datatype": "BYTES", "shape": [1], "data": [text]}
            path, body = (
                ("/model-service", {"text": text}),
                ("/v2/models/mood/infer", {"id": name, "inputs": [tensor]}),
            )[turn % 2]
            named = {"X-Request-Id": name}
            connection.request("POST", path, json.dumps(body), named)
            answer = connection.getresponse()
            data, shown = json.loads(answer.read()), answer.headers["x-request-id"]
            scores = data.get("scores") or data["outputs"][0]["data"]
            positive = scores["positive"] if "scores" in data else scores[1]
            right = (positive > 0.5) == (text == "good")
            if not right or name not in {data.get("id"), data.get("request_id")}:
                wrong.append((name, data))
            if shown != name:
                wrong.append((name, shown))
        connection.close()

    with serving(router, Limits(), threads=4) as port:
        games = [threading.Thread(target=game, args=(n,)) for n in range(6)]
        for thread in games:
            thread.start()
        for thread in games:
            thread.join()
    assert wrong == []


def test_the_time_in_which_a_request_waited_counts(router):
    """A deadline is the caller's, who does not know of threads."""
    with serving(router, Limits(), threads=1) as port:
        first = threading.Thread(target=ask, args=(port, "POST", SLOW, b"{}", (), 30))
        first.start()
        until(lambda: router.running)
        threading.Timer(0.3, router.go.set).start()
        status, body, _ = ask(
            port, "POST", "/model-service", b'{"text": "good"}', {"Deadline-Ms": "100"}
        )
        assert (status, json.loads(body)["code"]) == (504, "deadline_exceeded")
        first.join()


def test_a_length_over_the_limit_is_refused_before_the_body(router):
    """The answer comes though nothing of the body does, under both APIs."""
    with serving(router, Limits()) as port:
        for path, key in (("/model-service", "detail"), ("/v2/x", "error")):
            with connect(port) as client:
                client.sendall(
                    f"POST {path} HTTP/1.1\r\nhost: x\r\n"
                    f"content-length: {LIMIT + 1}\r\nexpect: 100-continue\r\n\r\n"
                    .encode()
                )  # fmt: skip
                answer = http.client.HTTPResponse(client)
                answer.begin()
                assert answer.status == 413
                assert str(LIMIT) in json.loads(answer.read())[key]


def test_a_body_without_length_is_refused_at_the_limit(router):
    """Chunk by chunk: no more than the limit is kept, and the client sees why."""
    with serving(router, Limits()) as port, connect(port) as client:
        client.sendall(
            b"POST /model-service HTTP/1.1\r\nhost: x\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        chunk = b"%x\r\n%s\r\n" % (20_000, b" " * 20_000)
        client.sendall(chunk * 3)
        answer = http.client.HTTPResponse(client)
        answer.begin()
        assert (answer.status, json.loads(answer.read())["code"]) == (413, "too_large")
        # what still comes is dropped for a moment, then the connection
        start = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - start < 10:
                client.sendall(chunk)
                time.sleep(0.05)
        assert time.monotonic() - start < 5


def test_a_refused_client_that_sends_all_the_same_keeps_its_connection(router):
    """A body a little over the limit is read and dropped, the next one answered."""
    with serving(router, Limits()) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        for body, status in ((b" " * (LIMIT + 1), 413), (b'{"text": "good"}', 200)):
            connection.request("POST", "/model-service", body)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == status
        connection.close()


def test_expect_continue_is_answered(router):
    """As curl does, which waits for it before a large body."""
    body = b'{"text": "good"}'
    with serving(router, Limits()) as port, connect(port) as client:
        client.sendall(
            b"POST /model-service HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n"
            b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
        )
        assert client.recv(100).startswith(b"HTTP/1.1 100 ")
        client.sendall(body)
        assert b" 200 OK" in read(client)


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (b"", False),
        (b"POST /model-service HTTP/1.1\r\nhost: x\r\nx: ", True),
        (b"POST /model-service HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{",
         True),
        (b"GET /v2 HTTP/1.1\r\nhost: x\r\n\r\nGET /v2 HTTP/1.1\r\nx: ", True),
    ],
)  # fmt: skip
def test_a_request_that_comes_byte_by_byte_ends(router, sent, answered):
    """Head or body, first request or next: it has to be whole in time."""
    with serving(router, Limits(receive=0.5, idle=1)) as port, connect(port) as client:
        start = time.monotonic()
        client.sendall(sent)
        with contextlib.suppress(OSError):
            for _ in range(100):
                time.sleep(0.05)
                client.sendall(b"a" if sent else b"")
                if time.monotonic() - start > 3:
                    break
                client.settimeout(0.01)
                with contextlib.suppress(TimeoutError):
                    if not client.recv(65536, socket.MSG_PEEK):
                        break
                    if b" 408 " in client.recv(65536, socket.MSG_PEEK):
                        break
        client.settimeout(5)
        data = read(client)
        assert time.monotonic() - start < 3
        assert (b" 408 " in data) is answered


def test_an_idle_connection_is_closed(router):
    """Kept alive for a while, not for ever."""
    with serving(router, Limits(idle=1)) as port, connect(port) as client:
        client.sendall(b"GET /v2/health/live HTTP/1.1\r\nhost: x\r\n\r\n")
        start = time.monotonic()
        assert b" 200 OK" in read(client)
        assert time.monotonic() - start < 4


def test_a_client_that_does_not_read_loses_its_connection(router):
    """An answer that nobody takes does not stay in memory."""
    with serving(router, Limits(receive=0.5)) as port, connect(port) as client:
        client.sendall(b"GET /much HTTP/1.1\r\nhost: x\r\n\r\n")
        time.sleep(2)
        assert len(read(client)) < 20_000_000


def test_requests_in_order_on_one_connection(router):
    """Two that are sent at once are answered one after the other."""
    with serving(router, Limits()) as port, connect(port) as client:
        client.sendall(
            b"GET /v2/health/live HTTP/1.1\r\nhost: x\r\n\r\n"
            b"GET /v2 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        )
        data = read(client)
        assert data.count(b" 200 OK") == 2
        assert data.index(b'{"live":true}') < data.index(b"extensions")


@pytest.mark.parametrize("path", [SLOW, "/v2/models/mood/infer"])
def test_too_many_requests_are_told_when_to_come_again(router, path):
    """503 with Retry-After, in the API's shape; health stays."""
    with serving(router, Limits(), threads=1, waiting=1) as port:
        busy = threading.Thread(target=ask, args=(port, "POST", SLOW, b"{}", (), 30))
        busy.start()
        until(lambda: router.running)
        status, body, headers = ask(port, "POST", path, b"{}")
        assert (status, headers["retry-after"]) == (503, "1")
        assert "too many requests" in body.decode()
        assert ask(port, "GET", "/v2/health/live")[0] == 200
        router.go.set()
        busy.join()


def test_too_many_connections_are_refused_and_health_answered(router):
    """Over the limit one is answered 503; far over it, none is taken."""
    with serving(router, Limits(connections=2)) as port:
        held = [connect(port) for _ in range(2)]
        until(lambda: ask(port, "GET", "/v1/models")[0] == 503)
        assert ask(port, "GET", "/v2/health/live")[0] == 200
        held += [connect(port) for _ in range(70)]
        with pytest.raises((OSError, http.client.HTTPException)):
            ask(port, "GET", "/v2/health/live")
        for client in held:
            client.close()
        until(lambda: _status(port) == 200)


def _status(port):
    try:
        return ask(port, "GET", "/v1/models")[0]
    except (OSError, http.client.HTTPException):
        return 0


@pytest.mark.parametrize(
    ("given", "kept"),
    [("r-1.A_b", True), ("a" * 128, True), ("a" * 129, False), ("", False),
     ("a b", False), ("ä", False), ("{}", False)],
)  # fmt: skip
def test_a_callers_request_id_is_kept_where_it_is_harmless(router, given, kept):
    """It goes into logs: nothing that steers a terminal, nothing without end."""
    with serving(router, Limits()) as port, connect(port) as client:
        client.sendall(
            b"GET /nothing HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-request-id: "
            + given.encode("latin-1") + b"\r\n\r\n"
        )  # fmt: skip
        body = json.loads(read(client).partition(b"\r\n\r\n")[2])
        assert (body["request_id"] == given) is kept
        assert body["request_id"].isascii()
        assert body["request_id"].isprintable()


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"x-request-id: a\x1b[31m\r\n", 400),
        (b"host: y\r\n", 400),
        (b"content-length: 1\r\ntransfer-encoding: chunked\r\n", 400),
        (b"content-length: 1\r\ncontent-length: 2\r\n", 400),
        (b"content-length: -1\r\n", 400),
        (b"x : y\r\n", 400),
        (b"x: " + bytes([120]) * 300_000 + b"\r\n", 431),
        (b"x: y\r\n" * 20_000, 400),
    ],
)
def test_a_head_that_http_forbids_is_refused(router, head, status):
    """Control characters, two hosts, two lengths, no end: RFC 9112."""
    with serving(router, Limits()) as port, connect(port) as client:
        with contextlib.suppress(OSError):
            client.sendall(b"POST /v2 HTTP/1.1\r\nhost: x\r\n" + head + b"\r\n0")
        answer = read(client)
    assert answer.startswith(b"HTTP/1.1 %d " % status) or (status == 431 and not answer)


def test_a_request_without_a_host_is_refused(router):
    with serving(router, Limits()) as port, connect(port) as client:
        client.sendall(b"GET /v2 HTTP/1.1\r\n\r\n")
        assert read(client).startswith(b"HTTP/1.1 400 ")


def test_small_chunks_are_no_long_head(router):
    """A body of chunks of one byte is as long as its bytes; trailers are ignored."""
    text = b'{"text": "good"}' + bytes([32]) * 20_000
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in text)
    with serving(router, Limits()) as port, connect(port) as client:
        client.sendall(
            b"POST /model-service HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
            b"transfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\nx: y\r\n\r\n"
        )
        assert read(client).startswith(b"HTTP/1.1 200 ")


def test_the_pages_come_from_fastapi_under_a_base_path(router):
    """The document, and a viewer that finds it where a proxy has the API."""
    router.settings = replace(router.settings, base_path="/ml")
    with serving(router, Limits()) as port:
        assert json.loads(ask(port, "GET", "/ml/openapi.json")[1])["paths"]
        assert b"/ml/openapi.json" in ask(port, "GET", "/ml/docs")[1]
        assert ask(port, "GET", "/ml/v2/health/live")[0] == 200
        assert ask(port, "GET", "/docs/nothing")[0] == 404


class Broken(Router):
    """A room that breaks its promise never to raise, but for problems."""

    def answer(self, request: Request) -> Answer:
        if request.fault is None:
            raise RuntimeError("broken")
        return Router.answer(self, request)


def test_a_failure_is_a_500_that_names_the_request(registry, tmp_path, caplog):
    """The log says why under the same id."""
    chosen = Settings(cache=str(tmp_path / "cache"))
    broken = Broken(ModelCache(registry, chosen), chosen)
    broken.go = threading.Event()
    with serving(broken, Limits()) as port:
        status, body, _ = ask(port, "GET", "/v1/models", None, {"X-Request-Id": "r-7"})
    assert (status, json.loads(body)["request_id"]) == (500, "r-7")
    assert "request r-7 failed" in caplog.text
    assert "broken" in caplog.text


@pytest.fixture
def folder(tmp_path, publish):
    """A folder registry with one live model."""
    registry = open_registry(f"file://{tmp_path}/registry")
    publish(registry)
    registry.promote(Reference("mood", version=1), by="ada")
    return registry


@pytest.fixture
def command(folder):
    """`hotseat serve` as a process; returns it with its port."""
    processes = []

    def start(*arguments):
        process = subprocess.Popen(
            [Path(sys.executable).with_name("hotseat"), "serve", "--port", "0",
             "--registry", folder.store.uri, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        processes.append(process)
        return process, int(process.stdout.readline().rpartition(":")[2])

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_ends_in_its_time_whatever_clients_do(command, number):
    """One has sent half a request, one keeps its connection, one sends nothing."""
    process, port = command("--grace", "1")
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(port)) for _ in range(3)]
        _stop_in_time(process, clients, number)


def _stop_in_time(process, clients, number):
    clients[0].sendall(
        b"POST /model-service HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{"
    )
    clients[1].sendall(b"GET /v2 HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
    assert clients[1].recv(15) == b"HTTP/1.1 200 OK"
    time.sleep(0.2)
    start = time.monotonic()
    process.send_signal(number)
    process.wait(10)
    assert time.monotonic() - start < 4
    half = read(clients[0])
    assert b" 503 " in half
    assert b"the server is stopping" in half


def test_lines_of_the_log_reach_a_pipe_before_the_stop(command):
    """A request's line is there when its answer is, not when a buffer is full."""
    process, port = command("--log")
    assert ask(port, "POST", "/model-service", b'{"text": "good"}')[0] == 200
    lines = [process.stdout.readline() for _ in range(3)]
    assert json.loads(lines[-1])["status"] == 200


def test_a_process_ends_though_a_model_runs(router):
    """A thread cannot be stopped, so the process is, a second after the grace time."""
    ended = []
    server = Server(Application(router), Limits(grace=0), end=ended.append)
    server.handle_exit(signal.SIGTERM, None)
    until(lambda: ended == [128 + signal.SIGTERM])


def test_a_registry_without_a_model_says_what_to_do_and_serves_it_later(
    tmp_path, publish, command
):
    """The start does not fail: a bucket is filled after it, without a restart."""
    later = open_registry(f"file://{tmp_path}/later")
    process, port = command("--registry", later.store.uri, "--refresh", "0.1")
    note = [process.stdout.readline() for _ in range(3)][-1]
    assert "holds no model" in note
    assert "hotseat publish" in note
    assert "hotseat model promote" in note
    assert ask(port, "GET", "/v2/health/live")[0] == 200
    assert ask(port, "GET", "/v2/health/ready")[0] == 503
    publish(later)
    later.promote(Reference("mood", version=1), by="ada")
    until(lambda: ask(port, "GET", "/v2/health/ready")[0] == 200)


def test_several_live_models_are_named_with_how_to_choose(folder, publish, command):
    """POST /model-service asks none of them until one is chosen."""
    publish(folder, model="chat")
    folder.promote(Reference("chat", version=1), by="ada")
    process, _ = command()
    note = [process.stdout.readline() for _ in range(3)][-1]
    assert "chat, mood" in note
    assert "--model" in note
    chosen, port = command("--model", "mood", "--log")
    assert ask(port, "POST", "/model-service", b'{"text": "good"}')[0] == 200
    lines = [chosen.stdout.readline() for _ in range(3)]
    assert "note" not in "".join(lines)


def test_a_foreign_host_is_refused_on_every_route(router):
    """DNS rebinding: a page's own name for this address reaches nothing, pages too."""
    with serving(router, Limits(), threads=1, accepts_host=is_own_host) as port:
        for path in ("/v1/models", "/v2", "/v2/health/live", "/docs", "/openapi.json"):
            status, body, _ = ask(port, "GET", path, headers={"Host": "evil.example"})
            assert (status, b"Host" in body) == (403, True), path
            assert ask(port, "GET", path)[0] == 200


def test_a_long_answer_is_sent_in_pieces(router):
    """The first piece arrives before the last is made; then its iterator is closed."""
    with serving(router, Limits()) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/pieces")
        answer = connection.getresponse()
        assert answer.headers["transfer-encoding"] == "chunked"
        first = answer.read(10_000)
        made = router.pieces.count
        assert len(first) == 10_000
        assert made < 200
        assert len(answer.read()) == 199 * 10_000
        until(lambda: router.pieces.closed)
        connection.request("GET", "/v2/health/live")
        assert connection.getresponse().status == 200
        connection.close()


def test_no_pieces_are_made_for_a_client_that_is_gone(router):
    with serving(router, Limits()) as port:
        client = connect(port)
        client.sendall(b"GET /pieces HTTP/1.1\r\nHost: x\r\n\r\n")
        client.recv(20_000)
        client.close()
        until(lambda: router.pieces.closed)
        assert router.pieces.count < 200


def test_a_long_answer_that_fails_is_no_whole_answer(router, caplog):
    """The client sees a broken connection; the log says why."""
    with serving(router, Limits()) as port:
        with pytest.raises(http.client.HTTPException):
            ask(port, "GET", "/pieces/break")
        assert router.pieces.closed
    assert "out of ink" in caplog.text

"""Both runtime clients against one stand-in of the Runtime API: the same answers."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from runtime_api import RuntimeApi

CLIENTS = {"loop": "hotseat_serve.lambda_loop", "awslambdaric": "awslambdaric"}
FOLDER = str(Path(__file__).parent)


class Started:
    """A function under a client, and the API that it calls."""

    def __init__(self, client, **environment):
        self.api = RuntimeApi(
            deadline_s=environment.pop("deadline_s", 60.0),
            limit=environment.pop("limit", 6_291_556),
        )
        self.process = subprocess.Popen(
            [sys.executable, "-m", CLIENTS[client], "odd_function.handler"],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([*sys.path[1:], FOLDER]),
                "AWS_LAMBDA_RUNTIME_API": self.api.address,
                "AWS_LAMBDA_FUNCTION_NAME": "odd",
                **environment,
            },
            cwd=FOLDER,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def stop(self):
        self.process.kill()
        output = self.process.communicate()[0]
        self.api.close()
        return output


@pytest.fixture
def start():
    """Start functions; all of them end with the test."""
    running = []

    def begin(client, **environment):
        running.append(Started(client, **environment))
        return running[-1]

    yield begin
    for started in running:
        started.stop()


@pytest.fixture(params=CLIENTS)
def client(request):
    return request.param


def test_answers_errors_and_context_are_those_of_awslambdaric(start, client):
    """A result, an exception, bytes, odd values, one too large; then it goes on."""
    started = start(client, limit=100_000)
    api = started.api
    for event in ({"do": "echo", "text": "größer 🎮", "n": 1.5, "none": None},
                  {"do": "echo", "text": "x" * 90_000},
                  {"do": "echo", "deep": [[[1, 2], []], {"a": {}}]}):  # fmt: skip
        outcome = api.invoke(event)
        assert (outcome.kind, json.loads(outcome.body)) == ("response", event)
        assert outcome.headers["content-type"] == "application/json"
    answer = api.invoke({"do": "bytes"})
    assert answer.body == b'{"as": "it is"}'
    assert answer.headers["content-type"] == "application/unknown"
    odd = json.loads(api.invoke({"do": "odd"}).body)
    assert odd == {"big": 1 << 70, "text": "\ud83c"}
    failed = api.invoke({"do": "raise"})
    assert failed.kind == "error"
    if client == "loop":  # AWS's client omits the documented header
        assert failed.headers["lambda-runtime-function-error-type"] == "LookupError"
    document = json.loads(failed.body)
    assert document["errorMessage"] == "no such save game: \U0001f3ae"
    assert document["errorType"] == "LookupError"
    assert "odd_function.py" in document["stackTrace"][-1]
    cause = json.loads(failed.headers["lambda-runtime-function-xray-error-cause"])
    assert cause["exceptions"][0]["type"] == "LookupError"
    refused = api.invoke({"do": "no json"})
    assert refused.kind == "error"
    assert json.loads(api.invoke({"do": "echo"}).body) == {"do": "echo"}
    assert len({path for _, path in api.calls if path.endswith("/next")}) == 1


def test_the_context_has_id_arn_deadline_and_trace(start, client):
    """The fields of AWS's context; X-Ray's header is in the environment."""
    api = start(client).api
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"
    with_trace = api.invoke({"do": "context"}, {"Lambda-Runtime-Trace-Id": trace})
    answer = json.loads(with_trace.body)
    assert 50_000 < answer.pop("remaining") <= 60_000
    assert answer == {
        "id": "aws-1", "arn": "arn:aws:lambda:::f", "name": "odd", "trace": trace,
    }  # fmt: skip
    assert json.loads(api.invoke({"do": "context"}).body)["trace"] is None


def test_garbage_is_collected_once_the_function_serves(start, client):
    """The loop pauses the collector only while the handler is imported."""
    assert start(client).api.invoke({"do": "collects"}).body == b"true"


def test_a_failed_start_is_reported(start, client):
    """The init error has type, message and trace, and the process ends with 1."""
    started = start(client, FAILS_AT_START="no registry")
    outcome = started.api.outcomes.get(timeout=20)
    assert outcome.kind == "init/error"
    assert json.loads(outcome.body)["errorMessage"] == "no registry"
    assert outcome.headers["lambda-runtime-function-error-type"] == "RuntimeError"
    assert started.process.wait(10) == 1


def test_snapshot_hooks_run_around_the_restore(start, client):
    """Before: at the end of the start. After: once a copy runs; then events come."""
    pytest.importorskip("snapshot_restore_py")
    started = start(client, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start", HOOKS="1")
    assert started.api.is_restoring.wait(20)
    assert started.process.stdout.readline() == "before\n"
    assert ("GET", "/2018-06-01/runtime/invocation/next") not in started.api.calls
    started.api.restored.set()
    assert started.api.ask({"do": "echo"}) == {"do": "echo"}
    assert started.process.stdout.readline() == "after\n"


def test_a_hook_that_fails_after_the_restore_ends_the_start(start, client):
    pytest.importorskip("snapshot_restore_py")
    started = start(
        client, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start", FAILS_AT_RESTORE="1"
    )
    started.api.restored.set()
    outcome = started.api.outcomes.get(timeout=20)
    assert outcome.kind == "restore/error"
    kind = outcome.headers["lambda-runtime-function-error-type"]
    assert kind == "Runtime.AfterRestoreError"
    assert started.process.wait(10) == 65


def test_a_function_that_exits_ends_the_process(start, client):
    """Lambda then starts another; no client may go on in an unknown state."""
    started = start(client)
    started.api.events.put(("aws-1", b'{"do": "exit"}', {}))
    assert started.process.wait(20) == 3


def test_an_answer_larger_than_lambda_takes_is_an_error(start):
    """The platform's 413 becomes an error of the function; the loop goes on."""
    api = start("loop", limit=100_000).api
    outcome = api.invoke({"do": "much", "size": 200_000})
    assert outcome.kind == "error"
    kind = outcome.headers["lambda-runtime-function-error-type"]
    assert kind == "Function.ResponseSizeTooLarge"
    assert api.refused[0][0] == 413
    assert api.ask({"do": "echo"}) == {"do": "echo"}


def test_an_answer_after_the_deadline_is_dropped(start):
    """The platform has answered for it: 403, and the next event comes."""
    api = start("loop", deadline_s=0.05).api
    api.events.put(("late", b'{"do": "sleep", "seconds": 0.2}', {}))
    end = time.monotonic() + 20
    while not api.refused:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert api.refused[0][0] == 403
    api.deadline_s = 60
    assert api.ask({"do": "echo"}) == {"do": "echo"}


def test_one_connection_serves_all_and_is_opened_again(start):
    """It is kept alive; a server that closes it between calls costs no event."""
    api = start("loop").api
    for _ in range(20):
        api.ask({"do": "echo", "text": "x" * 3000})
    assert api.connections == 1
    api.disconnect_before_next = True
    for _ in range(3):
        assert api.ask({"do": "echo"}) == {"do": "echo"}
    assert api.connections == 2


def test_pieces_are_sent_as_they_are_made(start):
    """Prelude, eight NULs, then chunk by chunk; an empty piece ends nothing."""
    api = start("loop").api
    outcome = api.invoke({"do": "stream", "count": 4, "pause": 0.1})
    prelude, body = outcome.streamed
    assert prelude["statusCode"] == 200
    assert body == b"".join(b"piece %d\n" % number for number in range(4))
    assert (
        outcome.headers["content-type"]
        == "application/vnd.awslambda.http-integration-response"
    )
    times = [at for at, _ in outcome.chunks]
    assert len(times) == 5
    assert times[-1] - times[0] > 0.25
    assert outcome.stream_error is None
    assert api.ask({"do": "echo"}) == {"do": "echo"}
    assert api.connections == 1


def test_a_stream_that_breaks_off_says_so_in_its_trailers(start):
    """Callers must not take half an answer for the whole."""
    api = start("loop").api
    outcome = api.invoke({"do": "stream", "count": 2, "breaks": True})
    assert outcome.streamed[1] == b"piece 0\npiece 1\n"
    assert outcome.trailers["lambda-runtime-function-error-type"] == "RuntimeError"
    assert outcome.stream_error["errorMessage"] == "out of ink"
    assert api.ask({"do": "echo"}) == {"do": "echo"}


def test_managed_instances_run_several_events_at_once(start):
    """AWS_LAMBDA_MAX_CONCURRENCY loops in one process, each with a connection."""
    api = start("loop", AWS_LAMBDA_MAX_CONCURRENCY="4").api
    api.ask({"do": "echo"})
    began = time.monotonic()
    for number in range(4):
        event = json.dumps({"do": "sleep", "seconds": 0.5 + number / 100}).encode()
        api.events.put((f"at-once-{number}", event, {}))
    outcomes = [api.outcomes.get(timeout=20) for _ in range(4)]
    assert time.monotonic() - began < 1.6
    for outcome in outcomes:
        number = int(outcome.request_id[-1])
        assert json.loads(outcome.body) == {"slept": 0.5 + number / 100}
    assert api.connections == 4


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"HOTSEAT_RUNTIME": "other"}, "expected loop or awslambdaric"),
        ({"HOTSEAT_RUNTIME": "awslambdaric", "HOTSEAT_STREAM": "1"}, "cannot stream"),
        ({"AWS_LAMBDA_RUNTIME_API": ""}, "hotseat serve"),
    ],
)
def test_settings_that_cannot_work_are_refused(start, environment, message):
    started = start("loop", **environment)
    output, _ = started.process.communicate(timeout=20)
    assert started.process.returncode == 1
    assert message in output


def test_the_other_client_can_be_chosen(start):
    started = start("loop", HOTSEAT_RUNTIME="awslambdaric")
    assert started.api.ask({"do": "echo"}) == {"do": "echo"}
    command = Path(f"/proc/{started.process.pid}/cmdline")
    if command.exists():
        assert b"awslambdaric" in command.read_bytes()


def test_bodies_of_any_size_arrive_whole(start):
    """Events in chunks and answers of several writes, none mixed with another."""
    api = start("loop").api
    for size in (1, 2047, 65_535, 65_536, 1_000_000, 5_900_000):
        event = {"do": "echo", "text": "z" * size}
        assert api.ask(event) == event


def test_threads_of_the_stand_in_end():
    """The stand-in refuses what no invocation awaits."""
    api = RuntimeApi()
    from hotseat_serve.lambda_loop.connection import Connection
    from hotseat_serve.lambda_loop.runtime_api import RuntimeApi as Client
    from hotseat_serve.lambda_loop.runtime_api import RuntimeApiError

    connection = Connection(api.address)
    client = Client(connection)
    with pytest.raises(RuntimeApiError, match="403"):
        client.respond("nobody", b"{}")
    threading.Thread(target=lambda: api.events.put(("n", b"{}", {}))).start()
    invocation = client.next_invocation()
    client.respond(invocation.request_id, b"1")
    with pytest.raises(RuntimeApiError, match="403"):
        client.respond(invocation.request_id, b"2")
    connection.close()
    api.close()

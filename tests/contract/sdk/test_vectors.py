"""sdk/spec/vectors, replayed by both clients of the Python SDK."""

import asyncio
import inspect
import json
from dataclasses import asdict, is_dataclass
from pathlib import Path

import pytest

from hotseat import DeadlineError, HotseatError, ModelServiceClient, TransportError
from hotseat.aio import AsyncModelServiceClient
from hotseat.testing import Response

VECTORS = [
    vector
    for path in sorted((Path(__file__).parents[3] / "sdk/spec/vectors").glob("*.json"))
    for vector in json.loads(path.read_text())
]


class Server:
    """Answers as a vector says, on a clock that it moves itself."""

    def __init__(self, vector):
        self.answers = list(vector["server"])
        self.draws = iter(vector.get("random", []))
        self.now, self.waits, self.requests = 100.0, [], []

    def send(self, request, timeout):
        self.requests.append(request)
        answer = self.answers.pop(0)
        self.now += answer.get("takes", 0.0)
        match answer.get("fault"):
            case "late":
                raise DeadlineError(f"no answer within {timeout} s")
            case str(fault):
                raise TransportError(fault)
        body = answer["text"] if "text" in answer else json.dumps(answer["body"])
        return Response(answer["status"], answer.get("headers", {}), body.encode())

    def sleep(self, seconds):
        self.waits.append(seconds)
        self.now += seconds

    def close(self):
        """Nothing to close."""


class AsyncServer:
    """The same, to be awaited."""

    def __init__(self, server):
        self.server = server

    async def send(self, request, timeout):  # noqa: ASYNC109
        return self.server.send(request, timeout)

    async def sleep(self, seconds):
        self.server.sleep(seconds)

    async def aclose(self):
        """Nothing to close."""


def called(client, call):
    """Make the call that a vector describes."""
    given = {k: v for k, v in call.items() if k != "method"}
    first = [given.pop(k) for k in ("input", "inputs", "board", "wishes") if k in given]
    answer = getattr(client, call["method"])(*first, **given)
    return asyncio.run(answer) if inspect.iscoroutine(answer) else answer


@pytest.mark.parametrize("client", [ModelServiceClient, AsyncModelServiceClient])
@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_sdk_does_as_the_vector_says(vector, client, monkeypatch):
    """Requests, waits, and what is returned or raised."""
    monkeypatch.delenv("HOTSEAT_API_KEY", raising=False)
    server, expect = Server(vector), vector["expect"]
    door = server if client is ModelServiceClient else AsyncServer(server)
    client = client(
        transport=door,
        clock=lambda: server.now,
        sleep=door.sleep,
        random=lambda: next(server.draws, 0.5),
    )
    if "raises" in expect:
        with pytest.raises(HotseatError) as caught:
            called(client, vector["call"])
        wanted = dict(expect["raises"])
        assert type(caught.value).__name__ == wanted.pop("class")
        assert {k: getattr(caught.value, k) for k in wanted} == wanted
    else:
        found = called(client, vector["call"])
        matches(found, expect["returns"])
    if "waits" in expect:
        assert server.waits == pytest.approx(expect["waits"])
    if "requests" in expect:
        assert len(server.requests) == len(expect["requests"])
        keys = {r.headers.get("idempotency-key") for r in server.requests}
        assert len(keys) == 1
        for sent, wanted in zip(server.requests, expect["requests"], strict=True):
            check_request(sent, wanted)
    assert not server.answers


def matches(found, wanted):
    """Hold what was returned against the fields that a vector names."""
    if isinstance(wanted, list):
        assert len(found) == len(wanted)
        for one, fields in zip(found, wanted, strict=True):
            matches(one, fields)
        return
    assert is_dataclass(found)
    fields = json.loads(json.dumps(asdict(found)))
    assert {k: fields[k] for k in wanted} == wanted


def check_request(sent, wanted):
    """Hold what was sent against what a vector names."""
    if "path" in wanted:
        assert sent.url.partition("localhost:8080")[2] == wanted["path"]
        assert sent.method == wanted["method"]
        assert (sent.body and json.loads(sent.body)) == wanted["body"]
    for name, value in wanted.get("headers", {}).items():
        assert sent.headers[name] == value

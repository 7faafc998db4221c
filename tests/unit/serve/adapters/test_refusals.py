"""Prepared refusals: the same answer as the application's."""

import asyncio
import json

import pytest
from small_models import router as small_router

from hotseat_serve.adapters.asgi import FULL
from hotseat_serve.adapters.refusals import Refusals

HOST = (b"host", b"localhost")


@pytest.fixture
def refusals(tmp_path):
    return Refusals(small_router(tmp_path, {}), lambda: True, lambda _host: True)


def ask(refusals, url=b"/v1/models/a/predict", *headers, method="POST"):
    async def run():
        return refusals.answer(method, url, [HOST, *headers])

    return asyncio.run(run())


@pytest.mark.parametrize("request_id", ["x", "a-caller.s_own-" + "i" * 80])
def test_a_refusal_is_a_whole_answer(refusals, request_id):
    answer = ask(
        refusals, b"/v1/models/a/predict?x", (b"x-request-id", request_id.encode())
    )
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ") for line in lines)
    assert status == "HTTP/1.1 503 Service Unavailable"
    assert headers["retry-after"] == "1"
    assert headers["x-request-id"] == request_id
    assert int(headers["content-length"]) == len(body)
    problem = json.loads(body)
    assert problem["request_id"] == request_id
    assert problem["detail"] == FULL


def test_the_inference_protocol_has_its_own_format(refusals):
    body = ask(refusals, b"/v2/models/a/infer").partition(b"\r\n\r\n")[2]
    assert json.loads(body) == {"error": FULL}


@pytest.mark.parametrize(
    ("url", "headers", "method"),
    [
        (b"/v2/health/live", (), "GET"),
        (b"/docs", (), "GET"),
        (b"/v1/models", ((b"origin", b"https://a.example"),), "GET"),
        (b"/v1/models", ((b"traceparent", b"00-1"),), "GET"),
        (b"/v1/models", (), "HEAD"),
    ],
)
def test_what_the_application_answers_itself(refusals, url, headers, method):
    assert ask(refusals, url, *headers, method=method) is None


def test_nothing_is_refused_while_there_is_room(tmp_path):
    refusals = Refusals(small_router(tmp_path, {}), lambda: False, lambda _host: True)
    assert ask(refusals) is None


def test_refusals_of_a_second_are_one_event(refusals, monkeypatch):
    events = []

    class Seen:
        def event(self, name, fields):
            events.append((name, fields))

    refusals.router.telemetry = Seen()

    async def run():
        loop = asyncio.get_running_loop()
        later = []
        monkeypatch.setattr(loop, "call_later", lambda _s, call: later.append(call))
        for _ in range(3):
            refusals.answer("POST", b"/", [HOST])
        (report,) = later
        report()

    asyncio.run(run())
    assert events == [("requests_refused", {"count": 3})]

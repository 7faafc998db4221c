"""Streams of server-sent events: they go on, break, are refused and cancelled."""

import asyncio
import contextlib
import threading

import pytest
from tls_server import EVENTS, STREAMS, chunk, endless_events, serve

from hotseat import BadInputError, DeadlineError, ModelServiceClient, TransportError
from hotseat.aio import AsyncModelServiceClient
from hotseat.testing import FakeTransport, Response

both = pytest.mark.parametrize("kind", ["threads", "asyncio"])


def read(kind, talk, stop=None, **options):
    """Return the events until `stop` of them, and the error."""
    found = []

    async def run(url):
        async with AsyncModelServiceClient(url, random=lambda: 0, **options) as client:
            events = await client.stream("generate", {"prompt": "say"}, model="npc")
            async with events:
                async for event in events:
                    found.append((event.name, event.data))
                    if len(found) == stop:
                        break

    with contextlib.ExitStack() as stack:
        url = f"http://127.0.0.1:{serve(stack, talk=talk)}"
        try:
            if kind == "asyncio":
                asyncio.run(run(url))
                return found, None
            with (
                ModelServiceClient(url, random=lambda: 0, **options) as client,
                client.stream("generate", {"prompt": "say"}, model="npc") as events,
            ):
                for event in events:
                    found.append((event.name, event.data))
                    if len(found) == stop:
                        break
        except TransportError as error:
            return found, error
    return found, None


@both
def test_events_come_and_a_start_that_breaks_is_retried(kind):
    """The server hangs up on the first request."""
    found, error = read(kind, STREAMS["slow"], deadline=20)
    assert (found, error) == ([("token", "gg"), ("message", "wp")], None)


@both
def test_an_event_comes_before_the_end(kind):
    """The first event can be read while the second does not exist yet."""
    read_first = threading.Event()

    def talk(_number, _request):
        yield EVENTS + chunk(b"data: gg\n\n")
        assert read_first.wait(20)
        yield chunk(b"data: wp\n\n") + b"0\r\n\r\n"

    with contextlib.ExitStack() as stack:
        url = f"http://127.0.0.1:{serve(stack, talk=talk)}"

        async def run():
            async with AsyncModelServiceClient(url, deadline=20) as client:
                events = await client.stream("generate", {}, model="npc")
                first = await events.__anext__()
                read_first.set()
                return [first.data] + [event.data async for event in events]

        if kind == "asyncio":
            assert asyncio.run(run()) == ["gg", "wp"]
            return
        with ModelServiceClient(url, deadline=20) as client:
            events = client.stream("generate", {}, model="npc")
            first = next(events)
            read_first.set()
            assert [first.data] + [event.data for event in events] == ["gg", "wp"]


@both
def test_a_stream_that_breaks_is_an_error(kind):
    """What came stays; it is not begun again."""
    found, error = read(kind, STREAMS["broken"], deadline=20)
    assert found == [("message", "gg")]
    assert isinstance(error, TransportError)


@both
def test_a_stream_ends_at_the_deadline(kind):
    """Events that go on do not keep the deadline away."""
    cancelled = threading.Event()
    found, error = read(kind, lambda *_: endless_events(cancelled), deadline=0.5)
    assert found == [("message", "gg")]
    assert isinstance(error, DeadlineError)
    assert cancelled.wait(10)


@both
def test_leaving_a_stream_ends_the_request(kind):
    """The service stops, too."""
    cancelled = threading.Event()
    found, error = read(kind, lambda *_: endless_events(cancelled), stop=1, deadline=20)
    assert (found, error) == ([("message", "gg")], None)
    assert cancelled.wait(10)


@both
def test_a_refusal_is_an_error(kind):
    """As for a call without a stream."""
    with pytest.raises(BadInputError):
        read(kind, STREAMS["refused"], deadline=20)


def test_a_transport_that_cannot_stream_returns_the_whole():
    """The events are then read from the body; the request says what it wanted."""
    kind = {"content-type": "text/event-stream; charset=utf-8"}
    transport = FakeTransport(Response(200, kind, b"data: gg\n\ndata: wp\n\n"))
    with ModelServiceClient(transport=transport) as client:
        events = client.stream("generate", {"prompt": "say"}, model="npc")
        assert [event.data for event in events] == ["gg", "wp"]
    (request,) = transport.requests
    assert request.streams
    assert request.headers["accept"] == "text/event-stream"
    assert request.url.endswith("/v1/models/npc/generate")


def test_an_answer_without_events_is_an_error():
    """Another server's page, or a service that does not stream."""
    transport = FakeTransport({"label": "ok"})
    with (
        ModelServiceClient(transport=transport, deadline=0.1) as client,
        pytest.raises(TransportError, match="no stream of events"),
    ):
        client.stream("generate", {}, model="npc")

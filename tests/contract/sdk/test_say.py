"""Texts as they are written: the vectors of sdk/spec/say.json, as stream and ticket."""

import asyncio
import json
import threading
import time
import urllib.request

import pytest
from say_server import FIRST, MODES, VECTORS, say_server

from hotseat import (
    CancelledError,
    ConfigError,
    HotseatError,
    ModelServiceClient,
    NotReadyError,
    TransportError,
)
from hotseat.aio import AsyncModelServiceClient
from hotseat.testing import AsyncFakeTransport, FakeTransport, Response

ROWS = json.loads(VECTORS.read_text("utf-8"))
WAIT = 60


@pytest.fixture(scope="module")
def server():
    """The stand-in's URL and the streams that were cancelled."""
    with say_server() as running:
        yield running


def outcome(answer):
    """Return what the vectors say of an answer."""
    return {
        "text": answer.text,
        "finish_reason": answer.finish_reason,
        "value": answer.value,
        "is_default": answer.is_default,
        "source": answer.source,
        "reason": answer.reason and answer.reason.partition(":")[0],
        "model": answer.model,
        "version": answer.version,
        "completion_tokens": answer.completion_tokens,
    }


def by_stream(url, call, first=None):
    """Iterate over the pieces in the caller's thread."""
    shown = ""
    with ModelServiceClient(url) as client:
        if first:
            client.say(**first).result()
        with client.say(**call) as stream:
            try:
                for piece in stream:
                    shown += piece
                return shown, stream.text, outcome(stream.result())
            except HotseatError as error:
                return shown, stream.text, type(error).__name__


def by_ticket(url, call, first=None):
    """Look at a ticket, as frames do."""
    shown = ""
    with ModelServiceClient(url) as client:
        if first:
            client.say(**first).result()
        ticket = client.submit_say(**call)
        while True:
            is_over = ticket.ready()
            shown += ticket.take()
            if is_over:
                break
            time.sleep(0.002)
        try:
            return shown, ticket.text, outcome(ticket.result())
        except HotseatError as error:
            return shown, ticket.text, type(error).__name__


def by_asyncio(url, call, first=None):
    """Iterate on an event loop."""

    async def run():
        shown = ""
        async with AsyncModelServiceClient(url) as client:
            if first:
                await client.say(**first)
            stream = client.say(**call)
            try:
                async for piece in stream:
                    shown += piece
                return shown, stream.text, outcome(await stream)
            except HotseatError as error:
                return shown, stream.text, type(error).__name__

    return asyncio.run(run())


def by_async_ticket(url, call, first=None):
    """Await a ticket on an event loop."""

    async def run():
        async with AsyncModelServiceClient(url) as client:
            if first:
                await client.say(**first)
            ticket = client.submit_say(**call)
            try:
                answer = outcome(await ticket)
                return ticket.take(), ticket.text, answer
            except HotseatError as error:
                return ticket.take(), ticket.text, type(error).__name__

    return asyncio.run(run())


@pytest.mark.parametrize("ask", [by_stream, by_ticket, by_asyncio, by_async_ticket])
@pytest.mark.parametrize("mode", MODES)
def test_the_vectors(server, ask, mode):
    """Whatever the cut, every way shows the same pieces and ends with the same."""
    for number, row in enumerate(ROWS):
        call = {"model": "npc", "deadline": 20, **row["call"]}
        first = {**call, "input": FIRST} if "first" in row else None
        found = ask(f"{server[0]}/{mode}/{number}", call, first)
        end = row.get("answer") or row["error"]
        text = end["text"] if isinstance(end, dict) else row["shown"]
        assert found == (row["shown"], text, end), row["name"]


def leave_stream(url, call):
    """Close a stream after its first piece."""
    with ModelServiceClient(url) as client:
        for _ in (stream := client.say(**call)):
            stream.close()
        assert stream.text.startswith("la ")
        with pytest.raises(CancelledError):
            stream.result()
        return client


def leave_ticket(url, call):
    """Cancel a ticket after its first piece."""
    client = ModelServiceClient(url)
    ticket = client.submit_say(**call)
    while not ticket.take():
        time.sleep(0.002)
    assert ticket.cancel()
    assert not ticket.cancel()
    return client


def leave_asyncio(url, call):
    """Close a stream on an event loop."""

    async def run():
        async with AsyncModelServiceClient(url) as client:
            async for _ in (stream := client.say(**call)):
                await stream.aclose()
            with pytest.raises(CancelledError):
                await stream

    asyncio.run(run())


def leave_async_ticket(url, call):
    """Cancel a ticket on an event loop."""

    async def run():
        async with AsyncModelServiceClient(url) as client:
            ticket = client.submit_say(**call)
            while not ticket.take():  # noqa: ASYNC110 (as a game's frames do)
                await asyncio.sleep(0.002)
            assert ticket.cancel()
            with pytest.raises(CancelledError):
                await ticket

    asyncio.run(run())


@pytest.mark.parametrize(
    "leave", [leave_stream, leave_ticket, leave_asyncio, leave_async_ticket]
)
def test_leaving_a_text_frees_the_service(server, leave):
    """Cancelled after the first piece, the request is over at the service."""
    url, closed = server
    before = len(closed)
    call = {"input": "Sing.", "model": "npc", "deadline": WAIT, "default": "Hm."}
    kept = leave(f"{url}/endless", call)  # not freed: only the cancellation ends it
    end = time.monotonic() + WAIT
    while len(closed) == before and time.monotonic() < end:
        time.sleep(0.005)
    assert len(closed) == before + 1
    del kept


def test_closing_the_client_ends_its_texts(server):
    """A ticket is settled at once, and its thread ends."""
    client = ModelServiceClient(f"{server[0]}/endless")
    ticket = client.submit_say("Sing.", model="npc", deadline=WAIT)
    while not ticket.take():
        time.sleep(0.002)
    client.close()
    with pytest.raises(CancelledError):
        ticket.result(wait=WAIT)


def test_no_frame_waits():
    """A ticket whose service is silent has neither text nor answer, and says so."""
    go_on = threading.Event()

    class Silent:
        def send(self, request, timeout):  # noqa: ARG002 (the protocol's)
            go_on.wait(WAIT)
            raise TransportError("cable pulled")

        def close(self):
            go_on.set()

    with ModelServiceClient(transport=Silent()) as client:
        ticket = client.submit_say("Hi", model="npc", default="Hm.")
        assert (ticket.ready(), ticket.take(), ticket.text) == (False, "", "")
        with pytest.raises(NotReadyError):
            ticket.result()
        assert ticket.result("...").text == "..."
    assert ticket.cancel() is False  # the client was closed


def test_an_unavailable_service_is_the_default():
    """Offline, the game's line comes as one piece."""
    transport = FakeTransport(TransportError("cable pulled"))
    with ModelServiceClient(transport=transport, sleep=lambda _: None) as client:
        stream = client.say("Hi", model="npc", deadline=0.2, default="Hm.")
        assert list(stream) == ["Hm."]
        assert stream.result().source == "default"
        silent = client.say("Hi", model="npc", deadline=0.2, default=None).result()
        assert (silent.text, silent.value, silent.is_default) == ("", None, True)
        with pytest.raises(TransportError):
            client.say("Hi", model="npc", deadline=0.2).result()


def test_half_an_emoji_is_the_default_and_nothing_is_sent():
    """What a player typed stops no game."""
    transport = AsyncFakeTransport({})

    async def run():
        async with AsyncModelServiceClient(transport=transport) as client:
            slots = {"words": "\ud83d"}
            return await client.say(slots, model="npc", default="Hm.")

    assert asyncio.run(run()).text == "Hm."
    assert not transport.requests


def test_a_transport_that_cannot_stream_returns_the_whole():
    """The text then comes at once."""
    row = ROWS[0]
    kind = {"content-type": "text/event-stream"}
    transport = FakeTransport(Response(200, kind, row["events"].encode()))
    with ModelServiceClient(transport=transport) as client:
        stream = client.say(model="npc", **row["call"])
        assert "".join(stream) == row["shown"]
        answer = stream.result()
    assert answer.latency >= answer.first_latency >= 0
    assert json.loads(transport.requests[0].body) == row["body"]


@pytest.mark.parametrize("kind", ["threads", "asyncio"])
def test_a_whole_text_keeps_its_connection(server, kind):
    """The next text pays for no handshake."""

    def connections():
        with urllib.request.urlopen(server[0]) as answer:
            return json.load(answer)["connections"]

    async def awaited(url):
        async with AsyncModelServiceClient(url) as client:
            for _ in range(3):
                await client.say(**call)

    before, url = connections(), f"{server[0]}/whole/0"
    call = {"input": "Greet.", "model": "npc", "deadline": 20}
    if kind == "asyncio":
        asyncio.run(awaited(url))
    else:
        with ModelServiceClient(url) as client:
            for _ in range(3):
                client.say(**call).result()
    assert connections() == before + 1


@pytest.mark.parametrize(
    ("value", "more"),
    [
        (3, {}),
        (b"Hi", {}),
        ("Hi", {"schema": {}, "grammar": "g"}),
        ("Hi", {"deadline": 0}),
        ("Hi", {"deadline": float("nan")}),
        ("Hi", {"temperature": float("nan")}),
    ],
)
def test_mistakes_of_the_program_are_raised_at_once(value, more):
    """Whatever the default."""
    with (
        ModelServiceClient(transport=FakeTransport({})) as client,
        pytest.raises(ConfigError),
    ):
        client.say(value, model="npc", default="Hm.", **more)

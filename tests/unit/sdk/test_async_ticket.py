"""Tickets of the asynchronous client: awaited, or checked in later frames."""

import asyncio
import json

import pytest

from hotseat import BadInputError, CancelledError, HotseatError, TransportError
from hotseat.aio import AsyncModelServiceClient
from hotseat.testing import AsyncFakeTransport, Response


class AsyncEcho:
    """A service that answers each input with itself."""

    def __init__(self):
        self.requests, self.gate = [], asyncio.Event()

    async def send(self, request, _timeout):
        await self.gate.wait()
        inputs = json.loads(request.body)["inputs"]
        self.requests.append(inputs)
        if "bad" in inputs:
            problem = {"detail": "x", "pointer": f"/inputs/{inputs.index('bad')}"}
            return Response(422, {}, json.dumps(problem).encode())
        answers = [{"label": text} for text in inputs]
        return Response(200, {}, json.dumps({"predictions": answers}).encode())

    async def aclose(self):
        """Nothing to close."""


@pytest.fixture
async def echo():
    """The service."""
    return AsyncEcho()


async def test_inputs_of_a_window_share_a_request(echo):
    """Twenty tickets are one request; a late await returns at once."""
    async with AsyncModelServiceClient(transport=echo) as client:
        tickets = [client.submit(f"{number}") for number in range(20)]
        assert not tickets[0].ready()
        assert tickets[0].result("none").is_default
        echo.gate.set()
        answers = [await ticket for ticket in tickets]
        assert [answer.label for answer in answers] == [str(n) for n in range(20)]
        assert len(echo.requests) == 1
        assert (await tickets[0]).label == "0"


async def test_one_bad_input_spoils_no_other(echo):
    """A refusal that names one input is sent apart."""
    echo.gate.set()
    async with AsyncModelServiceClient(transport=echo) as client:
        one, bad, half = (client.submit(text) for text in ("a", "bad", "\ud83d"))
        assert (await one).label == "a"
        for ticket in (bad, half):
            with pytest.raises(BadInputError):
                await ticket


async def test_closing_settles_what_waits(echo):
    """Tickets in the queue and under way end at once."""
    client = AsyncModelServiceClient(transport=echo)
    under_way = client.submit("a")
    await asyncio.sleep(0.02)
    queued = client.submit("b")
    waiting = asyncio.ensure_future(_of(under_way))
    await client.aclose()
    for ticket in (under_way, queued):
        with pytest.raises(CancelledError):
            ticket.result()
    with pytest.raises(HotseatError):
        await waiting


async def _of(ticket):
    return await ticket


async def test_boards_wishes_and_explanations_have_tickets():
    """Each method has a form that returns a ticket to await."""
    transport = AsyncFakeTransport(
        {"predictions": [{"action": "3"}]},
        {"predictions": [{"item": ["#"]}]},
        {"label": "ok", "parts": []},
    )
    async with AsyncModelServiceClient(transport=transport) as client:
        move = client.submit_choose([[0]], model="four", level="easy", legal=[3])
        assert (await move).action == "3"
        level = client.submit_generate({"boxes": 2}, model="levels", seed=1)
        assert (await level).item == ("#",)
        assert (await client.submit_explain("gg", model="chat")).label == "ok"
    sent = [json.loads(request.body) for request in transport.requests]
    assert sent[0]["inputs"] == [{"board": [[0]], "legal": [3]}]
    assert sent[1]["options"] == {"seed": 1}
    assert transport.requests[2].url.endswith("/explain")


async def test_other_options_over_the_same_connections():
    """A view of a client has its own deadline and number of retries."""

    async def at_once(_seconds):
        """Wait for nothing."""

    transport = AsyncFakeTransport(TransportError("away"))
    async with AsyncModelServiceClient(transport=transport, sleep=at_once) as client:
        patient = client.with_options(deadline=9, retries=1)
        with pytest.raises(TransportError):
            await patient.predict("gg")
        assert len(transport.requests) == 2
        assert int(transport.requests[0].headers["deadline-ms"]) > 8000
        open_ticket = patient.submit("gg")
        await patient.aclose()
        with pytest.raises(CancelledError):
            await open_ticket
        assert not transport.closed
    assert transport.closed

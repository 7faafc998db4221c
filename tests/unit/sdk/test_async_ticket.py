"""Tickets of the asynchronous client: awaited, or checked in later frames."""

import asyncio
import json

import pytest

from hotseat import BadInputError, CancelledError, HotseatError
from hotseat.aio import AsyncModelServiceClient
from hotseat.testing import Response


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

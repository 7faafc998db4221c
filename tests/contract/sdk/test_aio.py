"""The asynchronous client against a real service on a real socket."""

import asyncio
import socket
import threading
import time

import httpx
import pytest
import uvicorn

from hotseat import BadInputError, DeadlineError, TransportError
from hotseat.aio import AsyncModelServiceClient, HttpxTransport
from hotseat_registry import Reference
from hotseat_serve.adapters.fastapi_app import create_app
from hotseat_serve.api.router import Router
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings


@pytest.fixture
def url(registry, publish, tmp_path):
    """A service with one model."""
    publish()
    registry.promote(Reference("mood", version=1), by="ada")
    chosen = Settings(cache=str(tmp_path / "cache"))
    app = create_app(Router(ModelCache(registry, chosen), chosen))
    config = uvicorn.Config(app, port=0, log_level="error", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


async def test_many_calls_at_once(url):
    """Answers, a catalogue, a refusal with its pointer."""
    async with AsyncModelServiceClient(url) as client:
        assert await client.ready()
        assert [model.name for model in await client.models()] == ["mood"]
        words = ["good", "bad"] * 10
        answers = await asyncio.gather(*(client.predict(word) for word in words))
        assert [a.label for a in answers] == ["positive", "negative"] * 10
        many = await client.predict_many(["good", "bad"], model="mood", player_id="p")
        assert [a.version for a in many] == [1, 1]
        with pytest.raises(BadInputError) as caught:
            await client.predict("", model="mood")
        assert caught.value.pointer == "/input"


async def test_a_deadline_is_kept_and_a_default_stands_in():
    """A server that accepts and says nothing holds nobody up."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        async with AsyncModelServiceClient(url) as client:
            began = time.monotonic()
            with pytest.raises(DeadlineError):
                await client.predict("x", deadline=0.2)
            assert time.monotonic() - began < 1
            answer = await client.predict("x", deadline=0.1, default="ok")
            assert (answer.label, answer.is_default) == ("ok", True)


async def test_what_is_nobodys_address_is_a_transport_error():
    """Httpx's own errors do not leave the SDK."""
    own = HttpxTransport(http=httpx.AsyncClient(trust_env=False))
    async with AsyncModelServiceClient("http://127.0.0.1:9", transport=own) as client:
        with pytest.raises(TransportError):
            await client.predict("x", deadline=0.3)

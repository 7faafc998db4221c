"""Texts that the device writes while the service is away, as the service would."""

import asyncio
import sys
import time
from pathlib import Path

import pytest
from tests import language_models
from tests.contract.sdk.test_offline_model import Service

from hotseat import (
    BadInputError,
    ConfigError,
    ModelServiceClient,
    TransportError,
)
from hotseat.aio import AsyncModelServiceClient
from hotseat_registry import Registry
from hotseat_registry.testing import MemoryStore

sys.path.insert(0, str(Path(__file__).parents[3] / "sdk/packages"))
import shared_modules

SCHEMA = {
    "type": "object",
    "properties": {"kind": {"enum": ["fetch", "guard"]}, "n": {"type": "integer"}},
    "required": ["kind", "n"],
}
CALLS = (
    {"input": "Hello"},
    {"input": "Hello", "max_tokens": 9, "stop": "def"},
    {"input": "Hello", "temperature": 2.0, "seed": 5, "max_tokens": 30},
    {"input": "Hello", "temperature": 1.0, "top_p": 0.7, "seed": 6},
    {"input": [{"role": "user", "content": "<|end|> Hi"}]},
    {"input": "Hello", "schema": SCHEMA, "max_tokens": 40},
    {"input": "Hello", "grammar": 'start: "yes" | "no"'},
    {"input": {"name": "Ada", "prompt": "Hi"}, "model": "npc", "max_tokens": 12},
    {"input": {"prompt": "Hi"}, "model": "careful"},
    {"input": {"prompt": "Hi"}, "model": "npc", "max_tokens": 5_000},
)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A service with a plain model, one with a template, and one with a filter."""
    folder = tmp_path_factory.mktemp("texts")
    registry = Registry(MemoryStore())
    publish = language_models.publish
    publish(registry, folder / "plain")
    npc = {"canned": "Hm.", **language_models.TEMPLATE}
    publish(registry, folder / "npc", "npc", **npc)
    # no text of this model passes
    language_models.publish_filter(registry, folder / "filter", ".*abc.*")
    publish(registry, folder / "careful", "careful", filter="chat", **npc)
    service = Service(registry, folder)
    service.folder = folder / "device"
    return service


@pytest.fixture
def client(service):
    """A client that has downloaded all three."""
    service.away = False
    client = ModelServiceClient(transport=service, sleep=lambda _: None)
    for model in ("letters", "npc", "careful"):
        client.download(model, folder=service.folder, refresh=0)
    yield client
    client.close()


def outcome(answer):
    """Return what has to be the same on the device."""
    return {
        "text": answer.text, "finish_reason": answer.finish_reason,
        "value": answer.value, "model": answer.model, "version": answer.version,
        "tokens": (answer.prompt_tokens, answer.completion_tokens),
        "warnings": answer.warnings, "is_default": answer.is_default,
    }  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_the_device_writes_what_the_service_writes(service, client, call):
    """Greedy, drawn by a seed, bound to a schema, of slots, filtered: the same."""
    call = {"model": "letters", **call}
    there = client.say(**call).result()
    service.away = True
    stream = client.say(**call, default="no")
    pieces = list(stream)
    here = stream.result()
    assert (there.source, here.source) == ("service", "offline")
    assert outcome(here) == outcome(there)
    assert "".join(pieces) == here.text
    ticket = client.submit_say(**call).result(wait=60)
    assert outcome(ticket) == outcome(there)


def test_asyncio_writes_the_same(service, client):
    """As a stream, whole, and as a ticket."""
    there = client.say("Hello", model="letters").result()

    class Away:
        async def send(self, request, _seconds):
            return service.send(request, _seconds)

        async def aclose(self):
            """Nothing to close."""

    async def run():
        async with AsyncModelServiceClient(transport=Away()) as other:
            service.away = False
            await other.download("letters", folder=service.folder, refresh=0)
            service.away = True
            stream = other.say("Hello", model="letters")
            pieces = [piece async for piece in stream]
            left = other.say("Hello", model="letters")
            assert await anext(left) == "a"
            await left.aclose()  # frees the model for the next one
            return pieces, await stream, await other.submit_say(
                "Hello", model="letters"
            )  # fmt: skip

    pieces, whole, ticket = asyncio.run(run())
    assert len(pieces) > 1
    assert outcome(whole) == outcome(ticket) == outcome(there)
    assert whole.source == "offline"


def test_refusals_are_the_services(service, client):
    """The same error, place and words; a default stands for them as ever."""
    call = {"input": {"nowhere": "x"}, "model": "npc"}
    errors = []
    for service.away in (False, True):
        with pytest.raises(BadInputError) as refused:
            client.say(**call).result()
        errors.append((refused.value.pointer, refused.value.detail))
    assert errors[0] == errors[1]
    assert client.say(**call, default="...").result().source == "default"


def test_leaving_a_text_frees_the_model(service, client):
    """By closing the stream or cancelling the ticket."""
    service.away = True
    with client.say("Hello", model="letters") as stream:
        assert next(stream) == "a"
    ticket = client.submit_say("Hello", model="letters", max_tokens=200)
    ticket.cancel()
    assert client.say("Hello", model="letters", max_tokens=3).result().text == "abc"


def test_the_deadline_holds_and_leaves_the_device_its_time(service, client):
    """A service that hangs takes its part of the time, not all of it."""
    graph = client._core.offline_models._find_text("letters", None)
    graph.seconds = 1.0
    request = {"timeouts": []}
    send = service.send

    def hang(_message, timeout):
        request["timeouts"].append(timeout)
        raise TransportError("no answer")

    service.send = hang
    try:
        answer = client.say("Hello", model="letters", deadline=30).result()
    finally:
        service.send = send
    assert answer.source == "offline"
    assert 25 < request["timeouts"][0] <= 29


def test_a_filter_that_is_not_here_lets_nothing_pass(service, client):
    """The version's canned line is the answer."""
    models = client._core.offline_models
    models._models = {r: m for r, m in models._models.items() if r.model != "chat"}
    service.away = True
    answer = client.say({"prompt": "Hi"}, model="careful").result()
    assert (answer.text, answer.finish_reason) == ("Hm.", "canned")


def test_the_filter_answers_here_too(service, client):
    """A threshold of labels is the service's."""
    there = client.predict("abc", model="chat")
    service.away = True
    here = client.predict("abc", model="chat")
    assert (here.label, here.source) == (there.label, "offline")
    assert here.raw["threshold"] == there.raw["threshold"]


def test_a_download_without_the_extra_says_which(service, monkeypatch):
    """Before a byte of the graph is opened."""
    service.away = False
    monkeypatch.setattr(
        "hotseat._device.text.text_graph.find_spec",
        lambda name: None if name == "llguidance" else 1,
    )
    with (
        ModelServiceClient(transport=service) as client,
        pytest.raises(ConfigError, match=r"llguidance: pip install hotseat\[say\]"),
    ):
        client.download("letters", folder=service.folder, refresh=0)


def test_a_model_of_texts_stands_in_for_no_prediction(service, client):
    """`predict` has its default."""
    service.away = True
    began = time.monotonic()
    answer = client.predict("Hello", model="letters", default="no")
    assert answer.is_default
    assert time.monotonic() - began < 60


def test_the_copies_are_what_the_sources_say():
    """`make shared` would change nothing."""
    for path, content in shared_modules.copies().items():
        assert path.read_text("utf-8") == content, f"make shared: {path.name}"

"""The SDK says, and `hotseat serve` writes: a language model of letters, over HTTP."""

import asyncio
import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hotseat import BadInputError, ModelServiceClient
from hotseat.aio import AsyncModelServiceClient
from hotseat_registry import open_registry

letters = pytest.importorskip(
    "language_models", reason="the service has no kind text in this tree"
)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """The URL of a service with a plain model and one with a template."""
    folder = tmp_path_factory.mktemp("texts")
    registry = open_registry(f"file://{folder}/registry")
    letters.publish(registry, folder / "plain")
    letters.publish(
        registry, folder / "npc", "npc", canned="Hm.", **letters.TEMPLATE
    )  # fmt: skip
    command = shutil.which("hotseat", path=str(Path(sys.executable).parent))
    server = subprocess.Popen(
        [command, "serve", "--registry", registry.store.uri, "--port", "0",
         "--model", "letters"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield re.search(r"http://[\d.:]+", server.stdout.readline())[0]
    finally:
        server.terminate()
        server.wait(10)
        server.stdout.close()


def test_a_text_comes_in_pieces_and_as_a_whole(service):
    """Token by token; what they join to is the answer's text."""
    with ModelServiceClient(service) as client:
        stream = client.say("Hello", model="letters", max_tokens=5)
        pieces = list(stream)
        answer = stream.result()
        assert len(pieces) > 1
        assert ("".join(pieces), answer.text) == ("abcde", "abcde")
        assert (answer.finish_reason, answer.completion_tokens) == ("length", 5)
        assert (answer.model, answer.version) == ("letters", 1)
        ticket = client.submit_say("Hello", model="letters", stop="def")
        assert ticket.result(wait=60).text == ticket.take() == "abc"


def test_asyncio_and_a_schema(service):
    """The value keeps to its schema."""
    schema = {"type": "object", "properties": {"kind": {"enum": ["fetch", "guard"]}},
              "required": ["kind"], "additionalProperties": False}  # fmt: skip

    async def run():
        async with AsyncModelServiceClient(service) as client:
            return await client.say("Hello", model="letters", schema=schema)

    assert asyncio.run(run()).value["kind"] in {"fetch", "guard"}


def test_slots_are_filled_and_others_refused(service):
    """A refusal comes before the stream, with its place; a default stands for it."""
    with ModelServiceClient(service) as client:
        slots = {"name": "Ada", "prompt": "Hello"}
        assert (
            client.say(slots, model="npc", max_tokens=3, deadline=60).result().text
            == "abc"
        )
        with pytest.raises(BadInputError) as refused:
            client.say({"nowhere": "x"}, model="npc").result()
        assert refused.value.pointer == "/input/context/nowhere"
        answer = client.say({"nowhere": "x"}, model="npc", default="...").result()
        assert (answer.text, answer.source) == ("...", "default")


def test_a_text_that_is_left_gives_the_service_back(service):
    """The next text is answered at once, also after many that were left."""
    with ModelServiceClient(service) as client:
        for _ in range(20):
            with client.say("Hello", model="letters", max_tokens=200) as stream:
                next(stream)
        whole = client.say("Hello", model="letters", max_tokens=3, deadline=60).result()
        assert whole.text == "abc"


def test_texts_at_once_wait_for_each_other_and_all_come(service):
    """More answers than threads: the one that has the model must not wait for one."""
    wanted, said = 8, []

    def say():
        with ModelServiceClient(service) as client:
            stream = client.say("Hello", model="letters", max_tokens=200, deadline=90)
            said.append("".join(stream))

    threads = [threading.Thread(target=say) for _ in range(wanted)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(text) for text in said] == [200] * wanted
    # one that waits for the other's thread is refused after 60 seconds
    assert time.monotonic() - began < 50


@pytest.mark.parametrize("leaves", [True, False])
def test_a_client_that_leaves_or_stops_reading_frees_the_model(service, leaves):
    """The next answer comes at once, or after the pause that a reader may make."""
    place = urlsplit(service)
    body = json.dumps(
        {"input": {"prompt": "Hello"}, "options": {"max_tokens": 200, "stream": True}}
    ).encode()
    head = (
        f"POST /v1/models/letters/generate HTTP/1.1\r\nHost: {place.netloc}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
    reader.connect((place.hostname, place.port))
    try:
        reader.sendall(head.encode() + body)
        assert b"event: token" in reader.recv(2_000) + reader.recv(500)
        if leaves:
            reader.close()
        began = time.monotonic()
        with ModelServiceClient(service) as client:
            answer = client.say(
                "Hello", model="letters", max_tokens=3, deadline=60
            ).result()
        assert answer.text == "abc"
        assert time.monotonic() - began < 30
    finally:
        reader.close()

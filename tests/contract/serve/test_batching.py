"""Answers with --batch are those without, whoever asks beside."""

import json
import threading
import time

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from small_models import constant, graph, node, value
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from hotseat_registry import (
    Input,
    Manifest,
    Output,
    Reference,
    Registry,
    Signature,
    Variant,
)
from hotseat_registry.signature import Tokens
from hotseat_registry.testing import MemoryStore
from hotseat_serve.api.messages import Request
from hotseat_serve.api.router import Router
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.runtime.run_queue import RunQueue
from hotseat_serve.settings import Settings

WORDS = [
    "good",
    "game",
    "well",
    "played",
    "red",
    "tower",
    "gold",
    "sword",
    "shield",
    "trade",
]
BODIES = [
    json.dumps({"text": " ".join(WORDS[at % 5 : at % 5 + 1 + at % 4])}).encode()
    for at in range(40)
]
BAD = b'{"text": 5}'


def encoder(folder):
    """Words as tokens, a vector for each, the mean over them."""
    vocabulary = {word: at for at, word in enumerate(["[PAD]", "[UNK]", *WORDS])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    table = (
        np.random.default_rng(0).normal(size=(len(vocabulary), 8)).astype(np.float32)
    )
    whole = value("mask", TensorProto.INT64, ["n", "k"])
    model = graph(
        [node("Gather", ["table", "ids"], ["x"]),
         node("Cast", ["mask"], ["m"], to=TensorProto.FLOAT),
         node("Unsqueeze", ["m", "last"], ["m3"]),
         node("Mul", ["x", "m3"], ["each"])],
        [value("ids", TensorProto.INT64, ["n", "k"]), whole],
        [value("each", TensorProto.FLOAT, ["n", "k", 8])],
        [constant("table", table), constant("last", np.array([2], np.int64))],
    )  # fmt: skip
    onnx.save(model, folder / "model.onnx")
    inputs = tuple(
        Input(part, "INT64", (-1, -1), "tokens", tokens=Tokens("tokenizer.json", part))
        for part in ("ids", "mask")
    )
    each = Output("each", "FP32", (-1, -1, 8), role="embedding", pooling="mean")
    manifest = Manifest(
        model="encoder",
        kind="embedding",
        signature=Signature(inputs, (each,)),
        variants=(Variant("fp32", "model.onnx"),),
        default_variant="fp32",
    )
    names = ("model.onnx", "tokenizer.json")
    return manifest, {name: folder / name for name in names}


class Slow:
    """A session that takes three milliseconds more, and counts the rows of its runs."""

    def __init__(self, session):
        self._session, self.rows = session, []
        self.inputs, self.output_types = session.inputs, session.output_types

    def run(self, tensors, outputs=None, *, seconds=None):
        self.rows.append(len(tensors["ids"]))
        time.sleep(0.003)
        return self._session.run(tensors, outputs, seconds=seconds)


@pytest.fixture
def routers(tmp_path):
    """One router without and one with batches, and the runs of the second."""
    registry = Registry(MemoryStore())
    registry.publish(*encoder(tmp_path), by="ada")
    registry.promote(Reference("encoder", version=1), by="ada")
    plain, batched = (
        Router(ModelCache(registry, settings), settings)
        for settings in [Settings(cache=str(tmp_path / "c"))] * 2
    )
    sessions = []

    def prepare(loaded):
        loaded.session = Slow(loaded.session)
        sessions.append(loaded.session)
        RunQueue(parallel=1, max_rows=16).attach(loaded)

    batched.models.prepare = prepare
    return plain, batched, sessions


def ask(router, body):
    path = "/v1/models/encoder/predict"
    answer = router.answer(Request("POST", path, body, request_id="r"))
    return answer.status, json.loads(answer.body)


def at_once(router, bodies):
    answers = [None] * len(bodies)

    def one(at):
        answers[at] = ask(router, bodies[at])

    threads = [threading.Thread(target=one, args=(at,)) for at in range(len(bodies))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_answers_and_errors_are_those_of_each_request(routers):
    """Texts of one to four words together; every fifth request is wrong."""
    plain, batched, sessions = routers
    bodies = [BAD if at % 5 == 4 else body for at, body in enumerate(BODIES)]
    expected = [ask(plain, body) for body in bodies]
    ask(batched, BODIES[0])
    for _ in range(8):
        for (status, answer), (wanted_status, wanted) in zip(
            at_once(batched, bodies), expected, strict=True
        ):
            assert status == wanted_status
            vector, wanted_vector = (
                one.get("embedding", []) for one in (answer, wanted)
            )
            np.testing.assert_allclose(vector, wanted_vector, rtol=1e-5, atol=1e-6)
            assert answer.get("pointer") == wanted.get("pointer")
    (session,) = sessions
    assert max(session.rows) > 1

"""What serving costs: ``make bench``. Ratios to the bare session.run in one run.

In process, event bytes to response bytes, validation included: an API Gateway event as
a JSON text goes in, the answer as a JSON text comes out. Beside it the usual way:
FastAPI with a pydantic model behind Mangum, asked with the same events.
"""

import base64
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cpu
import numpy as np
import onnx
import orjson
import simdjson
from fastapi import FastAPI
from mangum import Mangum
from onnx import TensorProto, helper, numpy_helper
from pydantic import BaseModel

from hotseat_registry import (
    Input,
    Manifest,
    Output,
    Reference,
    Registry,
    Signature,
    Variant,
    graph,
)
from hotseat_registry.testing import MemoryStore
from hotseat_serve.adapters import api_gateway as events
from hotseat_serve.api.messages import Request
from hotseat_serve.api.router import Router
from hotseat_serve.codec import tensors
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.runtime.session import Session
from hotseat_serve.settings import Settings
from hotseat_train.models.text import char_ngrams
from hotseat_train.pipeline.train import PRETRAINED
from hotseat_train.tasks import chat_moderation

WIDTH = 32
CONTEXT = SimpleNamespace(aws_request_id="bench")


def network(path):
    """Write a small network: 32 -> 64 -> 2."""
    random = np.random.default_rng(0)
    tensors_ = {
        "w1": random.normal(size=(WIDTH, 64)),
        "b1": random.normal(size=64),
        "w2": random.normal(size=(64, 2)),
        "b2": random.normal(size=2),
    }
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["features", "w1", "b1"], ["h"]),
            helper.make_node("Relu", ["h"], ["r"]),
            helper.make_node("Gemm", ["r", "w2", "b2"], ["z"]),
            helper.make_node("Softmax", ["z"], ["scores"], axis=1),
        ],
        "network",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", WIDTH])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(a.astype(np.float32), n) for n, a in tensors_.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)


def router_of(folder):
    """Return a room that serves the network as model ``net``."""
    network(folder / "net.onnx")
    registry = Registry(MemoryStore())
    manifest = Manifest(
        model="net",
        kind="classification",
        signature=Signature(
            inputs=(Input("features", "FP32", (-1, WIDTH), "tensor"),),
            outputs=(Output("scores", "FP32", (-1, 2)),),
            labels=("stays", "leaves"),
        ),
        variants=(Variant("fp32", "net.onnx"),),
        default_variant="fp32",
    )
    registry.publish(manifest, {"net.onnx": folder / "net.onnx"}, by="bench")
    registry.promote(Reference("net", version=1), by="bench")
    settings = Settings(cache=str(folder / "cache"), refresh_seconds=1e9)
    return Router(ModelCache(registry, settings), settings)


def usual(session):
    """Return the usual way: FastAPI, a pydantic model, Mangum."""

    class Tensor(BaseModel):
        name: str
        shape: list[int]
        datatype: str
        data: list[float]

    class Body(BaseModel):
        inputs: list[Tensor]

    app = FastAPI()

    @app.post("/v2/models/net/infer")
    async def infer(body: Body) -> dict:
        item = body.inputs[0]
        array = np.array(item.data, np.float32).reshape(item.shape)
        scores = session.run({"features": array})["scores"]
        return {
            "model_name": "net",
            "outputs": [
                {
                    "name": "scores",
                    "shape": list(scores.shape),
                    "datatype": "FP32",
                    "data": scores.ravel().tolist(),
                }
            ],
        }

    return Mangum(app, lifespan="off")


def event_of(body, headers=None):
    """Return API Gateway's event (REST) as text."""
    binary = isinstance(body, bytes)
    return json.dumps(
        {
            "httpMethod": "POST",
            "path": "/v2/models/net/infer",
            "resource": "/{proxy+}",
            "headers": {"Content-Type": "application/json", **(headers or {})},
            "multiValueHeaders": {},
            "queryStringParameters": None,
            "multiValueQueryStringParameters": None,
            "requestContext": {
                "stage": "prod",
                "identity": {"sourceIp": "192.0.2.1"},
                "requestId": "r",
            },
            "body": base64.b64encode(body).decode() if binary else body,
            "isBase64Encoded": binary,
        }
    ).encode()


def microseconds(calls, seconds=4.0):
    """Return the microseconds of each call, taken in turn: the fastest tenth.

    Other processes only add to a time, so this varies less than the median.
    """
    for call in calls.values():
        for _ in range(20):
            call()
    spent = {name: [] for name in calls}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for name, call in calls.items():
            start = time.perf_counter_ns()
            call()
            spent[name].append(time.perf_counter_ns() - start)
    return {
        name: sorted(times)[len(times) // 10] / 1000 for name, times in spent.items()
    }


def parts(router):
    """Print what reading 1,000 rows of JSON costs, each part alone."""
    array = np.random.default_rng(0).normal(size=(1000, WIDTH)).astype(np.float32)
    item = {"name": "features", "shape": [1000, WIDTH], "datatype": "FP32"}
    data = [round(float(x), 6) for x in array.ravel()]
    text = event_of(json.dumps({"inputs": [{**item, "data": data}]}))
    body = events.parse_event(orjson.loads(text), "bench").body
    parser = simdjson.Parser()
    session = router.models.get(Reference("net", version=1)).session

    def numbers():
        document = parser.parse(body)
        np.frombuffer(document["inputs"][0]["data"].as_buffer(of_type="d"))
        del document

    request = Request("POST", "/v2/models/net/infer", body)
    times = microseconds(
        {
            "raw": lambda: session.run({"features": array}),
            "the event's own JSON (orjson)": lambda: orjson.loads(text),
            "32,000 numbers (simdjson)": numbers,
            "Hotseat, body to body": lambda: router.answer(request),
            "Hotseat, event to event": lambda: whole(router, text),
            # last: what it creates fills the caches of the one after it
            "the numbers with orjson": lambda: orjson.loads(body),
        }
    )
    base = times.pop("raw")
    print("\nOf 1,000 rows in JSON, as multiples of the raw run:\n")
    for what, spent in times.items():
        print(f"- {what}: {spent / base:.1f}x")
    event, read, inner, outer, _ = times.values()
    print(f"- body to body, of raw and simdjson: {inner / (base + read):.2f}x "
          f"(aim 1.25)")  # fmt: skip
    print(f"- event to event, of these and orjson: "
          f"{outer / (base + read + event):.2f}x (aim 1.25)")  # fmt: skip


def whole(router, event):
    """Return the answer's bytes to the bytes of an event."""
    answer = router.answer(events.parse_event(orjson.loads(event), "bench"))
    return orjson.dumps(events.to_response(answer))


LENGTHS = (
    (1, 14), (2, 59), (3, 36), (4, 37), (5, 21), (6, 19), (7, 17), (8, 31), (10, 27),
    (12, 26), (15, 35), (18, 29), (21, 30), (25, 26), (30, 25), (35, 21), (42, 17),
    (50, 14), (59, 11), (71, 8), (87, 5), (109, 2), (133, 1), (167, 1),
)  # fmt: skip
"""Characters of 512 lines as CONDA has them, and how many have so many."""


def lines(lengths):
    """Return made-up lines of chat of these lengths."""
    random = np.random.default_rng(3)
    words = ("gg", "wp", "mid", "no", "push", "top", "we", "can", "go", "back", "def",
             "now", "ez", "report", "team", "lol")  # fmt: skip

    def line(length):
        text = " ".join(random.choice(words, 1 + length // 2))
        return text[:length].strip().ljust(length, "o")

    return [line(length) for length in random.permutation(lengths).tolist()]


def texts(folder):
    """Print what a text costs in a request of 512, beside one that is asked alone."""
    task = chat_moderation.TASK
    path = PRETRAINED / task.name / "model.int8.onnx"
    manifest = Manifest(
        model=task.name,
        kind="classification",
        signature=replace(
            char_ngrams.signature(chat_moderation.LABELS, 2048), max_rows=512
        ),
        variants=(Variant("int8-dynamic", "model.onnx"),),
        default_variant="int8-dynamic",
    )
    registry = Registry(MemoryStore())
    registry.publish(manifest, {"model.onnx": path}, by="bench")
    registry.promote(Reference(task.name, version=1), by="bench")
    settings = Settings(cache=str(folder / "texts"), log=False)
    router = Router(ModelCache(registry, settings), settings)
    where = f"/v1/models/{task.name}/predict"

    def cpu_us(bodies):
        best = float("inf")
        for _ in range(5):
            began = time.process_time()
            for body in bodies:
                assert router.answer(Request("POST", where, body)).status == 200
            best = min(best, time.process_time() - began)
        return 1e6 * best / 512

    print("\nCPU a text, 512 texts in one request beside one by one:\n")
    print("| lengths | one by one | in one request | ratio | target |")
    print("|---|---|---|---|---|")
    mixed = [length for length, count in LENGTHS for _ in range(count)]
    even = np.linspace(5, 140, 512).astype(int).tolist()
    for what, lengths, target in (("as in CONDA", mixed, 0.7),
                                  ("5 to 140, even", even, 1.0)):  # fmt: skip
        said = lines(lengths)
        alone = cpu_us([orjson.dumps({"text": text}) for text in said])
        whole = cpu_us([orjson.dumps({"inputs": said})])
        print(f"| {what} | {alone:.0f} us | {whole:.0f} us | {whole / alone:.2f} | "
              f"{target} |")  # fmt: skip


def guards(session):
    """Print what a deadline inside a run costs, and the static check of a graph."""
    one = {"features": np.zeros((1, WIDTH), np.float32)}
    times = microseconds(
        {
            "a run of one row": lambda: session.run(one),
            "the same with a deadline": lambda: session.run(one, seconds=10),
        }
    )
    print("\nWhat is checked, beside the run of one row:\n")
    for what, spent in times.items():
        print(f"- {what}: {spent:.1f} us")
    for path in sorted(PRETRAINED.glob("*/*.onnx")):
        spent = microseconds({"check": lambda path=path: graph.check(path, set())}, 0.5)
        name = f"{path.parent.name}, {path.stat().st_size / 1e6:.1f} MB"
        print(f"- the static check of {name}: {spent['check'] / 1000:.1f} ms")


def main():
    """Measure and print a table in Markdown."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        router = router_of(folder)
        session = Session(folder / "net.onnx")
        plain = usual(session)
        print(f"CPU: {cpu.name()}, one thread a prediction\n")
        print("| request | raw | Hotseat | FastAPI + Mangum | aim |")
        print("|---|---|---|---|---|")
        for rows in (1, 1000):
            table(router, session, plain, rows)
        parts(router)
        texts(folder)
        guards(session)


def table(router, session, plain, rows):
    """Measure requests of so many rows."""
    random = np.random.default_rng(rows)
    array = random.normal(size=(rows, WIDTH)).astype(np.float32)
    item = {"name": "features", "shape": [rows, WIDTH], "datatype": "FP32"}
    data = [round(float(x), 6) for x in array.ravel()]
    text = event_of(json.dumps({"inputs": [{**item, "data": data}]}))
    raw = tensors.to_bytes(array)
    head = json.dumps(
        {
            "inputs": [{**item, "parameters": {"binary_data_size": len(raw)}}],
            "parameters": {"binary_data_output": True},
        }
    ).encode()
    binary = event_of(head + raw, {"Inference-Header-Content-Length": str(len(head))})

    assert json.loads(whole(router, text))["statusCode"] == 200
    assert json.loads(whole(router, binary))["statusCode"] == 200
    assert plain(orjson.loads(text), CONTEXT)["statusCode"] == 200
    times = microseconds(
        {
            "raw": lambda: session.run({"features": array}),
            "json": lambda: whole(router, text),
            "binary": lambda: whole(router, binary),
            "usual": lambda: orjson.dumps(plain(orjson.loads(text), CONTEXT)),
        }
    )
    base = times["raw"]
    for kind, target in (("json", "3.5x" if rows == 1 else ""),
                         ("binary", "2.2x" if rows > 1 else "")):  # fmt: skip
        other = f"{times['usual'] / base:.1f}x" if kind == "json" else ""
        print(
            f"| {rows:,} x {WIDTH}, {kind} | {base:.1f} us | "
            f"{times[kind] / base:.1f}x | {other} | {target} |"
        )


if __name__ == "__main__":
    main()

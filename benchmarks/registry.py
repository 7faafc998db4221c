"""The registry's figures: ``make bench-registry``.

Each is a count or a ratio within this run; the machine's CPU is printed with them.
``--size`` is the blob's, in MB (2,048 by default; CI uses less).
"""

import argparse
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import cpu

from hotseat_registry import (
    Input,
    Manifest,
    Output,
    Reference,
    Registry,
    Signature,
    Variant,
    layout,
    open_registry,
)
from hotseat_registry.cache import Cache
from hotseat_registry.stores.s3 import S3Store

GRAPH = bytes.fromhex(  # ir_version 7; text [n] in, scores [n, 2] out, no node
    "08073a331201675a130a0474657874120b0a09080812050a0312016e62190a0673636f72"
    "6573120f0a0d080112090a0312016e0a020802"
)
LIVE = Reference.parse("mood#live")


def manifest(card=""):
    """Return a version of one tiny graph."""
    return Manifest(
        model="mood",
        kind="classification",
        signature=Signature(
            inputs=(Input("text", "BYTES", (-1,), "text"),),
            outputs=(Output("scores", "FP32", (-1, 2)),),
            labels=("negative", "positive"),
        ),
        variants=(Variant("fp32", "model.onnx"),),
        default_variant="fp32",
        card=card,
    )


def median_ms(call, times=300):
    """Return the median milliseconds of a call."""
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        spent.append(time.perf_counter() - start)
    return 1000 * statistics.median(spent)


class Requests:
    """Counts what a boto3 client sends."""

    def __init__(self, client):
        self.names = []
        client.meta.events.register(
            "before-send.s3", lambda event_name, **_: self.names.append(event_name)
        )

    def of(self, call):
        """Return the requests that a call makes."""
        self.names.clear()
        call()
        return [name.rpartition(".")[2] for name in self.names]


def started():
    """Start moto's server and point boto3 at it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://localhost:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return server


def blob(uri, folder, size):
    """In a process of its own: publish and fetch a blob; print the peak memory."""
    path = Path(folder, "big.onnx")
    with path.open("wb") as file:  # a graph with `size` bytes that nobody reads
        file.write(GRAPH + b"\x12" + varint(size))
        file.truncate(file.tell() + size)
    registry, cache = open_registry(uri), Cache(Path(folder, "cache"), 1 << 40)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    made = registry.publish(manifest(), {"model.onnx": path}, by="bench")
    got = registry.fetch(made, cache)["model.onnx"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert got.stat().st_size == path.stat().st_size
    print(json.dumps({"base_mb": before // 1024, "peak_mb": peak // 1024}))


def varint(value):
    """Return a protobuf length."""
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*data, value])


def measure(folder, size):
    """Return rows of (what, target, folder, S3)."""
    model = folder / "model.onnx"
    model.write_bytes(GRAPH)
    local = open_registry(f"file://{folder}/registry")
    client = boto3.client("s3")
    client.create_bucket(Bucket="bench")
    requests = Requests(client)
    s3 = Registry(S3Store("s3://bench/hotseat", client))
    rows = []
    for registry in (local, s3):
        registry.publish(manifest(), {"model.onnx": model}, by="bench")
        registry.promote(Reference("mood", version=1), by="bench")
    warm = Cache(folder / "cache")
    for registry in (local, s3):
        registry.resolve(LIVE, warm)
    milliseconds = median_ms(lambda: local.resolve(LIVE, warm))
    sent = requests.of(lambda: s3.resolve(LIVE, warm))
    told = (f"{milliseconds:.3f} ms", f"{len(sent)} ({', '.join(sent)})")
    rows.append(("resolve model#live, warm cache", "< 1 ms; one request", *told))
    head = s3.ledger.head("mood")
    sent = requests.of(lambda: s3.ledger.head("mood", unless=head))
    rows.append(("look again, nothing moved", "one request", "", f"{len(sent)}, a 304"))
    sent = requests.of(
        lambda: s3.publish(manifest("again"), {"model.onnx": model}, by="bench")
    )
    told = f"{len(sent)}: {', '.join(sorted(sent))}"
    rows.append(("publish, all blobs shared", "no upload of a blob", "", told))
    data = s3.resolve(Reference("mood", version=1)).to_bytes()
    keys = [layout.manifest("mood", n) for n in range(3, 10_001)]
    for key in keys:
        (Path(local.store.root) / key).write_bytes(data)
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda key: client.put_object(
                    Bucket="bench", Key=f"hotseat/{key}", Body=b""
                ),
                keys,
            )
        )
    listed = []
    for registry in (local, s3):
        start = time.perf_counter()
        found = len(registry.versions("mood"))
        listed.append(f"{time.perf_counter() - start:.2f} s")
    sent = requests.of(lambda: s3.versions("mood"))
    listed[1] += f", {len(sent)} requests"
    rows.append((f"list {found:,} versions", "< 1 s", *listed))
    peaks = []
    for uri in (f"file://{folder}/registry", "s3://bench/hotseat"):
        with tempfile.TemporaryDirectory() as inside:
            done = subprocess.run(
                [sys.executable, __file__, "--blob", uri, inside, "--size", str(size)],
                stdout=subprocess.PIPE,
                check=True,
            )
            peaks.append(json.loads(done.stdout))
    told = [f"{p['peak_mb']} MB (before: {p['base_mb']})" for p in peaks]
    rows.append((f"publish and fetch {size:,} MB", "< 200 MB of memory", *told))
    return rows


def main():
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=2048, help="of the blob, in MB")
    parser.add_argument("--blob", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.blob:
        blob(*arguments.blob, arguments.size << 20)
        return
    import growth  # not in the processes whose memory is measured

    server = started()
    try:
        with tempfile.TemporaryDirectory() as folder:
            rows = measure(Path(folder), arguments.size)
            model = {"model.onnx": Path(folder, "model.onnx")}
            grown = growth.measure(manifest(), model)
    finally:
        server.terminate()
    print(f"CPU: {cpu.name()}; S3 is moto's server on loopback\n")
    print("| what | target | folder | S3 |\n|---|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print("\nAs it grows, counted on a store in memory:\n")
    print("| what | target | requests | seconds without a network |\n|---|---|---|---|")
    for row in grown:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()

"""Process start to first answer: ``make bench-cold``.

Hotseat runs in the runtime loop of its image, the others under AWS's runtime client.

Functions with the same model, started in turn: a bare onnxruntime handler; ours, static
(the version lies in a folder, as in an image) and dynamic (it resolves an alias in a
bucket, fetches the version and checks its digest; the bucket is moto's, on loopback,
and once more with answers that come late, as from a bucket);
and FastAPI behind Mangum. Beside it warm invocations, with what the runtime client
itself costs.

With ``--image NAME`` (``make bench-image``) three rows more, under AWS's emulator: the
bare handler on this machine, which shows what the emulator costs; the bare handler in
the image, which shows what the container costs; and ours, static, in the image.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import boto3
import cpu
from emulator import Emulated
from runtime_api import RuntimeApi
from serving import network

import hotseat_serve
from hotseat_registry import (
    Input,
    Manifest,
    Output,
    Reference,
    Signature,
    Variant,
    archive,
    open_registry,
)

ROW = [0.1] * 32
AWAY = 0.02  # seconds: what an object of some KB takes from S3 in its region
BARE = """
import json
import os
import numpy as np
import onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
net = os.environ.get("NET", "net.onnx")
session = onnxruntime.InferenceSession(net, options)

def handler(event, context):
    row = json.loads(event["body"])["inputs"][0]["data"]
    scores = session.run(None, {"features": np.array([row], np.float32)})[0]
    return {"statusCode": 200, "body": json.dumps({"data": scores[0].tolist()})}
"""
USUAL = """
import numpy as np
import onnxruntime
from fastapi import FastAPI
from mangum import Mangum
from pydantic import BaseModel
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession("net.onnx", options)
app = FastAPI()

class Tensor(BaseModel):
    name: str
    shape: list[int]
    datatype: str
    data: list[float]

class Body(BaseModel):
    inputs: list[Tensor]

@app.post("/v2/models/net/infer")
async def infer(body: Body) -> dict:
    row = np.array(body.inputs[0].data, np.float32).reshape(body.inputs[0].shape)
    return {"data": session.run(None, {"features": row})[0][0].tolist()}

handler = Mangum(app, lifespan="off")
"""


def event():
    """Return API Gateway's event (REST) of one row."""
    tensor = {"name": "features", "shape": [1, 32], "datatype": "FP32", "data": ROW}
    return {
        "resource": "/{proxy+}",
        "httpMethod": "POST",
        "path": "/v2/models/net/infer",
        "headers": {"content-type": "application/json", "host": "game"},
        "multiValueHeaders": {"content-type": ["application/json"]},
        "queryStringParameters": None,
        "requestContext": {"stage": "prod", "identity": {"sourceIp": "192.0.2.1"}},
        "body": json.dumps({"inputs": [tensor]}),
        "isBase64Encoded": False,
    }


def client_of(handler):
    """Return the runtime client of a handler: Hotseat's image has its own."""
    is_ours = handler.startswith("hotseat_serve.")
    return "hotseat_serve.lambda_loop" if is_ours else "awslambdaric"


def start(handler, folder, environment, calls=0):
    """Start the function and ask once, and then so many `calls`.

    Returns ms to the first answer, ms of CPU time, and ms of the median call.
    """
    api = RuntimeApi()  # one each: what waits at one that was killed takes no event
    api_environment = {"AWS_LAMBDA_RUNTIME_API": api.address, **environment}
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", client_of(handler), handler],
        cwd=folder,
        env={**os.environ, **api_environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert api.ask(event())["statusCode"] == 200
        first = time.perf_counter() - began
        warm = []
        for _ in range(calls):
            began = time.perf_counter()
            api.ask(event())
            warm.append(time.perf_counter() - began)
    finally:
        process.kill()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        api.close()
    cpu_ms = 1000 * (used.ru_utime + used.ru_stime)
    return 1000 * first, cpu_ms, 1000 * statistics.median(warm or [0])


def publish(folder):
    """Publish the network into a registry in the folder; return the registry."""
    network(folder / "net.onnx")
    registry = open_registry(f"file://{folder}/registry")
    manifest = Manifest(
        model="net",
        kind="classification",
        signature=Signature(
            inputs=(Input("features", "FP32", (-1, 32), "tensor"),),
            outputs=(Output("scores", "FP32", (-1, 2)),),
            labels=("stays", "leaves"),
        ),
        variants=(Variant("fp32", "net.onnx"),),
        default_variant="fp32",
    )
    registry.publish(manifest, {"net.onnx": folder / "net.onnx"}, by="bench")
    registry.promote(Reference("net", version=1), by="bench")
    return registry


def prepared(folder, bucket):
    """Write the three functions and the registry; return handlers and environments."""
    registry = publish(folder)
    (folder / "bare.py").write_text(BARE)
    (folder / "usual.py").write_text(USUAL)
    static = {"HOTSEAT_REGISTRY": registry.store.uri, "HOTSEAT_STATIC": "1"}
    cloud = {
        "AWS_ENDPOINT_URL": bucket,
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    os.environ.update(cloud)
    boto3.client("s3").create_bucket(Bucket="bench")
    remote = open_registry("s3://bench/hotseat")
    archive.copy(
        registry.resolve(Reference("net", version=1)), registry, remote, by="b"
    )
    remote.promote(Reference("net", version=1), by="bench")
    dynamic = {
        **cloud, "HOTSEAT_REGISTRY": remote.store.uri,
        "HOTSEAT_DEFAULT_MODEL": "net",
        "HOTSEAT_WARM": "1",  # as in a deployment
    }  # fmt: skip
    far = {**dynamic, "AWS_ENDPOINT_URL": distant(bucket, AWAY)}
    ours = "hotseat_serve.handler.handler"
    return {
        "bare onnxruntime": ("bare.handler", {}),
        "Hotseat, static": (ours, static),
        "Hotseat, dynamic from S3": (ours, dynamic),
        f"the same, each answer {1000 * AWAY:.0f} ms late": (ours, far),
        "FastAPI + Mangum": ("usual.handler", {}),
    }


def emulated(handler, folder, environment, image, mounts=()):
    """Start under the emulator, ask once and a hundred times; return both in ms."""
    began = time.perf_counter()
    client = client_of(handler)
    function = Emulated(handler, folder, environment, image, mounts, client)
    try:
        assert function.ask(event())["statusCode"] == 200
        first = time.perf_counter() - began
        warm = []
        for _ in range(100):
            began = time.perf_counter()
            function.ask(event())
            warm.append(time.perf_counter() - began)
    finally:
        function.close()
    return 1000 * first, 1000 * statistics.median(warm)


def in_image(folder, image):
    """Return what starts the rows of the image, by their names."""
    # it is nobody who looks into it from the container
    subprocess.run(["chmod", "-R", "a+rX", str(folder)], check=True)
    bench = {"PYTHONPATH": "/var/task:/bench", "NET": "/bench/net.onnx"}
    static = {"HOTSEAT_REGISTRY": "file:///bench/registry", "HOTSEAT_STATIC": "1"}
    mounts = (f"{folder}:/bench",)
    ours = "hotseat_serve.handler.handler"
    return {
        "bare onnxruntime, emulator": lambda: emulated(
            "bare.handler", folder, {}, None
        ),
        "bare onnxruntime, image, emulator": lambda: emulated(
            "bare.handler", folder, bench, image, mounts
        ),
        "Hotseat, static, image, emulator": lambda: emulated(
            ours, folder, static, image, mounts
        ),
    }


def moto_server():
    """Start moto's server; return the process and its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [Path(sys.executable).with_name("moto_server"), "-p", str(port)]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return process, f"http://localhost:{port}"


def distant(url, seconds):
    """Return the URL of a proxy whose answers come so many seconds late."""
    host, port = url.removeprefix("http://").split(":")

    def carry(source, target, wait):
        try:
            while data := source.recv(1 << 16):
                time.sleep(wait)
                target.sendall(data)
        except OSError:
            pass
        target.close()

    def serve():
        while True:
            near, _ = listener.accept()
            far = socket.create_connection((host, int(port)))
            for each in (near, far):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for pair in ((near, far, seconds), (far, near, 0)):
                threading.Thread(target=carry, args=pair, daemon=True).start()

    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, daemon=True).start()
    return f"http://localhost:{listener.getsockname()[1]}"


def main():
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=9, help="starts of each (9)")
    parser.add_argument("--image", help="the function's, for three rows more")
    arguments = parser.parse_args()
    times = arguments.times
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        moto, bucket = moto_server()
        functions = prepared(folder, bucket)
        # as the image's build does: no source is compiled at a start
        ours = Path(hotseat_serve.__file__).parents[1]
        compiled = [sys.executable, "-m", "compileall", "-q", str(folder), str(ours)]
        subprocess.run(compiled, check=True)
        image = in_image(folder, arguments.image) if arguments.image else {}
        spent = {what: [] for what in (*functions, *image)}
        warm = {}
        for turn in range(times + 1):
            for what, (handler, environment) in functions.items():
                # nothing is left of the start before
                fresh = {"HOTSEAT_CACHE": tempfile.mkdtemp(dir=folder)}
                fresh.update(environment)
                calls = 100 if turn == 0 else 0  # they would count as the start's CPU
                *found, call = start(handler, folder, fresh, calls)
                spent[what].append(found)
                warm.setdefault(what, call)
            for what, begin in image.items():
                found, call = begin()
                spent[what].append((found, 0))  # CPU time within the emulator's own
                warm.setdefault(what, call)
        moto.kill()
    first, cpu_ms = (
        {what: statistics.median(turn[at] for turn in turns[1:])
         for what, turns in spent.items()}
        for at in (0, 1)
    )  # fmt: skip
    base, base_cpu = first["bare onnxruntime"], cpu_ms["bare onnxruntime"]
    print(f"CPU: {cpu.name()}; median of {times} starts, in turn\n")
    print("| function | start to first answer | of the bare | CPU time, of the bare | "
          "warm, client included |")  # fmt: skip
    print("|---|---|---|---|---|")
    for what, spent_ms in first.items():
        share = f"{cpu_ms[what] / base_cpu:.2f}x" if cpu_ms[what] else ""
        print(
            f"| {what} | {spent_ms:.0f} ms | {spent_ms / base:.2f}x | {share} | "
            f"{warm[what]:.2f} ms |"
        )


if __name__ == "__main__":
    main()

"""What it costs to ask who calls and who signed: ``make bench-keys``.

The check of a player's token, from memory and anew, beside one bare ECDSA verification;
a token of a bucket in memory, and in a DynamoDB table (moto's, on loopback: the time is
moto's own); the signed head of a cold start, beside the unsigned one and with the
import of cryptography; and the authorizer from process start to its answer, under AWS's
emulator if it is there (``make clients``), else under the runtime API.
"""

import argparse
import importlib.util
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cpu
from emulator import EMULATOR, Emulated
from runtime_api import RuntimeApi

NOW = 1_800_000_000.0


def timed(function, times):
    """Return the median microseconds of a call."""
    taken = []
    for _ in range(times):
        start = time.perf_counter_ns()
        function()
        taken.append(time.perf_counter_ns() - start)
    return statistics.median(taken) / 1e3


def make_key(folder):
    """Return a key and the path of its public half."""
    from cryptography.hazmat.primitives import serialization as s
    from cryptography.hazmat.primitives.asymmetric import ec

    from hotseat_registry.trust import LocalKey

    key = ec.generate_private_key(ec.SECP256R1())
    private, public = folder / "key.pem", folder / "key.pub"
    private.write_bytes(
        key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())
    )
    public.write_bytes(
        key.public_key().public_bytes(
            s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return LocalKey(private), public


def tokens(key):
    """Yield the rows of the token's check."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    from hotseat_serve.access.access_keys import from_pem
    from hotseat_serve.access.mint import mint
    from hotseat_serve.access.verify import Verifier

    keys = from_pem([key.public()])
    token = mint(key, "player-7", now=NOW, token_id="t", models=["mood"], game="g")

    def make_verifier():
        return Verifier(lambda _anew: keys, lambda: NOW)

    verifier = make_verifier()
    public, data = serialization.load_pem_public_key(key.public()), b"x" * 200
    signature = key.sign(data)
    algorithm = ec.ECDSA(hashes.SHA256())
    bare = timed(lambda: public.verify(signature, data, algorithm), 2_000)
    anew = timed(lambda: make_verifier().verify(token), 2_000)
    verifier.verify(token)
    yield "one ECDSA verification", bare
    yield "token, anew (aim: under 2,000)", anew
    yield (
        "token, from memory (aim: under 100)",
        timed(lambda: verifier.verify(token), 20_000),
    )


def limits():
    """Yield the rows of the limit."""
    import boto3
    from botocore.exceptions import EndpointConnectionError

    from hotseat_serve.access.buckets import Limit, MemoryBuckets
    from hotseat_serve.access.dynamodb_buckets import DynamoBuckets

    limit = Limit(1_000_000, 1_000_000)
    memory = MemoryBuckets(time.monotonic)
    yield "limit, in memory", timed(lambda: memory.take("a", limit), 20_000)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        env = {
            "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x", "AWS_ENDPOINT_URL": f"http://localhost:{port}",
        }  # fmt: skip
        os.environ.update(env, AWS_DEFAULT_REGION="eu-west-1")
        client = boto3.client("dynamodb")
        for _ in range(200):
            try:
                client.create_table(
                    TableName="limits",
                    AttributeDefinitions=[
                        {"AttributeName": "bucket", "AttributeType": "S"}
                    ],
                    KeySchema=[{"AttributeName": "bucket", "KeyType": "HASH"}],
                    BillingMode="PAY_PER_REQUEST",
                )
                break
            except EndpointConnectionError:  # it is still starting
                time.sleep(0.05)
        buckets = DynamoBuckets("limits", env)
        numbers = iter(range(10_000))
        # each bucket is new, and so full
        yield (
            "limit, in a table of moto: full",
            timed(lambda: buckets.take(f"p{next(numbers)}", limit), 200),
        )
        slow = Limit(1, 1_000)
        buckets.take("a", slow)
        yield (
            "limit, in a table of moto: not full",
            timed(lambda: buckets.take("a", slow), 200),
        )
    finally:
        server.kill()
        server.wait()


HEAD = """
import sys, time
start = time.perf_counter_ns()
from hotseat_registry import open_registry
from hotseat_registry.trust import Trust
registry = open_registry(sys.argv[1], reading=True)
if sys.argv[2] == "signed":
    from datetime import timedelta
    from pathlib import Path
    from hotseat_registry.signed_ledger import open_signed
    began = time.perf_counter_ns()
    import cryptography.hazmat.primitives.asymmetric.ec
    import cryptography.hazmat.primitives.serialization
    imported = time.perf_counter_ns() - began
    registry = open_signed(
        sys.argv[1], Trust.read(sys.argv[3]), memory=Path(sys.argv[4]),
        grace=timedelta(7),
    )
else:
    imported = 0
began = time.perf_counter_ns()
registry.ledger.head("mood")
print((time.perf_counter_ns() - start) / 1e3, imported / 1e3,
      (time.perf_counter_ns() - began) / 1e3)
"""


def heads(folder, key, public):
    """Yield the rows of a cold start's head, each in fresh processes."""
    import onnx

    from hotseat_registry import (
        Input,
        Manifest,
        Output,
        Reference,
        Signature,
        Variant,
        open_registry,
    )
    from hotseat_registry.signing import Signer

    graph = folder / "net.onnx"
    info = onnx.helper.make_tensor_value_info
    shape = ["n", 4]
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            [onnx.helper.make_node("Identity", ["x"], ["value"])], "g",
            [info("x", onnx.TensorProto.FLOAT, shape)],
            [info("value", onnx.TensorProto.FLOAT, shape)],
        ),
        opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8,
    )  # fmt: skip
    onnx.save(model, graph)
    registry = open_registry(f"file://{folder}/registry")
    registry.publish(
        Manifest(
            model="mood", kind="tensor",
            signature=Signature(
                (Input("x", "FP32", (-1, 4), "tensor"),),
                (Output("value", "FP32", (-1, 4)),),
            ),
            variants=(Variant("fp32", "net.onnx"),), default_variant="fp32",
        ),
        {"net.onnx": graph}, by="ada",
    )  # fmt: skip
    registry.promote(Reference("mood", version=1), by="ada")
    Signer(registry, key, "ada").renew("mood")
    found = {}
    for round_ in range(9):
        for kind in ("plain", "signed"):
            words = [registry.store.uri, kind, str(public), f"{folder}/m{round_}"]
            done = subprocess.run(
                [sys.executable, "-c", HEAD, *words], capture_output=True, check=True
            )
            found.setdefault(kind, []).append([float(x) for x in done.stdout.split()])
    plain, signed = (
        [statistics.median(column) for column in zip(*found[kind], strict=True)]
        for kind in ("plain", "signed")
    )
    yield "head, unsigned: read", plain[2]
    yield "head, signed: read, verified, remembered", signed[2]
    yield "  import of cryptography", signed[1]
    yield "  all that signed heads add to a start", signed[0] - plain[0]


START = """
import json, sys, time
import hotseat_serve.lambda_loop.loop
from hotseat_serve.access.authorizer import handler
assert handler(json.loads(sys.argv[1]), None)["isAuthorized"]
print(time.process_time() * 1e6)
"""


def lay_out(folder):
    """Return a folder with the packages that the authorizer's image has, linked.

    A developer's environment adds hooks to each start of Python that no image has.
    """
    task = folder / "task"
    task.mkdir()
    for name in ("hotseat_serve", "hotseat_registry", "cryptography", "cffi",
                 "_cffi_backend", "orjson"):  # fmt: skip
        spec = importlib.util.find_spec(name)
        places = spec.submodule_search_locations
        place = Path(places[0] if places else spec.origin)
        (task / place.name).symlink_to(place)
    return task


def authorizer(folder, key, public):
    """Yield the rows of the authorizer: process start to first answer."""
    from hotseat_serve.access.access_keys import from_pem
    from hotseat_serve.access.mint import mint

    (folder / "registry").mkdir(exist_ok=True)
    (folder / "registry/access.json").write_bytes(
        from_pem([public.read_bytes()]).to_bytes()
    )
    token = mint(key, "p", now=time.time(), token_id="t")
    event = {"version": "2.0", "headers": {"authorization": f"Bearer {token}"}}
    environment = {
        "HOTSEAT_REGISTRY": f"file://{folder}/registry",
        "PYTHONPATH": f"{lay_out(folder)}{os.pathsep}{folder}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512", "AWS_REGION": "eu-west-1",
    }  # fmt: skip
    (folder / "bare.py").write_text("def handler(event, context):\n    return event\n")
    bare = [
        start_to_answer("bare.handler", folder, environment, event)[0] for _ in range(9)
    ]
    handler = "hotseat_serve.access.authorizer.handler"
    taken, warm = [], []
    for _ in range(9):
        cold, answer, again = start_to_answer(handler, folder, environment, event)
        assert answer["isAuthorized"] is True, answer
        taken.append(cold)
        warm.append(again)
    front = "emulator" if EMULATOR.exists() else "runtime API"
    command = [sys.executable, "-S", "-c", START, json.dumps(event)]
    spent = [
        float(subprocess.check_output(command, env={**os.environ, **environment}))
        for _ in range(9)
    ]
    yield "authorizer, cold: CPU time, whatever else runs", statistics.median(spent)
    ratio = statistics.median(taken) / statistics.median(bare)
    yield f"a bare handler, cold, under the {front}", min(bare)
    yield f"authorizer, cold, under the {front} (aim: under 150,000)", min(taken)
    yield "  the medians of nine starts: bare", statistics.median(bare)
    yield "  and the authorizer", statistics.median(taken)
    yield "  their ratio (no unit)", ratio
    yield "  warm", statistics.median(warm)


def start_to_answer(handler, folder, environment, event):
    """Return a start's microseconds, the answer, and those of a warm one."""
    start = time.perf_counter_ns()
    if EMULATOR.exists():
        one = Emulated(handler, folder, environment, python=(sys.executable, "-S"))
        close = one.close
    else:
        one = RuntimeApi()
        close = subprocess.Popen(
            [sys.executable, "-S", "-m", "hotseat_serve.lambda_loop", handler],
            env={**os.environ, **environment, "AWS_LAMBDA_RUNTIME_API": one.address},
            cwd=folder,
        ).kill  # fmt: skip
    answer = one.ask(event)
    cold = (time.perf_counter_ns() - start) / 1e3
    warm = timed(lambda: one.ask(event), 20)
    close()
    return cold, answer, warm


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures here too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        key, public = make_key(folder)
        rows = [
            *tokens(key), *limits(), *heads(folder, key, public),
            *authorizer(folder, key, public),
        ]  # fmt: skip
    print(cpu.name())
    for what, microseconds in rows:
        print(f"  {what:58} {microseconds:12,.1f} us")
    if arguments.json:
        arguments.json.write_text(json.dumps(dict(rows), indent=1))


if __name__ == "__main__":
    main()

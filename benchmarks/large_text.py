"""A large language model from its folder to a token: ``make test-large`` (SIZE=MB).

Writes a decoder of Llama's kind with random weights, publishes it (`hotseat publish`)
in a folder, copies it into a bucket (`hotseat registry copy`, moto's server), and
answers from both in fresh processes with the service's own loader. Each step says how
much memory its process took: files go through it piece by piece, and the weights stay
mapped where the runtime leaves them so. A step that holds a file in memory fails.
"""

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cpu

HIDDEN, INNER, HEADS, HEAD_SIZE = 1_024, 2_816, 16, 64
KEY_HEADS, VOCABULARY, CONTEXT = 4, 258, 256
_LAYER_BYTES = 4 * HIDDEN * (2 * HIDDEN + 2 * KEY_HEADS * HEAD_SIZE + 3 * INNER)
_BLOCK = 1 << 20
PIECES_MB = 150
"""The memory in which a file of any size goes through a process: the interpreter, boto3
and four parts of 8 MB."""
# one request at a time: moto looks and writes in two steps, where S3 does so in one
_MOTO = """
import sys
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
app = DomainDispatcherApplication(create_backend_app)
run_simple("127.0.0.1", int(sys.argv[1]), app, threaded=False)
"""
_KEYS = {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_REGION": "eu-west-1",
         "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}  # fmt: skip


def main() -> None:
    """Write, publish, copy and answer; print a line a step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1_100, help="megabytes of weights")
    size = parser.parse_args().size
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(
            tempfile.TemporaryDirectory(prefix="hotseat-large-")
        ))  # fmt: skip
        env = {**os.environ, **_KEYS, "TMPDIR": str(_made(folder / "tmp"))}
        source = write(_made(folder / "large"), size)
        weights = (source / "model.onnx.data").stat().st_size / 1e6
        print(f"CPU: {cpu.name()}; {weights:,.0f} MB of weights")
        registry = f"file://{folder / 'registry'}"
        words = ["publish", source, "--registry", registry]
        _step("hotseat publish, which opens it five times", _hotseat(words), env)
        env["AWS_ENDPOINT_URL"] = stack.enter_context(_bucket(env))
        (source / "model.onnx.data").unlink()  # the disk holds it at most four times
        copy = ["registry", "copy", "large@1", "--registry", registry, "--to",
                "s3://models/games"]  # fmt: skip
        _, peak = _step("hotseat registry copy to a bucket", _hotseat(copy), env)
        assert peak < PIECES_MB, f"copying took {peak:.0f} MB"
        for what, uri in (("folder", registry), ("bucket", "s3://models/games")):
            words = [sys.executable, __file__, "--one", uri, str(folder / f"of-{what}")]
            out, _ = _step(f"the first token from the {what}", words, env)
            row = json.loads(out)
            print(
                f"    fetched in {row['fetch_s']:.1f} s with {row['fetch_mb']:.0f} MB "
                f"of memory at most; opened in {row['open_s']:.1f} s; a token in "
                f"{row['token_ms']:.0f} ms; then {row['anonymous_mb']:,.0f} MB of the "
                f"process's own and {row['mapped_mb']:,.0f} MB of mapped files"
            )
            assert row["fetch_mb"] < PIECES_MB, "a file was held in memory"
            assert row["anonymous_mb"] < 1.3 * weights + PIECES_MB, "held twice"
            assert row["text"], "no token came"


def _step(what: str, words: list[str], env: dict[str, str]) -> tuple[str, float]:
    """Run a process; return its output and its largest memory in MB."""
    began = time.perf_counter()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(list(map(str, words)), env=env, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, f"{what} failed"
        out.seek(0)
        text = out.read().decode()
    peak = usage.ru_maxrss / 1e3
    print(f"{what}: {time.perf_counter() - began:.1f} s, {peak:,.0f} MB of memory")
    return text, peak


def _hotseat(words: list[object]) -> list[str]:
    program = "import sys; from hotseat._cli import main; sys.exit(main(sys.argv[1:]))"
    return [sys.executable, "-c", program, *map(str, words)]


@contextlib.contextmanager
def _bucket(env: dict[str, str]):
    """Run moto's server with the bucket ``models``; yield its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://localhost:{port}"
    server = subprocess.Popen(
        [sys.executable, "-c", _MOTO, str(port)], env=env,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        end = time.monotonic() + 60
        while True:
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", port), 1),
            ):
                break
            assert time.monotonic() < end, "moto's server did not start"
            time.sleep(0.05)
        import boto3

        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        boto3.client("s3", "us-east-1", endpoint_url=url, **keys).create_bucket(
            Bucket="models"
        )
        yield url
    finally:
        server.terminate()
        server.wait(10)


def _answer(uri: str, cache: str) -> None:
    """Fetch, open and ask in this process; print what it took."""
    from hotseat_registry import Reference, open_registry
    from hotseat_registry.cache import Cache
    from hotseat_serve.codec.input_warnings import Warnings
    from hotseat_serve.runtime.loader import load
    from hotseat_serve.settings import Settings
    from hotseat_serve.text.text_request import TextRequest

    settings = Settings(registry=uri, cache=cache, cache_bytes=8 << 30)
    registry = open_registry(uri)
    manifest = registry.resolve(Reference("large", version=1))
    began = time.perf_counter()
    names = [*manifest.variants[0].files, *manifest.needed_files, manifest.golden]
    registry.fetch(
        manifest, Cache.private(settings.cache_folder, settings.cache_bytes), names
    )
    fetched, peak = time.perf_counter(), _status("VmHWM")
    loaded = load(registry, Reference("large", version=1), settings)
    opened = time.perf_counter()
    answering = loaded.text.answer(
        TextRequest(prompt="Hello", max_tokens=1, temperature=0), Warnings()
    )
    for _ in answering:
        pass
    done = time.perf_counter()
    print(
        json.dumps(
            {
                "fetch_s": fetched - began, "fetch_mb": peak,
                "open_s": opened - fetched, "token_ms": 1000 * (done - opened),
                "anonymous_mb": _status("RssAnon"), "mapped_mb": _status("RssFile"),
                "text": answering.usage()["completion_tokens"] == 1,
            }
        )
    )  # fmt: skip


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return int(next(x for x in lines if x.startswith(name)).split()[1]) / 1e3


def write(folder: Path, megabytes: int) -> Path:
    """Write a folder as onnxruntime-genai's builder does; return it."""
    import onnx
    from onnx import TensorProto, helper
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    layers = max(1, round(megabytes * 1e6 / _LAYER_BYTES))
    f, whole = TensorProto.FLOAT, TensorProto.INT64
    weights = _Weights(folder / "model.onnx.data")
    nodes = [
        _node("Gather", ["embedding", "input_ids"], "h0"),
        _node("ReduceSum", ["attention_mask", "axis"], "length", keepdims=0),
        _node("Sub", ["length", "one"], "last"),
        _node("Cast", ["last"], "last32", to=TensorProto.INT32),
        _node("Shape", ["attention_mask"], "shape"),
        _node("Gather", ["shape", "one_scalar"], "total"),
        _node("Cast", ["total"], "total32", to=TensorProto.INT32),
    ]
    for n in range(layers):
        nodes += _layer(n, weights)
    nodes += [
        _norm(f"h{layers}", weights.ones(), "final"),
        _node("MatMul", ["final", weights.add(HIDDEN, VOCABULARY)], "logits"),
    ]
    value = helper.make_tensor_value_info
    cache = ["b", KEY_HEADS, "past", HEAD_SIZE]
    names = [f"{n}.{part}" for n in range(layers) for part in ("key", "value")]
    graph = helper.make_graph(
        nodes, "large",
        [value("input_ids", whole, ["b", "n"]),
         value("attention_mask", whole, ["b", "m"]),
         *(value(f"past_key_values.{n}", f, cache) for n in names)],
        [value("logits", f, ["b", "n", VOCABULARY]),
         *(value(f"present.{n}", f, cache) for n in names)],
        [*weights.tensors, *_constants()],
    )  # fmt: skip
    weights.close()
    opset = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(
        helper.make_model(graph, opset_imports=opset, ir_version=10),
        folder / "model.onnx",
    )
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({one: at for at, one in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    ends = [AddedToken(text, special=True) for text in ("<|begin|>", "<|end|>")]
    tokenizer.add_special_tokens(ends)
    tokenizer.save(str(folder / "tokenizer.json"))
    decoder = {
        "filename": "model.onnx",
        "head_size": HEAD_SIZE,
        "num_hidden_layers": layers,
        "num_key_value_heads": KEY_HEADS,
    }
    config = {"type": "llama", "context_length": CONTEXT, "eos_token_id": 257,
              "vocab_size": VOCABULARY, "decoder": decoder}  # fmt: skip
    (folder / "genai_config.json").write_text(json.dumps({"model": config}))
    return folder


def _layer(n: int, weights: "_Weights") -> list[object]:
    """Return a layer of Llama: grouped-query attention, then a gated product."""
    keys = KEY_HEADS * HEAD_SIZE
    attention = _node(
        "GroupQueryAttention",
        [f"q{n}", f"k{n}", f"v{n}", f"past_key_values.{n}.key",
         f"past_key_values.{n}.value", "last32", "total32", "cos", "sin"],
        [f"a{n}", f"present.{n}.key", f"present.{n}.value"],
        domain="com.microsoft", num_heads=HEADS, kv_num_heads=KEY_HEADS, do_rotary=1,
    )  # fmt: skip
    return [
        _norm(f"h{n}", weights.ones(), f"x{n}"),
        *(_node("MatMul", [f"x{n}", weights.add(HIDDEN, size)], f"{part}{n}")
          for part, size in (("q", HIDDEN), ("k", keys), ("v", keys))),
        attention,
        _node("MatMul", [f"a{n}", weights.add(HIDDEN, HIDDEN)], f"o{n}"),
        _node("Add", [f"h{n}", f"o{n}"], f"m{n}"),
        _norm(f"m{n}", weights.ones(), f"y{n}"),
        _node("MatMul", [f"y{n}", weights.add(HIDDEN, INNER)], f"g{n}"),
        _node("MatMul", [f"y{n}", weights.add(HIDDEN, INNER)], f"u{n}"),
        _node("Sigmoid", [f"g{n}"], f"s{n}"),
        _node("Mul", [f"g{n}", f"s{n}"], f"gs{n}"),
        _node("Mul", [f"gs{n}", f"u{n}"], f"i{n}"),
        _node("MatMul", [f"i{n}", weights.add(INNER, HIDDEN)], f"d{n}"),
        _node("Add", [f"m{n}", f"d{n}"], f"h{n + 1}"),
    ]  # fmt: skip


def _node(kind: str, inputs: list[str], outputs: str | list[str], **more: object):
    from onnx import helper

    names = [outputs] if isinstance(outputs, str) else outputs
    return helper.make_node(kind, inputs, names, **more)


def _norm(source: str, scale: str, target: str):
    return _node("SimplifiedLayerNormalization", [source, scale], target,
                 axis=-1, epsilon=1e-5, stash_type=1)  # fmt: skip


def _constants() -> list[object]:
    import numpy as np
    from onnx import numpy_helper

    at = np.arange(CONTEXT)[:, None] / 10_000 ** (
        np.arange(0, HEAD_SIZE, 2) / HEAD_SIZE
    )
    rows = np.random.default_rng(1).normal(0, 1, (VOCABULARY, HIDDEN))
    return [
        numpy_helper.from_array(array, name)
        for name, array in (
            ("embedding", rows.astype(np.float32)),
            ("axis", np.array([1])), ("one", np.array([1])),
            ("one_scalar", np.array(1)),
            ("cos", np.cos(at).astype(np.float32)),
            ("sin", np.sin(at).astype(np.float32)),
        )
    ]  # fmt: skip


class _Weights:
    """Weights beside the graph: the same million random numbers, again and again."""

    def __init__(self, path: Path) -> None:
        import numpy as np

        self.tensors: list[object] = []
        self._file = path.open("wb")
        block = np.random.default_rng(0).normal(0, 0.02, _BLOCK).astype(np.float32)
        self._block = block.tobytes() * 2

    def add(self, rows: int, columns: int) -> str:
        """Write a matrix; return its name."""
        from onnx import TensorProto

        name, length = f"w{len(self.tensors)}", 4 * rows * columns
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT,
                             dims=(rows, columns),
                             data_location=TensorProto.EXTERNAL)  # fmt: skip
        parts = {"location": "model.onnx.data", "offset": self._file.tell(),
                 "length": length}  # fmt: skip
        for key, value in parts.items():
            tensor.external_data.add(key=key, value=str(value))
        start, left = 4 * (977 * len(self.tensors) % _BLOCK), length
        while left:
            size = min(left, 4 * _BLOCK)
            self._file.write(self._block[start : start + size])
            left -= size
        self.tensors.append(tensor)
        return name

    def ones(self) -> str:
        """Return the name of a scale of ones, in the graph."""
        import numpy as np
        from onnx import numpy_helper

        name = f"w{len(self.tensors)}"
        self.tensors.append(numpy_helper.from_array(np.ones(HIDDEN, np.float32), name))
        return name

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        _answer(*sys.argv[2:])
    else:
        main()

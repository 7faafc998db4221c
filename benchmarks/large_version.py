"""A large version inside an image: ``make bench-large`` (SIZE=megabytes of weights).

Bakes a version whose weights lie beside its graph, as a static function's image has it,
and answers from it in a fresh process: seconds to the first answer, the process's
memory, and what the temporary folder took. The weights are a table of embeddings, of
which a request reads two rows.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cpu

ROOT = Path(__file__).parents[1]
COLUMNS = 1_024
_BLOCK = 4_096


def main() -> None:
    """Write, publish, bake and answer; print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=2_048, help="megabytes of weights")
    size = parser.parse_args().size
    with tempfile.TemporaryDirectory(prefix="hotseat-large-") as name:
        folder = Path(name)
        _publish(folder, size)
        done = subprocess.run(
            [sys.executable, __file__, "--one", str(folder)],
            env={**os.environ, "TMPDIR": str(_made(folder / "tmp"))},
            check=True, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        row = json.loads(done.stdout)
    print(f"CPU: {cpu.name()}")
    print(
        f"{size:,} MB of weights in the image: the first answer {row['answer']:.1f} s "
        f"after the process's first import, its hashing included; "
        f"{row['resident_mb']:,.0f} MB of memory at most, of which "
        f"{row['anonymous_mb']:,.0f} MB are not mapped files; "
        f"{row['tmp_mb']:.1f} MB in /tmp; the second request {row['second_ms']:.2f} ms"
    )


def _publish(folder: Path, size: int) -> None:
    import numpy as np
    import onnx
    from onnx import TensorProto, helper

    from hotseat_registry import Input, Manifest, Output, Reference, Signature, Variant
    from hotseat_registry.bake import bake
    from hotseat_registry.registry import Registry
    from hotseat_registry.stores.folder import FolderStore

    rows = size * 1_000_000 // (4 * COLUMNS)
    weights = TensorProto(
        name="table", data_type=TensorProto.FLOAT, dims=(rows, COLUMNS),
        data_location=TensorProto.EXTERNAL,
    )  # fmt: skip
    parts = {"location": "weights.bin", "offset": 0, "length": rows * COLUMNS * 4}
    for key, value in parts.items():
        weights.external_data.add(key=key, value=str(value))
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "ids"], ["rows"])],
        "table",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["n"])],
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["n", COLUMNS])],
        [weights],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9
    )
    source = _made(folder / "source")
    onnx.save(model, source / "model.onnx")
    random = np.random.default_rng(0)
    with (source / "weights.bin").open("wb") as file:
        for first in range(0, rows, _BLOCK):
            block = (min(_BLOCK, rows - first), COLUMNS)
            file.write(random.random(block, np.float32).tobytes())
    manifest = Manifest(
        model="large",
        kind="tensor",
        signature=Signature(
            inputs=(Input("ids", "INT64", (-1,), "tensor"),),
            outputs=(Output("rows", "FP32", (-1, COLUMNS)),),
        ),
        variants=(
            Variant("fp32", "model.onnx", data=("weights.bin",), optimized=True),
        ),
        default_variant="fp32",
    )
    registry = Registry(FolderStore(folder / "registry"))
    registry.publish(manifest, {p.name: p for p in source.iterdir()}, by="bench")
    for path in source.iterdir():  # the disk holds the weights at most three times
        path.unlink()
    bake(registry, Reference("large", version=1), folder / "image", by="bench")


def _answer(folder: Path) -> None:
    """Answer from the baked version in this process; print what it took."""
    began = time.perf_counter()
    from hotseat_registry import Reference
    from hotseat_registry.registry import Registry
    from hotseat_registry.stores.folder import FolderStore
    from hotseat_serve.runtime.loader import load
    from hotseat_serve.settings import Settings

    settings = Settings(
        cache=str(folder / "tmp" / "cache"), cache_bytes=400_000_000, static=True
    )
    loaded = load(
        Registry(FolderStore(folder / "image")),
        Reference("large", version=1),
        settings,
    )
    import numpy as np

    answer = loaded.session.run({"ids": np.array([0, 7], np.int64)}, ["rows"])
    assert answer["rows"].shape == (2, COLUMNS)
    after = time.perf_counter() - began
    again = time.perf_counter()
    loaded.session.run({"ids": np.array([1, 9], np.int64)}, ["rows"])
    second = time.perf_counter() - again
    status = Path("/proc/self/status").read_text("utf-8")
    anonymous = next(x for x in status.splitlines() if x.startswith("RssAnon"))
    tmp = sum(p.stat().st_size for p in (folder / "tmp").rglob("*") if p.is_file())
    print(
        json.dumps(
            {
                "answer": after,
                "second_ms": 1000 * second,
                "resident_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
                "anonymous_mb": int(anonymous.split()[1]) / 1e3,
                "tmp_mb": tmp / 1e6,
            }
        )
    )


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        _answer(Path(sys.argv[2]))
    else:
        main()

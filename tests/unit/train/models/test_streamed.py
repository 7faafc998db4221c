"""The parts of a streamed training, without one."""

import hashlib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotseat_serve.runtime.session import Session
from hotseat_train.data.dataset import split
from hotseat_train.errors import DatasetError
from hotseat_train.models.tables.streamed import forecast, splits
from hotseat_train.models.tables.streamed.encoding import Encoding, Ranks
from hotseat_train.models.tables.streamed.sampling import Sampler
from hotseat_train.models.tables.streamed.spool import Part, Rows
from hotseat_train.models.tables.streamed.trees import _rounded_down


@given(st.lists(st.integers(0, 400), max_size=8), st.integers(1, 60))
def test_a_sample_has_at_most_so_many_rows_each_of_them_once(sizes, most):
    """However the rows arrive; a small stream is kept whole."""
    sampler, start = Sampler(most, 0), 0
    for size in sizes:
        column = pa.array(range(start, start + size), pa.int64())
        sampler.add(pa.record_batch([column], ["x"]))
        start += size
    rows = sampler.rows(pa.schema([("x", pa.int64())])).column("x").to_pylist()
    assert len(rows) == len(set(rows)) == sampler.count <= most
    assert rows == sorted(rows)
    if start <= most:
        assert rows == list(range(start))


def test_every_row_has_the_same_chance_to_be_in_the_sample():
    """The first half of the stream is half of the sample, within chance."""
    sampler = Sampler(2_000, 0)
    for start in range(0, 100_000, 1_000):
        sampler.add(pa.record_batch([pa.array(range(start, start + 1_000))], ["x"]))
    rows = sampler.rows(pa.schema([("x", pa.int64())])).column("x").to_numpy()
    share = (rows < 50_000).mean()
    assert abs(share - 0.5) < 4 * 0.5 / len(rows) ** 0.5


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=30,
                max_size=60, unique=True))  # fmt: skip
def test_an_id_is_in_the_split_that_a_table_in_memory_puts_it_in(ids):
    """So that a table may grow out of memory without moving its rows."""
    try:
        parts = split([(key, key, 0) for key in ids], splits.SEED)
    except DatasetError:  # too few for three parts
        return
    where = dict(zip(ids, splits.by_id(pa.array(ids), splits.SEED), strict=True))
    for number, part in enumerate(parts):
        assert all(where[key] == number for key in part.keys)


@given(st.integers(0, 2**32 - 1))
def test_equal_rows_are_in_one_split_and_a_tenth_is_in_each_small_one(seed):
    """The hash takes the bits: also of missing numbers."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(2_000, 3)).astype(np.float32)
    x[:50, 1] = np.nan
    where = splits.by_row(x, splits.SEED)
    assert (splits.by_row(x[::-1], splits.SEED)[::-1] == where).all()
    shares = np.bincount(where, minlength=3) / len(x)
    assert np.abs(shares - [0.8, 0.1, 0.1]).max() < 0.05


@given(st.floats(allow_nan=False, allow_infinity=False, width=64),
       st.floats(allow_nan=False, allow_infinity=False, width=32))  # fmt: skip
def test_a_rounded_threshold_divides_float32_as_the_exact_one(threshold, number):
    """The graph compares in float32, LightGBM in float64."""
    assert (number <= threshold) == (number <= float(_rounded_down(repr(threshold))))


def test_the_graph_encodes_as_numpy_does(tmp_path):
    """Numbers, missing ones, frequent, rare and missing categories."""
    from hotseat_registry import Field

    texts = pa.array(["de"] * 40 + ["fr"] * 30 + ["", "cn"] * 5)
    targets = np.array([0.0] * 40 + [1.0] * 30 + [0.5] * 10)
    ranks = Ranks.of(texts, targets)
    assert list(ranks.ranks) == ["de", "fr"]
    assert ranks.other == 0.5
    encoding = Encoding(
        (Field("hours"), Field("level", default=7.0)),
        (Field("country", "category", default=""),),
        {"country": ranks},
    )
    batch = pa.record_batch(
        {"hours": [1.5, None, float("inf")], "level": [None, 2.0, 3.0],
         "country": ["de", None, "cn"]}
    )  # fmt: skip
    x = encoding.encode(batch)
    assert x[0].tolist() == [1.5, 7.0, 0.0]
    assert np.isnan(x[1:, 0]).all()
    assert x[:, 2].tolist() == [0.0, 0.5, 0.5]
    path = tmp_path / "g.onnx"
    path.write_bytes(encoding.graph().SerializeToString())
    numbers = np.array([[1.5, 7], [np.nan, 2], [np.inf, 3]], np.float32)
    words = np.array([["de"], [""], ["cn"]], object)
    served = Session(path).run({"numbers": numbers, "words": words})["x"]
    np.testing.assert_array_equal(served, x)


def test_rows_on_disk_are_read_as_they_were_written(tmp_path):
    """As slices in float32, and one by one in float64, as LightGBM wants its sample."""
    part, random = Part(tmp_path / "train", 4), np.random.default_rng(0)
    x = random.normal(size=(30, 4)).astype(np.float32)
    with part.writer() as writer:
        writer.add(x[:10], np.arange(10))
        writer.add(x[10:], np.arange(10, 30))
    assert len(part) == 30
    np.testing.assert_array_equal(part.rows(5, 25), x[5:25])
    np.testing.assert_array_equal(part.targets(), np.arange(30))
    rows = Rows(part, 10, 20)
    assert len(rows) == 10
    np.testing.assert_array_equal(rows[2:5], x[12:15])
    assert rows[3].dtype == np.float64
    np.testing.assert_array_equal(rows[3], x[13])


def test_a_forecast_grows_by_less_than_200_bytes_a_row():
    """Twenty columns, two labels."""

    def of(rows):
        return forecast.streamed(
            rows, 20, 2, seconds_read=1, seconds_a_tree=1, trees=10, base=0
        )

    grown = of(10_000_000).memory_bytes - of(1_000_000).memory_bytes
    assert 20 * 9_000_000 < grown < 200 * 9_000_000
    assert of(10_000_000).memory_bytes < 6e9


@pytest.mark.parametrize("columns", [1, 20])
def test_a_small_table_is_read_as_a_whole(columns):
    """And one of a billion rows is not."""
    assert forecast.fits(1_000, columns)
    assert not forecast.fits(10**10, columns)


def test_the_split_by_row_does_not_change_between_releases():
    """A run of tomorrow must not test on the rows that today's trained on."""
    x = np.arange(300, dtype=np.float32).reshape(100, 3)
    digest = hashlib.sha256(splits.by_row(x, splits.SEED).tobytes()).hexdigest()
    assert digest.startswith("4be251e57ebc")

"""The size of a table, from its first bytes."""

import gzip

import pyarrow as pa
import pytest
from pyarrow import parquet

from hotseat_train.data import table_size

ROWS = 30_000


def _text(rows=ROWS):
    return "a,b,c\n" + "".join(
        f"{at % 97},text {at % 13},{at % 2}\n" for at in range(rows)
    )


def test_the_rows_of_a_text_are_estimated(tmp_path):
    """Within a hundredth, where lines are about equally long."""
    path = tmp_path / "t.csv"
    path.write_text(_text(100_000))
    rows, columns = table_size.estimate(path)
    assert rows == pytest.approx(100_000, rel=0.01)
    assert columns == 3


def test_parquet_says_it(tmp_path):
    """Exactly."""
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table({"a": range(ROWS), "b": range(ROWS)}), path)
    assert table_size.estimate(path) == (ROWS, 2)


def test_a_folder_has_the_sum_of_its_files(tmp_path):
    """Also of files in folders inside it."""
    for name in ("x=1", "x=2"):
        (tmp_path / name).mkdir()
        parquet.write_table(pa.table({"a": range(ROWS)}), tmp_path / name / "p.parquet")
    assert table_size.estimate(tmp_path) == (2 * ROWS, 1)


def test_a_packed_text_is_larger_than_its_file(tmp_path):
    """A rough estimate: only the order of magnitude decides how a table is read."""
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(_text().encode()))
    rows, _ = table_size.estimate(path)
    assert rows * 7 * 20 > path.stat().st_size


def test_what_cannot_be_read_has_no_size(tmp_path):
    """A missing file, a broken Parquet file, an empty folder."""
    assert table_size.estimate(tmp_path / "none") is None
    assert table_size.estimate(tmp_path) is None
    path = tmp_path / "broken.parquet"
    path.write_bytes(b"PAR1")
    assert table_size.estimate(path) is None

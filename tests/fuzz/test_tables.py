"""Tables with a few bytes changed are read, or refused with their fault."""

import gzip
import io

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import feather, parquet

from hotseat_train.data import tables
from hotseat_train.errors import DatasetError


def _packed(write):
    file = io.BytesIO()
    write(pa.table({"a": [1, 2], "b": ["x", None]}), file)
    return file.getvalue()


FILES = [
    b"a,b,c\n1,2,x\n3,4,y\n", b"sep=;\na;b\n1,5;2\n", b'{"a": 1}\n{"a": [2]}\n',
    _packed(parquet.write_table), _packed(feather.write_feather),
    gzip.compress(b"a,b\n1,2\n", mtime=0), "a\tb\n1\t2\n".encode("utf-16"),
    "名,字\n你,好\n".encode("gb18030"),
]  # fmt: skip
ODD = [
    b",", b"\n", b"\r", b'"', b"\0", b"\xff", b"\xef\xbb\xbf", b"\t", b"[", b"{",
    b"1e999", b"0" * 30, b"9" * 400, b"2025-01-01", b"\x1f",
]  # fmt: skip
new_bytes = st.sampled_from(ODD) | st.binary(max_size=3)
change = st.tuples(st.integers(0, 2_000), st.integers(0, 9), new_bytes)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.sampled_from(FILES), changes=st.lists(change, max_size=6))
def test_a_damaged_file_is_read_or_refused(tmp_path, data, changes):
    """Whatever stands in a file, the answer is a table or a `DatasetError`."""
    content = bytearray(data)
    for place, gone, new in changes:
        at = place % (len(content) + 1)
        content[at : at + gone] = new
    path = tmp_path / "x"
    path.write_bytes(content)
    try:
        table = tables.read(path)
    except DatasetError:
        return
    assert len(table) > 0
    assert table.arrow.num_columns == 0 or table.arrow.num_rows == len(table)

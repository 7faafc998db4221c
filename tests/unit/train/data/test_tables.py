"""Any table: formats, encodings, types of columns, and every fault at once."""

import gzip
import io
import json
import random
import re
import zipfile

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import feather, parquet

from hotseat_registry import Field, Input, Signature
from hotseat_serve.codec import cells, game_json
from hotseat_train.data import tables
from hotseat_train.data.tables import Options, files
from hotseat_train.data.tables.distinct import Distinct, hash_numbers
from hotseat_train.errors import DatasetError

HEADER = "hours,level,country"
ROWS = [[n / 2 + 0.25, n % 7, "de" if n % 3 else "fr"] for n in range(30)]


def text(rows=ROWS, header=HEADER, mark=","):
    lines = [header.replace(",", mark), *(mark.join(map(str, row)) for row in rows)]
    return "\n".join(lines) + "\n"


def column(values, name="x", **options):
    """Return what a column of texts is, described from a CSV file."""
    rows = "".join(f"{at % 2},{value}\n" for at, value in enumerate(values))
    return describe(f"y,{name}\n{rows}", **options).column(name)


def describe(content, **options):
    with _kept(content) as path:
        return tables.describe(path, options=Options(**options))


class _kept:  # noqa: N801
    """A file with some content, gone at the end."""

    def __init__(self, content, name="x.csv"):
        self.content, self.name = content, name

    def __enter__(self):
        import tempfile
        from pathlib import Path

        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name, self.name)
        data = self.content.encode() if isinstance(self.content, str) else self.content
        path.write_bytes(data)
        return path

    def __exit__(self, *_error):
        self.folder.cleanup()


def spread(low, count=40):
    """Return a date of the year for each row, by its day's number."""
    return [low(day % 28 + 1, day % 12 + 1) for day in range(count)]


COLUMNS = {
    "numbers": ([1.5, 2, 3] * 10, "number", {}),
    "decimal commas": (
        ['"1,5"', '"12,25"', '"0,125"'] * 10, "number", {"decimal": ","}),
    "thousands": (
        ['"1,234.5"', '"12"', '"7,000"'] * 10, "number", {"thousands": ","}),
    "Swiss": (["1'234.5", "12", "7'000"] * 10, "number", {"thousands": "'"}),
    "euros": (["1.5 €", "12 €", "€ 7"] * 10, "number", {"unit": "€"}),
    "percent": (["1.5%", "12 %", "0%"] * 10, "number", {"unit": "%"}),
    "gaps": (["1.5", "-", "#N/A", "\\N", "2", "?", "inf"] * 5, "number", {}),
    "yes or no": (
        ["yes", "no", ""] * 10, "boolean", {"true": ["yes"], "false": ["no"]}),
    "true or false": (["True", "FALSE"] * 10, "boolean", {}),
    "postcodes": (["01067", "10115", "20095"] * 10, "category", {"whole": True}),
    "regions": (["NA", "EU", "KR"] * 10, "category", {}),
    "ISO": (spread("2025-{1:02}-{0:02}".format), "date", {"date": "iso"}),
    "German": (spread("{0:02}.{1:02}.2025".format), "date", {"date": "%d.%m.%Y"}),
    "American": (spread("{1}/{0}/2025".format), "date", {"date": "%m/%d/%Y"}),
    "Chinese": (spread("2025年{1}月{0}日".format), "date", {"date": "%Y年%m月%d日"}),
    "packed": (spread("2025{1:02}{0:02}".format), "date", {"date": "%Y%m%d"}),
    "with a time": (spread("{1:02}/{0:02}/2025 9:30 PM".format), "date",
                    {"date": "%m/%d/%Y %I:%M %p"}),
    "texts": ([f"word{n} of a longer text" for n in range(60)], "text", {}),
    "Chinese texts": ([f"这是第{n}句很长的话" for n in range(60)], "text", {}),
    "lists": (["bow|sword", "bow", "axe|bow", "axe|sword", "axe|bow|sword"] * 9, "list",
              {"separator": "|"}),
    "e-mail": ([f"p{n % 9}@mail.example" for n in range(40)], "id", {}),
    "UUIDs": ([f"0b5f1d5e-0000-4000-8000-{n % 9:012}" for n in range(40)], "id", {}),
    "IP": ([f"2001:db8::{n % 9:x}" for n in range(40)], "id", {}),
    "times": ([f"{n % 9:02}:30:15" for n in range(40)], "category", {}),
    "Steam": ([76561190000000000 + 977 * n for n in range(40)], "id", {}),
    "serial": (range(40), "id", {}),
    "every row another word": ([f"u{n}" for n in range(40)], "id", {}),
    "account numbers": ([100_000_007 + 20_000_017 * n for n in range(40)], "id", {}),
    "one value": (["7"] * 40, "constant", {}),
    "no value": ([""] * 40, "empty", {}),
}  # fmt: skip


@pytest.mark.parametrize("case", COLUMNS)
def test_a_column_is_what_its_values_are(case):
    values, kind, reading = COLUMNS[case]
    found = column(values)
    assert (found.type, found.reading.to_json()) == (kind, reading)
    assert found.used == (kind not in {"id", "constant", "empty"})


READ = [case for case, (_, kind, _) in COLUMNS.items()
        if kind not in {"id", "constant", "empty"}]  # fmt: skip


@pytest.mark.parametrize("case", READ)
def test_a_request_with_a_cell_s_text_means_what_the_table_means(case):
    """The codec reads every text of the column as the table has it."""
    values, kind, _ = COLUMNS[case]
    texts = [str(value).strip('"') for value in values]
    lines = "".join(f"{at % 2},{value}\n" for at, value in enumerate(values))
    with _kept(f"y,x\n{lines}") as path:
        table = tables.read(path)
    defaults = {"category": "", "text": "-", "list": "-"}
    field = Field(
        "x", "number" if kind == "boolean" else kind, defaults.get(kind),
        reading=table.description.column("x").reading,
    )  # fmt: skip
    words = kind in defaults
    item = Input(
        "x", "BYTES" if words else "FP32", (-1, 1), "features", fields=(field,)
    )
    signature = Signature((item,), (), max_rows=len(texts), non_finite=True)
    requested = game_json.encode(signature, [{"x": text} for text in texts])["x"]
    np.testing.assert_array_equal(
        requested, game_json.encode(signature, table.rows(["x"]))["x"]
    )


def test_names_help_where_values_could_be_anything():
    """Seconds since 1970 in a column for a time; repeated ids in one for players."""
    seconds = [1_700_000_000 + 77 * (n // 2) ** 2 for n in range(40)]
    assert column(seconds, "last_login").reading.date == "s"
    assert column(seconds, "gold").type == "number"
    many = [n % 25 for n in range(200)]
    assert column(many, "player_id").type == "id"
    assert column(many, "level").type == "number"
    assert column([n % 60 for n in range(240)], "matchId").type == "id"
    assert column([n % 15 for n in range(240)], "map_id").type == "number"


def test_a_name_beside_an_id_is_an_id():
    """As many names as ids; a city that many players share is a category."""
    rows = "".join(f"{n % 50},name{n % 50},city{n % 9}\n" for n in range(400))
    found = describe(f"who,name,city\n{rows}", columns={"who": "id"})
    assert "as many values as the id 'who'" in found.column("name").dropped
    assert found.column("city").used
    assert describe(f"who,name,city\n{rows}").column("name").used


def test_what_was_guessed_is_said():
    """Day or month first, thousands or decimals, words read as missing or not."""
    first = column([f"0{n % 9 + 1}/0{n % 7 + 1}/2025" for n in range(40)])
    assert first.reading.date == "%d/%m/%Y"
    assert "--column x=date:%m/%d/%Y" in first.notes[0]
    other = column([f'"{n},125"' for n in range(1, 40)])
    assert "would fit the other reading" in other.notes[0]
    assert column(["1", "-", "2"] * 9).notes == ("read as missing: '-' (9)",)
    assert column(["NA", "EU"] * 9).notes[0].startswith("read as a category: 'NA' (9)")
    known = column(["NA", "EU", "KR"] * 9, missing=["na"])
    assert (known.missing, known.notes) == (9, ())


def test_the_caller_has_the_last_word():
    assert column(range(40), columns={"x": "number"}).used
    assert column([1, 2] * 20, columns={"x": "category"}).type == "category"
    assert column([1, 0] * 20, columns={"x": "boolean"}).maximum == 1
    assert column(["01", "10"] * 20, columns={"x": "number"}).type == "number"
    assert column([1, 2] * 20, columns={"x": "out"}).dropped == "as requested"
    days = ["31|12|2025", "01|02|2025"] * 20
    assert column(days, columns={"x": "date:%d|%m|%Y"}).reading.date == "%d|%m|%Y"
    with pytest.raises(DatasetError, match="no date in the form %Y"):
        column(days, columns={"x": "date:%Y"})
    with pytest.raises(DatasetError, match="neither true nor false: 'a', 'b'"):
        column(["a", "b"] * 20, columns={"x": "boolean"})


def test_all_faults_are_named_at_once_with_their_cures():
    """Two columns, a row and a misspelt option in one message."""
    content = "a,b,c\n" + "1,2,3\n" * 30 + "x,2,3\n1,2,y\n1,2\n"
    with pytest.raises(DatasetError) as error:
        describe(content, columns={"bb": "out"})
    message = str(error.value)
    assert "x.csv has 4 faults:" in message
    assert "row 34 (line 34): 2 values, and the header names 3 columns" in message
    assert "no column 'bb'; do you mean 'b'?" in message
    assert "row 32 holds 'x'" in message
    assert "--column a=category" in message
    assert "row 33 holds 'y'" in message


FORMATS = {
    "x.csv": text().encode(),
    "mark.csv": b"\xef\xbb\xbf" + text().encode(),
    "sep.csv": ("sep=;\n" + text(mark=";")).encode(),
    "x.tsv": text(mark="\t").encode(),
    "bars.txt": text(mark="|").encode(),
    "cr.csv": text().replace("\n", "\r").encode(),
    "blank.csv": ("\n" + text().replace("\n", "\n\n", 9)).encode(),
    "tail.csv": text().replace("\n", ",\n").encode(),
    "utf16.txt": text(mark="\t").encode("utf-16"),
    "x.csv.gz": gzip.compress(text().encode()),
    "twice.gz": gzip.compress(text(ROWS[:9]).encode())
    + gzip.compress("\n".join(text(ROWS[9:]).splitlines()[1:]).encode()),
    "x.jsonl": "\n".join(
        json.dumps(dict(zip(HEADER.split(","), row, strict=True))) for row in ROWS
    ).encode(),
    "list.json": json.dumps(
        [dict(zip(HEADER.split(","), row, strict=True)) for row in ROWS]
    ).encode(),
    "index.csv": text([[n, *row] for n, row in enumerate(ROWS)], f",{HEADER}").encode(),
    "r.csv": text([[n, *row] for n, row in enumerate(ROWS)]).encode(),
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_gives_the_same_table(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(FORMATS[name])
    assert_same(tables.read(path))


def assert_same(table):
    assert table.rows(HEADER.split(",")) == [
        dict(zip(HEADER.split(","), row, strict=True)) for row in ROWS
    ]


def arrow():
    columns = dict(zip(HEADER.split(","), zip(*ROWS, strict=True), strict=True))
    return pa.table({name: list(values) for name, values in columns.items()})


def test_arrow_formats_and_folders_give_the_same_table(tmp_path):
    """Parquet by its content, Feather, zstd, parts, and columns that folders name."""
    parquet.write_table(arrow(), tmp_path / "x.PARQUET")
    feather.write_feather(arrow(), tmp_path / "x.feather")
    with pa.output_stream(tmp_path / "x.csv.zst", compression="zstd") as file:
        file.write(text().encode())
    for country in ("de", "fr"):
        folder = tmp_path / "parts" / f"country={country}"
        folder.mkdir(parents=True)
        part = [row[:2] for row in ROWS if row[2] == country]
        (folder / "part-0.csv").write_text(text(part, "hours,level"))
        (folder / "_SUCCESS").write_text("")
    for name in ("x.PARQUET", "x.feather", "x.csv.zst"):
        assert_same(tables.read(tmp_path / name))
    parts = tables.read(tmp_path / "parts")
    found = sorted(map(list, (r.values() for r in parts.rows(HEADER.split(",")))))
    assert found == sorted(ROWS)


def test_whole_numbers_of_parquet_may_be_dates(tmp_path):
    """20260131 is the same day in CSV, Parquet and a request."""
    days = [20_260_101 + n % 28 for n in range(60)]
    parquet.write_table(pa.table({"x": days, "y": days}), tmp_path / "x.parquet")
    found = tables.read(tmp_path / "x.parquet")
    reading = found.description.column("x").reading
    assert reading.date == "%Y%m%d"
    assert found.values("x")[0] == cells.date(20_260_101, reading) == 20_454


def test_a_workbook_is_read_and_a_broken_one_says_what_to_do(tmp_path):
    """The first sheet with rows; a minimal file of Office Open XML."""
    workbook(tmp_path / "x.xlsx", [HEADER.split(","), *ROWS])
    assert_same(tables.read(tmp_path / "x.xlsx"))
    (tmp_path / "y.xlsx").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(DatasetError, match="save it as 'CSV UTF-8'"):
        tables.describe(tmp_path / "y.xlsx")


def workbook(path, rows):
    """Write rows as the only sheet of a workbook."""
    space = "http://schemas.openxmlformats.org"
    main = f'xmlns="{space}/spreadsheetml/2006/main"'
    links = f"{space}/officeDocument/2006/relationships"

    def link(number, kind, target):
        return (
            f'<Relationships xmlns="{space}/package/2006/relationships"><Relationship '
            f'Id="r{number}" Type="{links}/{kind}" Target="{target}"/></Relationships>'
        )

    def cell(value):
        if isinstance(value, str):
            return f'<c t="inlineStr"><is><t>{value}</t></is></c>'
        return f"<c><v>{value}</v></c>"

    cells = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("_rels/.rels", link(1, "officeDocument", "xl/workbook.xml"))
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook {main} xmlns:r="{links}"><sheets>'
            '<sheet name="a" sheetId="1" r:id="r1"/></sheets></workbook>',
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels", link(1, "worksheet", "worksheets/sheet1.xml")
        )
        archive.writestr(
            "xl/worksheets/sheet1.xml",
            f"<worksheet {main}><sheetData>{cells}</sheetData></worksheet>",
        )


ENCODINGS = [
    ("Österreich", "cp1252", "Windows-1252"), ("Curaçao", "latin-1", "Windows-1252"),
    ("人民共和国玩家", "gb18030", "GB18030"), ("Россия", "cp1251", None),
    ("España", "utf-8", "UTF-8"), ("España", "utf-16-le", "UTF-16"),
]  # fmt: skip


@pytest.mark.parametrize(("word", "codec", "title"), ENCODINGS)
def test_an_encoding_is_found_and_said(word, codec, title):
    """UTF-8 is certain; of others a note says what was taken."""
    content = ("name,n\n" + f"{word},1\nplain,2\n" * 20).encode(codec)
    described = describe(content)
    assert word in described.column("name").examples
    assert (title or "CP1251").lower() in described.format.lower()
    assert any("--encoding" in note for note in described.notes) == (codec != "utf-8")
    if codec == "cp1252":
        assert describe(content, encoding="cp437").column("name").distinct == 2


FILES = {
    "empty": (b"", "is empty"),
    "twice": (b"a,b,a,b\n1,2,3,4\n", "names 'a', 'b' more than once"),
    "no row": (b"a,b\n", "no row below its header"),
    "numbers for names": (b"1,2\n3,4\n", "--no-header"),
    "ragged": (b'a,b\n1,"x\ny"\n1\n', r"row 3 \(line 4\): 1 values, and the header"),
    "no parquet": (b"PAR1 and nothing else", "is no Parquet file"),
    "a database": (b"SQLite format 3\x00", "export it as Parquet or CSV"),
    "broken gzip": (b"\x1f\x8b\x08 no", "cannot be unpacked"),
    "broken JSON": (b'{"a": 1}\n{"a": \n', "line 2: no JSON"),
    "no object": (b'{"a": 1}\n3\n', "row 2: expected an object"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_is_no_table_is_refused(case):
    """The error names the line, and the way out."""
    content, says = FILES[case]
    with pytest.raises(DatasetError, match=says):
        describe(content)


def test_a_table_without_a_header_and_with_a_nameless_column():
    assert [c.name for c in describe("1,2\n3,4\n" * 9, header=False).columns] == [
        "column_1", "column_2",
    ]  # fmt: skip
    nameless = describe("a,,c\n" + "1,2,3\n3,4,5\n" * 9)
    assert nameless.column("column_2").type == "number"
    assert "column 2 has no name" in nameless.notes[0]


def test_a_delimiter_is_one_character():
    content = "a~b\n" + "1~2\n3~4\n" * 9
    assert describe(content, delimiter="~").column("b").type == "number"
    assert len(describe(text(mark="\t"), delimiter="tab").columns) == 3
    with pytest.raises(DatasetError, match="expected one character"):
        describe(content, delimiter="~~")


def test_what_comes_on_standard_input_is_kept_for_evaluation(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stream = io.TextIOWrapper(io.BytesIO(text().encode()))
    monkeypatch.setattr("sys.stdin", stream)
    found = files.find("-")
    assert found.parts[0].path.read_text() == text()
    assert "kept as" in found.notes[0]
    assert files.find("-", sha256=found.sha256).parts == found.parts


@pytest.mark.parametrize(
    ("source", "says"),
    [("away.csv", "no such file"), ("http://x.example/a.csv", "use https"),
     ("https://x.example/a.csv#sha1=00", "expected #sha256=")],
)  # fmt: skip
def test_a_source_that_cannot_be_read_says_why(source, says):
    with pytest.raises(DatasetError, match=re.escape(says)):
        files.find(source)


def test_batches_have_the_types_of_the_whole_table(tmp_path):
    """A later file is read as the first was described; other values are named."""
    path = tmp_path / "x.csv"
    path.write_text(text())
    described = tables.describe(path)
    whole = pa.Table.from_batches(tables.batches(path, description=described))
    assert whole.equals(tables.read(path).arrow)
    path.write_text(text([["much", 1, "de"]]))
    with pytest.raises(DatasetError, match="'hours' is a number, and holds 'much'"):
        list(tables.batches(path, description=described))


def test_a_description_is_json_and_its_public_form_has_no_values(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(text([[f"p{n}@mail.example", n % 3, "de"] for n in range(30)]))
    described = tables.describe(path)
    assert tables.Description.from_json(described.to_json()) == described
    assert "p0@mail.example" in json.dumps(described.to_json())
    assert "mail.example" not in json.dumps(described.public())


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.text(max_size=9), st.floats(allow_nan=False), st.integers()),
        min_size=1, max_size=9,
    )
)  # fmt: skip
def test_any_csv_is_read_or_refused_with_its_fault(rows):
    """Whatever stands in a table, the answer is a table or a `DatasetError`."""
    import csv

    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerows([("a", "b", "c"), *rows])
    try:
        with _kept(out.getvalue().encode("utf-8", "surrogatepass")) as path:
            table = tables.read(path)
    except DatasetError:
        return
    assert table.description.rows >= 0


def test_distinct_values_are_exact_for_few_and_near_for_many():
    rng = random.Random(0)
    found = Distinct()
    for _ in range(20):
        values = pa.array([float(rng.randrange(400_000)) for _ in range(20_000)])
        numbers = values.unique().to_numpy()
        found.add(hash_numbers(numbers), numbers.astype(int) * 0 + 1)
    expected = 400_000 * (1 - (1 - 1 / 400_000) ** 400_000)
    assert abs(found.count / expected - 1) < 0.02
    assert not found.unique

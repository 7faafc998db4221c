"""The verb inspect prints a table's columns, or leaves a model's file to others."""

import argparse
import json
import re

import pytest

from hotseat_train.cli.inspect import inspect, is_table

TABLE = "id,hours,region\n" + "".join(
    f'{n},"{n % 9},5",{("NA", "EU")[n % 2]}\n' for n in range(40)
)


def run(*words):
    parser = argparse.ArgumentParser()
    verb = inspect(parser)
    return verb(parser.parse_args(words))


def test_columns_are_printed_with_types_reasons_and_notes(tmp_path, capsys):
    (tmp_path / "x.csv").write_text(TABLE)
    assert run(str(tmp_path / "x.csv")) == 0
    shown = capsys.readouterr()
    assert "x.csv: 40 rows, csv, UTF-8, separated by commas" in shown.out
    for column in ("id +id, out", "hours +number +numbers, decimal commas",
                   "region +category +2 different words"):  # fmt: skip
        assert re.search(f"^{column}", shown.out, re.MULTILINE), column
    assert "column 'id' is left out: every row has a different integer" in shown.err
    assert "read as a category: 'NA' (20)" in shown.err


def test_the_description_is_json(tmp_path, capsys):
    (tmp_path / "x.csv").write_text(TABLE)
    run(str(tmp_path / "x.csv"), "--json", "--missing", "NA", "--column", "id=number")
    columns = {c["name"]: c for c in json.loads(capsys.readouterr().out)["columns"]}
    assert columns["hours"]["reading"] == {"decimal": ",", "missing": ["na"]}
    assert columns["region"]["missing"] == 20
    assert columns["id"]["type"] == "number"


@pytest.mark.parametrize(
    ("source", "expected"),
    [("x.csv", True), ("x.csv.gz", True), ("-", True), ("s3://b/x.parquet", True),
     ("model.onnx", False), ("models:/m/1", False), ("x.pkl", False), ("none", False)],
)  # fmt: skip
def test_tables_are_told_from_models(source, expected):
    assert is_table(source) is expected


def test_a_folder_is_a_table_if_it_holds_parts_and_no_graph(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    assert not is_table(str(tmp_path))
    (tmp_path / "part-0.parquet").write_text("")
    assert is_table(str(tmp_path))
    (tmp_path / "model.onnx").write_text("")
    assert not is_table(str(tmp_path))

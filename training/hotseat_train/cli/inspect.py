"""The verb `inspect`: a table's columns, or a model's file."""

import argparse
import sys
from pathlib import Path

from hotseat_registry.cli.common import DONE, Run, answering, print_json
from hotseat_train.cli import external
from hotseat_train.cli.task_arguments import STANDARD_INPUT, add_reading
from hotseat_train.errors import TrainError

_TABLES = {
    ".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".parquet", ".feather", ".arrow",
    ".xlsx", ".xls", ".ods", ".gz", ".zst", ".bz2", ".lz4",
}  # fmt: skip
"""Suffixes of tables; those of a model's folder are not among them."""

# pyarrow and onnx are imported by what is inspected


def inspect(parser: argparse.ArgumentParser) -> Run:
    """Show a table's columns, or what a model's file takes and answers."""
    model = external.inspect(parser)
    parser.description = (
        "Print what the columns of a table are, and why: type, distinct and missing "
        "values, examples, what training leaves out. Or print what an ONNX file, or a "
        "folder with one (of Hugging Face, Triton, MLflow), takes and answers, as "
        "publish would publish it. Nothing is stored."
    )
    parser.epilog = (
        "example: hotseat inspect players.csv; "
        "hotseat inspect model.onnx --labels calm,angry"
    )
    add_reading(parser.add_argument_group("a table"))

    def run(arguments: argparse.Namespace) -> int:
        return (table if is_table(str(arguments.file)) else model)(arguments)

    return run


def is_table(source: str) -> bool:
    """Whether a path or address is a table's, and not that of a model."""
    if "://" in source or source in STANDARD_INPUT:
        return True
    path = Path(source)
    if not path.is_dir():
        return path.suffix.lower() in {*_TABLES, ".json"}
    suffixes = {file.suffix.lower() for file in path.rglob("*")}
    return bool(suffixes & _TABLES) and not suffixes & {".onnx", ".ort"}


@answering(TrainError)
def table(arguments: argparse.Namespace) -> int:
    """Print the description of a table."""
    from hotseat_train.cli.table import show
    from hotseat_train.data import tables
    from hotseat_train.data.tables.options import column_types

    options = tables.Options(
        columns=column_types(arguments.column), missing=arguments.missing,
        encoding=arguments.encoding, delimiter=arguments.delimiter,
        header=not arguments.no_header,
    )  # fmt: skip
    description = tables.describe(arguments.file, options=options)
    if arguments.json:
        return print_json(description.to_json())
    show(description)
    for remark in description.remarks():
        print(f"  note: {remark}", file=sys.stderr)
    return DONE

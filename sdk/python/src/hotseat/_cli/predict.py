"""The verb `predict`."""

import argparse
import json
import os
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from hotseat._cli import service_table
from hotseat._cli.answer_text import show
from hotseat._cli.install_hint import install_command
from hotseat._cli.service import Run, add_service, add_version, refusing
from hotseat._client import ModelServiceClient
from hotseat.errors import ConfigError

_IMAGES = (".png", ".jpg", ".jpeg", ".webp")
_EPILOG = """\
example: hotseat predict "这是一个简单的文本分类任务" --json
example: hotseat predict --model connect-four --input board.json
example: hotseat predict --model nsfw --input picture.png
example: hotseat predict --model churn --input players.csv --output scored.parquet
"""
_TABLES = (".csv", ".tsv", ".jsonl", ".parquet", ".feather", ".arrow", ".xlsx")
_TABLE_SECONDS = 30.0
"""The least deadline of a request with rows of a table."""


def predict(parser: argparse.ArgumentParser) -> Run:
    """Predict one input with a model service."""
    parser.description = (
        "Send one input to a model service and print the answer: the label and its "
        "probability, the value of a regression, the move of a policy, or the item "
        "of a generator. Or score a table: --input players.csv --output "
        "scored.parquet keeps every column in its order and adds those of the answer "
        "and an error column; an interrupted run continues with the same command. A "
        "service answers the rows, or this machine (--offline, --run)."
    )
    parser.epilog = _EPILOG
    parser.add_argument("text", nargs="?", help="the input of a text model")
    parser.add_argument(
        "--input",
        metavar="FILE",
        help="the input: a file with JSON or an image, or - for JSON on stdin; or a "
        f"table to score: {', '.join(_TABLES)}",
    )
    parser.add_argument("--model", help="default: the service's own")
    add_version(parser)
    add_service(parser, 2.0)
    _add_table(parser)

    @refusing
    def run(arguments: argparse.Namespace) -> int:
        if _is_table(arguments):
            return _predict_table(arguments, parser)
        if (arguments.text is None) == (arguments.input is None):
            parser.error("expected a text, or --input FILE")
        value = arguments.text if arguments.input is None else _input(arguments, parser)
        with ModelServiceClient(arguments.url, deadline=arguments.deadline) as client:
            answer = client.predict(
                value, model=arguments.model, version=arguments.version
            )
        show(answer, as_json=arguments.json)
        return 0

    return run


def _add_table(parser: argparse.ArgumentParser) -> None:
    table = parser.add_argument_group("a table")
    table.add_argument(
        "--output",
        metavar="FILE",
        help="the scored table, in the format of its name (default: CSV to stdout)",
    )
    table.add_argument(
        "--text",
        dest="text_column",
        metavar="COLUMN",
        help="the column that a model of texts reads (default: text)",
    )
    table.add_argument(
        "--prefix",
        default="",
        metavar="TEXT",
        help="before the name of each column of answers",
    )
    table.add_argument(
        "--max-errors",
        type=int,
        default=0,
        metavar="ROWS",
        help="exit with 1 if more rows than this have no answer (default: 0)",
    )
    table.add_argument(
        "--offline",
        action="store_true",
        help="score on this machine with a version of the registry",
    )
    table.add_argument(
        "--registry",
        metavar="URI",
        default=os.environ.get("HOTSEAT_REGISTRY", "file://.hotseat/registry"),
        help="for --offline (default: HOTSEAT_REGISTRY, else file://.hotseat/registry)",
    )
    table.add_argument(
        "--run", metavar="DIR", help="score on this machine with an evaluated run"
    )


def _is_table(arguments: argparse.Namespace) -> bool:
    name = (arguments.input or "").lower().removesuffix(".gz").removesuffix(".zst")
    return arguments.output is not None or name.endswith(_TABLES)


def _predict_table(
    arguments: argparse.Namespace, parser: argparse.ArgumentParser
) -> int:
    if arguments.input is None or arguments.text is not None:
        parser.error("expected a table: --input FILE")
    found = [*entry_points(group="hotseat.predict", name="table")]
    if not found:
        raise ConfigError(
            f"a table needs more than the SDK: {install_command('train')}"
        )
    score = found[0].load()
    if arguments.offline or arguments.run:
        return int(score(arguments))
    # a table may wait for a cold start; one input of a game may not
    deadline = max(arguments.deadline, _TABLE_SECONDS)
    with ModelServiceClient(arguments.url, deadline=deadline) as client:
        service = service_table.find(client, arguments.model, arguments.version)
        return int(score(arguments, service))


def _input(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> Any:
    file = arguments.input
    if Path(file).suffix.lower() in _IMAGES:
        try:
            return Path(file).read_bytes()
        except OSError as error:
            parser.error(f"--input {file}: {error}")
    try:  # bytes: json detects the encoding and a byte order mark
        return json.loads(
            sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        )
    except (OSError, ValueError, RecursionError) as error:
        parser.error(f"--input {file}: {error}")

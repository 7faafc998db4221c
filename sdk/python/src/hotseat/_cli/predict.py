"""The verb `predict`."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from hotseat._cli.answer_text import show
from hotseat._cli.service import Run, add_service, add_version, refusing
from hotseat._client import ModelServiceClient

_IMAGES = (".png", ".jpg", ".jpeg", ".webp")
_EPILOG = """\
example: hotseat predict "这是一个简单的文本分类任务" --json
example: hotseat predict --model connect-four --input board.json
example: hotseat predict --model nsfw --input picture.png
"""


def predict(parser: argparse.ArgumentParser) -> Run:
    """Predict one input with a model service."""
    parser.description = (
        "Send one input to a model service and print the answer: the label and its "
        "probability, the value of a regression, the move of a policy, or the item "
        "of a generator."
    )
    parser.epilog = _EPILOG
    parser.add_argument("text", nargs="?", help="the input of a text model")
    parser.add_argument(
        "--input",
        metavar="FILE",
        help="the input: a file with JSON or an image, or - for JSON on stdin",
    )
    parser.add_argument("--model", help="default: the service's own")
    add_version(parser)
    add_service(parser, 2.0)

    @refusing
    def run(arguments: argparse.Namespace) -> int:
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

"""The verb `generate`."""

import argparse
import json
from typing import Any

from hotseat._cli.answer_text import show
from hotseat._cli.service import Run, add_service, add_version, refusing
from hotseat._client import ModelServiceClient


def generate(parser: argparse.ArgumentParser) -> Run:
    """Generate an item, such as a level, with the requested features."""
    parser.description = (
        "Generate one item with a generator of the service and print it as text. "
        "Model, version and seed go to stderr: the same seed generates the same item."
    )
    parser.epilog = "example: hotseat generate sokoban-levels boxes=3 --seed 7"
    parser.add_argument("model")
    parser.add_argument(
        "wishes", nargs="*", metavar="NAME=VALUE", help="features of the item"
    )
    parser.add_argument("--seed", type=int, help="default: drawn by the service")
    parser.add_argument("--temperature", type=float, help="default: the model's")
    add_version(parser)
    add_service(parser, 5.0)

    @refusing
    def run(arguments: argparse.Namespace) -> int:
        wishes = {}
        for wish in arguments.wishes:
            name, equals, value = wish.partition("=")
            if not (name and equals):
                parser.error(f"{wish!r}: expected NAME=VALUE, as boxes=3")
            wishes[name] = _value(value)
        with ModelServiceClient(arguments.url, deadline=arguments.deadline) as client:
            answer = client.predict(
                wishes,
                model=arguments.model,
                version=arguments.version,
                options={
                    name: value
                    for name in ("seed", "temperature")
                    if (value := getattr(arguments, name)) is not None
                },
            )
        show(answer, as_json=arguments.json)
        return 0

    return run


def _value(text: str) -> Any:
    """Return the text parsed as JSON (a number, a boolean, a list), else the text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text

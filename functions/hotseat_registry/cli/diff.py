"""The verb `model diff`."""

import argparse

from hotseat_registry.cli.common import (
    DONE,
    Run,
    answering,
    print_json,
    print_table,
    querying,
    registry,
)
from hotseat_registry.diff import diff as compare
from hotseat_registry.names import Reference

_REFERENCE = "a version: sentiment@3, sentiment#live or sentiment (its live version)"


def diff(parser: argparse.ArgumentParser) -> Run:
    """Show the differences between two versions."""
    parser.description = (
        "Show the differences of two versions: signature, metrics, sizes, card."
    )
    parser.epilog = "example: hotseat model diff sentiment@1 sentiment@2"
    parser.add_argument("old", help=_REFERENCE)
    parser.add_argument("new", help=_REFERENCE)
    querying(parser)
    return _diff


@answering()
def _diff(arguments: argparse.Namespace) -> int:
    source = registry(arguments)
    old, new = (
        source.resolve(Reference.parse(text)) for text in (arguments.old, arguments.new)
    )
    changed = compare(old, new)
    if arguments.json:
        return print_json({path: list(pair) for path, pair in changed.items()})
    print_table(
        ("", old.reference, new.reference),
        ((path, *map(_short, pair)) for path, pair in changed.items()),
    )
    return DONE


def _short(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."

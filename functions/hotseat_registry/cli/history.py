"""The verb `model history`."""

import argparse
import sys

from hotseat_registry.cli.common import (
    DONE,
    Run,
    answering,
    date,
    move_text,
    print_json,
    print_table,
    querying,
    registry,
)
from hotseat_registry.errors import ModelNotFoundError


def history(parser: argparse.ArgumentParser) -> Run:
    """Show the alias moves of a model: when, by whom and why."""
    parser.description = (
        "Show the alias moves of a model with author and reason, the newest last. The "
        "chain of digests is checked for the entries shown."
    )
    parser.epilog = "example: hotseat model history sentiment"
    parser.add_argument("model")
    parser.add_argument(
        "--last",
        type=_count,
        default=20,
        metavar="N",
        help="number of newest changes (default: 20)",
    )
    parser.add_argument(
        "--all", action="store_true", help="all changes since the first"
    )
    parser.add_argument(
        "--at",
        type=date,
        metavar="TIME",
        help="show the aliases at that time: 2026-11-23 or 2026-11-23T18:00+01:00",
    )
    querying(parser)
    return _history


@answering()
def _history(arguments: argparse.Namespace) -> int:
    source = registry(arguments)
    if arguments.at:
        aliases = source.ledger.as_of(arguments.model, arguments.at)
        if arguments.json:
            return print_json(aliases)
        print_table(("alias", "version"), sorted(aliases.items()))
        return DONE
    last = None if arguments.all else arguments.last
    entries = source.ledger.history(arguments.model, last)
    if not entries and not source.versions(arguments.model):
        raise ModelNotFoundError(f"no model {arguments.model!r} in {source.store.uri}")
    if entries and (before := entries[0].sequence - 1):
        print(f"{before} changes before these: --all", file=sys.stderr)
    if arguments.json:
        return print_json([entry.to_json() for entry in entries])
    print_table(
        ("", "when", "who", "what", "alias", "from -> to", "because"),
        (
            (
                e.sequence,
                e.at,
                e.by,
                e.action,
                e.alias or "",
                move_text(e),
                e.because or e.override or "",
            )
            for e in entries
        ),
    )
    return DONE


def _count(text: str) -> int:
    if (count := int(text)) < 1:
        raise ValueError  # argparse shows the usage
    return count

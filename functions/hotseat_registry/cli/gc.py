"""The verb `registry gc`."""

import argparse
from dataclasses import asdict
from datetime import timedelta

from hotseat_registry.cli.common import (
    DONE,
    Run,
    add_registry,
    answering,
    author,
    counted,
    print_json,
    registry,
)
from hotseat_registry.gc import collect_garbage


def gc(parser: argparse.ArgumentParser) -> Run:
    """Retire unused versions and remove unreferenced blobs."""
    parser.description = (
        "Retire the versions that no alias has pointed to for --keep days, and remove "
        "the blobs that no version has referenced for --grace hours."
    )
    parser.epilog = "example: hotseat registry gc --keep 30 --dry-run"
    add_registry(parser)
    parser.add_argument(
        "--keep", type=float, default=30, metavar="DAYS", help="default: 30"
    )
    parser.add_argument(
        "--grace", type=float, default=24, metavar="HOURS", help="default: 24"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print the plan and change nothing"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    return _gc


@answering()
def _gc(arguments: argparse.Namespace) -> int:
    with counted() as watch:
        swept = collect_garbage(
            registry(arguments),
            by=author(),
            keep=timedelta(days=arguments.keep),
            grace=timedelta(hours=arguments.grace),
            dry_run=arguments.dry_run,
            progress=watch,
        )
    if arguments.json:
        return print_json(asdict(swept))
    would = "would retire" if arguments.dry_run else "retired"
    for reference in swept.retired:
        print(f"{would} {reference}")
    for model in swept.skipped:
        print(f"{model} was changed meanwhile: left for the next time")
    print(
        f"{would} {len(swept.retired)} versions; {len(swept.unnamed)} blobs are named "
        f"by nothing, {len(swept.removed)} were removed"
    )
    return DONE

"""The verb `registry copy`."""

import argparse

from hotseat_registry import archive
from hotseat_registry.cli.common import (
    DONE,
    Run,
    add_registry,
    add_trust,
    answering,
    author,
    registry,
    watched,
)
from hotseat_registry.names import Reference
from hotseat_registry.registry import open_registry

_REFERENCE = "a version: sentiment@3, sentiment#live"


def copy(parser: argparse.ArgumentParser) -> Run:
    """Copy a version to another registry."""
    parser.description = (
        "Publish a version in another registry, with the same digests and signatures. "
        "Its number there is the next one."
    )
    parser.epilog = (
        "example: hotseat registry copy sentiment@3 --to s3://prod-models/hotseat"
    )
    parser.add_argument("reference", help=_REFERENCE)
    parser.add_argument(
        "--to", required=True, metavar="URI", help="the target registry"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print the plan and change nothing"
    )
    add_registry(parser)
    add_trust(parser)
    return _copy


@answering()
def _copy(arguments: argparse.Namespace) -> int:
    source, target = registry(arguments), open_registry(arguments.to)
    manifest = source.resolve(Reference.parse(arguments.reference))
    source.check_trust(manifest)
    if arguments.dry_run:
        size = sum(file.size for file in manifest.files.values())
        print(f"would copy {manifest.reference} ({size:,} bytes): "
              f"{source.store.uri} -> {target.store.uri}")  # fmt: skip
        return DONE
    with watched() as watch:
        made = archive.copy(manifest, source, target, by=author(), progress=watch)
    print(f"{manifest.reference} -> {made.reference} in {target.store.uri}")
    return DONE

"""The verbs `registry export` and `registry import`."""

import argparse
from pathlib import Path

from hotseat_registry import archive
from hotseat_registry.cli.common import (
    DONE,
    Run,
    add_registry,
    answering,
    author,
    registry,
    watched,
)
from hotseat_registry.names import Reference

_REFERENCE = "a version: sentiment@3, sentiment#live"


def export(parser: argparse.ArgumentParser) -> Run:
    """Write a version into an archive file."""
    parser.description = (
        "Write a version with its signatures into one archive file (tar)."
    )
    parser.epilog = "example: hotseat registry export sentiment@3 sentiment-3.tar"
    parser.add_argument("reference", help=_REFERENCE)
    parser.add_argument("file", type=Path)
    add_registry(parser)
    return _export


@answering()
def _export(arguments: argparse.Namespace) -> int:
    source = registry(arguments)
    manifest = source.resolve(Reference.parse(arguments.reference))
    with watched() as watch:
        archive.write(manifest, source, arguments.file, watch)
    size = arguments.file.stat().st_size
    print(f"{manifest.reference} -> {arguments.file} ({size:,} bytes)")
    return DONE


def import_(parser: argparse.ArgumentParser) -> Run:
    """Publish the version of an archive file."""
    parser.description = (
        "Publish the version of an archive that `hotseat registry export` wrote."
    )
    parser.epilog = "example: hotseat registry import sentiment-3.tar"
    parser.add_argument("file", type=Path)
    add_registry(parser)
    return _import


@answering()
def _import(arguments: argparse.Namespace) -> int:
    target = registry(arguments)
    with watched() as watch:
        made = archive.read(arguments.file, target, by=author(), progress=watch)
    print(f"{arguments.file} -> {made.reference} in {target.store.uri}")
    return DONE

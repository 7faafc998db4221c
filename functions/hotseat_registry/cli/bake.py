"""The verb `deploy bake`."""

import argparse
from pathlib import Path

from hotseat_registry import bake as baking
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


def bake(parser: argparse.ArgumentParser) -> Run:
    """Write a version into the build context of the image."""
    parser.description = (
        "Write one version with its signatures into a folder of the image's build "
        "context (functions/baked/MODEL). The build checks every digest again."
    )
    parser.epilog = (
        "example: hotseat deploy bake connect-four@3 && make image MODEL=connect-four"
    )
    parser.add_argument("reference", help="a version: sentiment@3, sentiment#live")
    parser.add_argument(
        "--into", type=Path, metavar="DIR", help="default: functions/baked/MODEL"
    )
    add_registry(parser)
    add_trust(parser)
    return _bake


@answering()
def _bake(arguments: argparse.Namespace) -> int:
    reference = Reference.parse(arguments.reference)
    folder = arguments.into or Path("functions/baked", reference.model)
    with watched() as progress:
        manifest = baking.bake(
            registry(arguments), reference, folder, by=author(), progress=progress
        )
    print(f"baked {manifest.reference} into {folder}")
    for name, file in manifest.files.items():
        print(f"  {name}  {file.size:,} bytes  sha256 {file.sha256[:12]}")
    return DONE

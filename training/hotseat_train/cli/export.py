"""The verb `model export`."""

import argparse
import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hotseat_registry.cli.common import (
    DONE,
    Run,
    add_registry,
    add_trust,
    answering,
    registry,
    watched,
)
from hotseat_registry.names import Reference
from hotseat_train.errors import TrainError

if TYPE_CHECKING:
    from hotseat_train.external.publish import Prepared

# onnx and onnxruntime are imported by the verb that runs


def export(parser: argparse.ArgumentParser) -> Run:
    """Write a version to a folder, plain or of MLflow."""
    parser.description = (
        "Write a version to a folder: its graphs, tokenizer, golden rows, card and "
        "manifest (hotseat.json). With --to mlflow it is an MLflow model of the flavor "
        "onnx as well. `hotseat publish FOLDER` reads both back. For one file with the "
        "version's signatures see `hotseat registry export`. With --to portable it is "
        "one JSON file, which the SDKs of Unity and Godot run offline: linear models, "
        "trees and small dense networks, of at most 2 MB. Games check its printed "
        "SHA-256."
    )
    parser.epilog = "example: hotseat model export sentiment@3 --to mlflow"
    parser.add_argument("reference", help="a version: sentiment@3, sentiment#live")
    parser.add_argument(
        "--to",
        choices=("folder", "mlflow", "portable"),
        default="folder",
        help="default: folder",
    )
    parser.add_argument(
        "--out",
        metavar="PATH",
        type=Path,
        help="default: the version, sentiment-3 or sentiment-3.json",
    )
    add_registry(parser)
    add_trust(parser)
    return _export


@answering(TrainError)
def _export(arguments: argparse.Namespace) -> int:
    from hotseat_train.external import folder, mlflow_model, version

    reference = Reference.parse(arguments.reference)
    with tempfile.TemporaryDirectory() as name, watched() as progress:
        fetched = version.fetch(registry(arguments), reference, Path(name), progress)
        manifest = fetched.manifest
        out = arguments.out or Path(f"{manifest.model}-{manifest.version}")
        if arguments.to == "portable":
            return _portable(
                fetched, arguments.out or out.with_name(f"{out.name}.json")
            )
        folder.write(manifest, fetched.files, out)
        if arguments.to == "mlflow":
            mlflow_model.write(manifest, out)
    print(f"{manifest.reference} -> {out}")
    print(f"  back: hotseat publish {out}")
    return DONE


def _portable(fetched: "Prepared", out: Path) -> int:
    """Write the file that games bring along; raises `TrainError`."""
    from hotseat_train.external.portable import document

    content = document.of(fetched)
    out.write_bytes(content)
    print(f"{fetched.manifest.reference} -> {out}, {len(content):,} bytes")
    print(f"  sha256 {hashlib.sha256(content).hexdigest()}")
    return DONE

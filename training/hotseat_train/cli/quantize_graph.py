"""The verb `quantize` for an ONNX file and for a published version."""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hotseat_registry.cli.common import DONE, author, print_table, registry, watched
from hotseat_train.cli.external import model_name
from hotseat_train.cli.graph_flags import overrides

if TYPE_CHECKING:
    from hotseat_registry import Manifest, Reference
    from hotseat_train.external.compress import Compressed
    from hotseat_train.external.examples import Examples
    from hotseat_train.external.publish import Prepared

# onnx and onnxruntime are imported by the verb that runs


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of files and versions."""
    group = parser.add_argument_group("of an ONNX file or a published version")
    group.add_argument(
        "--calibrate",
        metavar="FILE",
        type=Path,
        help="inputs (.csv, .jsonl, .npz ...): for static ranges, and to compare the "
        "variants with the original",
    )
    group.add_argument(
        "--target",
        metavar="NAME",
        help="the column, field or array of that file with the true answers: measures "
        "quality as well",
    )
    group.add_argument(
        "--publish",
        action="store_true",
        help="publish the original and the variants that pass the gate as the next "
        "version",
    )
    group.add_argument(
        "--model", metavar="NAME", help="the model's name (default: the file's)"
    )


def quantize_file(arguments: argparse.Namespace) -> int:
    """Write variants beside a model's file, and remove those that differ too much."""
    from hotseat_train.external import publish, source

    model = arguments.model or model_name(arguments.run)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = source.local(arguments.run, folder)
        original = publish.prepare(
            path, model, overrides(arguments), folder,
            example=_calibration(arguments), target=arguments.target,
        )  # fmt: skip
        made = _compressed(original, folder, arguments)
        version = _gated(made, arguments)
        if arguments.publish:
            return _publish(version, arguments, None)
        graph = source.find(path).graph
        for variant in version.manifest.variants[1:]:
            target = graph.with_name(f"{graph.stem}.{variant.name}.onnx")
            shutil.copyfile(version.files[variant.file], target)
            print(f"  wrote {target}")
    return DONE


def quantize_version(reference: "Reference", arguments: argparse.Namespace) -> int:
    """Compare variants with a published version, and publish them with --publish."""
    from hotseat_train.external.version import fetch

    _calibration(arguments)
    with tempfile.TemporaryDirectory() as name, watched() as progress:
        folder = Path(name)
        original = fetch(registry(arguments), reference, folder, progress)
        parent = original.manifest.reference
        version = _gated(_compressed(original, folder, arguments), arguments)
        if arguments.publish:
            return _publish(version, arguments, parent)
    print("  nothing is published; --publish publishes the next version with these")
    return DONE


def _calibration(arguments: argparse.Namespace) -> Path:
    from hotseat_train.external.errors import UnclearError

    if arguments.calibrate is None:
        raise UnclearError("--calibrate FILE gives the inputs to compare variants on")
    return Path(arguments.calibrate)


def _compressed(
    original: "Prepared", folder: Path, arguments: argparse.Namespace
) -> "Compressed":
    """Make the variants, and print their comparison with the original."""
    from hotseat_train.external import compress, examples, publish

    signature = original.manifest.signature
    data = examples.read_labelled(
        _calibration(arguments), signature, arguments.target, compress.MOST
    )
    data = data._replace(inputs=publish.named(data.inputs, signature))
    if data.left:
        print(
            f"  note: compared on the first {len(data.inputs):,} inputs; {data.left:,} "
            "more are not read",
            file=sys.stderr,
        )
    made = compress.compress(original, data, folder, _methods(arguments))
    _show(made.prepared.manifest, data)
    for name, reason in made.left_out.items():
        print(f"  note: no {name}: {reason}", file=sys.stderr)
    return made


def _methods(arguments: argparse.Namespace) -> list[str]:
    from hotseat_train.external.compress import METHODS
    from hotseat_train.external.errors import UnclearError

    wanted = set(arguments.method or ["all"])
    if unfit := wanted - {*METHODS, "all"}:
        raise UnclearError(
            f"--method {min(unfit)} needs the training: it is for runs of hotseat train"
        )
    return [method for method in METHODS if method in wanted or "all" in wanted]


def _show(manifest: "Manifest", data: "Examples") -> None:
    quality = next(
        (n for n in ("accuracy", "mae") if n in manifest.variants[0].metrics), ""
    )
    print_table(
        ("variant", "KiB", "ms", "speed", "agreement (95 %)", quality),
        _rows(manifest, quality),
    )
    print(f"  on {len(data.inputs):,} inputs")


def _rows(manifest: "Manifest", quality: str) -> Iterator[tuple[str, ...]]:
    for variant in manifest.variants:
        found = variant.metrics
        low, high = found["agreement_interval"]
        yield (
            variant.name,
            f"{found['bytes'] / 1024:,.0f}",
            f"{found['milliseconds']:.3f}",
            f"{found['speed']:.2f}x",
            f"{found['agreement']:.4f} ({low:.4f} to {high:.4f})",
            f"{found[quality]:.4g}" if quality else "",
        )


def _gated(made: "Compressed", arguments: argparse.Namespace) -> "Prepared":
    """Take out the variants that the gate refuses; print the reasons."""
    from hotseat_train.evaluation.quality_gate import MAX_DROP
    from hotseat_train.external.compress import gated

    allowed = arguments.max_quality_drop
    if allowed is None:
        if not arguments.publish:
            return made.prepared
        allowed = MAX_DROP
    version, refused = gated(made.prepared, allowed)
    for reason in refused:
        print(f"  refused: {reason}")
    return version


def _publish(
    version: "Prepared", arguments: argparse.Namespace, parent: str | None
) -> int:
    """Publish a version with its variants, unless none is left."""
    from hotseat_train.external import publish
    from hotseat_train.external.errors import SourceError

    manifest = version.manifest
    if len(manifest.variants) == 1:
        raise SourceError(
            "no variant passes the gate, so nothing is published: give more inputs, or "
            "raise the limit (--max-quality-drop)"
        )
    lineage = {**manifest.lineage, "tool": "quantize"}
    version = replace(version, manifest=replace(manifest, lineage=lineage))
    target = registry(arguments)
    with watched() as progress:
        published = publish.publish(
            version, target, by=author(), progress=progress, parent=parent
        )
    names = ", ".join(variant.name for variant in published.variants)
    print(f"published {published.reference} ({names}) to {target.store.uri}")
    print(f"  serves {published.default_variant}; next: hotseat model promote "
          f"{published.reference}")  # fmt: skip
    return DONE

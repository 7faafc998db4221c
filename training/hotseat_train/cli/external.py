"""Models trained elsewhere: what inspect prints, and publish with a model's file."""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hotseat_registry.cli.common import (
    DONE,
    Run,
    answering,
    author,
    encrypt_key,
    print_encryption,
    print_json,
    print_table,
    registry,
    watched,
)
from hotseat_train.cli.graph_flags import add_description, overrides
from hotseat_train.errors import TrainError
from hotseat_train.external import mlflow_model
from hotseat_train.external.errors import UnclearError
from hotseat_train.external.language.source import is_language

if TYPE_CHECKING:
    from hotseat_train.external.description import Description
    from hotseat_train.external.publish import Prepared

# onnx and onnxruntime are imported by the verb that runs


def inspect(parser: argparse.ArgumentParser) -> Run:
    """Show what a model's file takes and answers."""
    parser.description = (
        "Print what an ONNX file, or a folder with one (of Hugging Face, Triton, "
        "MLflow), takes and answers, as publish would publish it. Nothing is stored."
    )
    parser.epilog = "example: hotseat inspect model.onnx --labels calm,angry"
    parser.add_argument(
        "file",
        help="a table, an ONNX file, a folder with one, or models:/NAME/VERSION of "
        "MLflow",
    )
    add_description(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    return _inspect


@answering(TrainError)
def _inspect(arguments: argparse.Namespace) -> int:
    from hotseat_train.external import folder, publish, source
    from hotseat_train.external.overrides import Overrides

    given = overrides(arguments)
    with tempfile.TemporaryDirectory() as name:
        path = source.local(arguments.file, Path(name))
        if given == Overrides() and folder.holds_version(path):
            described = folder.read(path).described
        else:
            described = publish.inspect(path, given, Path(name))
    if arguments.json:
        return print_json(
            {
                "kind": described.kind,
                "notes": list(described.notes),
                "signature": described.signature.to_json(),
            }
        )
    show(described)
    return DONE


def publish_file(arguments: argparse.Namespace) -> int:
    """Publish a model's file, or with --dry-run do all but that."""
    from hotseat_train.external import folder, pipeline_file, publish, source
    from hotseat_train.external.overrides import Overrides

    given = overrides(arguments)
    with tempfile.TemporaryDirectory() as name:
        path = source.local(arguments.run, Path(name))
        asks_anew = given != Overrides() or any(
            (arguments.example, arguments.background, arguments.reasons)
        )
        is_text = is_language(path)
        if is_text and asks_anew:
            raise UnclearError(
                f"{arguments.run} is a language model, which --template describes: "
                "leave out the flags of graphs (hotseat publish --help)"
            )
        for flag in ("template", "held_out", "precision"):
            if getattr(arguments, flag) and not is_text:
                raise UnclearError(
                    f"--{flag.replace('_', '-')} is for language models, and "
                    f"{arguments.run} is none: leave it out"
                )
        if is_text:
            return publish_language(arguments, path, Path(name))
        if path.suffix.lower() in pipeline_file.SUFFIXES:
            prepared = _pipeline(path, arguments, Path(name))
        elif folder.holds_version(path) and not asks_anew:
            prepared = folder.read(path, arguments.model)
        else:
            model = arguments.model or model_name(arguments.run)
            prepared = publish.prepare(
                path, model, given, Path(name), example=arguments.example,
                background=arguments.background, reasons=arguments.reasons,
            )  # fmt: skip
        if not arguments.json:
            _print(prepared)
        return publish_prepared(prepared, arguments)


def publish_prepared(prepared: "Prepared", arguments: argparse.Namespace) -> int:
    """Publish a version and print it, or with --dry-run print its manifest at most.

    The prepared files must still be there.
    """
    from hotseat_train.external.publish import publish

    manifest, target = prepared.manifest, registry(arguments)
    if not arguments.dry_run:
        with watched() as progress:
            manifest = publish(
                prepared,
                target,
                by=author(),
                progress=progress,
                encrypt=encrypt_key(arguments),
            )
    if arguments.json:
        return print_json(manifest.to_json())
    if arguments.dry_run:
        print("nothing is published (--dry-run)")
        return DONE
    print(f"published {manifest.reference} to {target.store.uri}")
    print_encryption(manifest)
    print(f"  next: hotseat model promote {manifest.reference}")
    return DONE


def _pipeline(path: Path, arguments: argparse.Namespace, folder: Path) -> "Prepared":
    """Return the version that a pipeline's file describes."""
    from hotseat_train.external import pipeline

    return pipeline.prepare(
        path, arguments.model, registry(arguments), folder,
        example=arguments.example, target=arguments.target,
    )  # fmt: skip


def publish_language(arguments: argparse.Namespace, path: Path, folder: Path) -> int:
    """Publish a language model, or with --dry-run do all but that."""
    from hotseat_train.external.language.publish import LanguageOptions, prepare

    options = LanguageOptions(
        arguments.template,
        arguments.held_out,
        tuple(arguments.precision or ("int4",)),
        arguments.max_perplexity_rise,
    )

    def report(line: str) -> None:
        print(f"  {line} ...", file=sys.stderr)

    model = arguments.model or model_name(arguments.run)
    prepared = prepare(path, model, options, folder, report)
    if not arguments.json:
        for variant in prepared.manifest.variants:
            found = variant.metrics
            quality = found.get("perplexity")
            print(f"  {variant.name}: {found['tokens_per_second']:.0f} tokens a "
                  f"second, the first after {found['first_token_ms']:.0f} ms, a cold "
                  f"start {found['cold_start_ms']:.0f} ms, "
                  f"{found['bytes'] / 2**20:.0f} MiB"
                  + (f", perplexity {quality:.2f}" if quality else ""))  # fmt: skip
        for note in prepared.described.notes:
            print(f"  note: {note}", file=sys.stderr)
    return publish_prepared(prepared, arguments)


def _print(prepared: "Prepared") -> None:
    show(prepared.described)
    if prepared.manifest.steps:
        from hotseat_train.external.card import step_row

        print_table(("step", "kind", "reads", "from", "flags"),
                    map(step_row, prepared.manifest.steps))  # fmt: skip
    metrics = prepared.manifest.variants[0].metrics
    memory = metrics.get("memory_bytes")
    print(f"  an answer {metrics['milliseconds']:.2f} ms, a cold start "
          f"{metrics.get('cold_start_ms', 0):.0f} ms, "
          f"{metrics['bytes'] / 2**20:.1f} MiB of files"
          + (f", {memory / 2**20:.0f} MiB of memory" if memory else ""))  # fmt: skip
    if "accuracy" in metrics:
        print(f"  accuracy {metrics['accuracy']:.4f} on {metrics['rows']} examples")
    if prepared.random:
        print("  note: measured with random inputs, and golden rows are of those; "
              "--example FILE takes real ones", file=sys.stderr)  # fmt: skip


def show(described: "Description") -> None:
    """Print a kind and a signature as tables."""
    from hotseat_train.external.card import input_row, output_row

    signature = described.signature
    print(f"kind {described.kind}" + _labels(signature.labels))
    print_table(("input", "type", "shape", "form"), map(input_row, signature.inputs))
    print_table(("output", "type", "shape", "use"), map(output_row, signature.outputs))
    for note in described.notes:
        print(f"  note: {note}", file=sys.stderr)


def _labels(labels: tuple[str, ...]) -> str:
    if not labels:
        return ""
    more = f" ... ({len(labels)})" if len(labels) > 8 else ""
    return f", labels {', '.join(labels[:8])}{more}"


def model_name(text: str) -> str:
    """Return a model's name from its file's, or from MLflow's URI."""
    is_uri = text.startswith(mlflow_model.URI)
    path = Path(mlflow_model.name_of(text) if is_uri else text)
    stem = path.stem if path.suffix else path.name
    if stem == "model":
        stem = path.resolve().parent.name
    return "".join(c if c.isalnum() else "-" for c in stem.lower()).strip("-")

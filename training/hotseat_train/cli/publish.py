"""The verb `publish`."""

import argparse
import sys
from pathlib import Path

from hotseat_registry.cli.common import (
    DONE,
    Run,
    add_encrypt,
    add_registry,
    answering,
    author,
    encrypt_key,
    print_encryption,
    print_json,
    registry,
    watched,
)
from hotseat_train.cli.arguments import add_max_quality_drop, add_run
from hotseat_train.cli.external import publish_file
from hotseat_train.cli.graph_flags import add_description
from hotseat_train.errors import TrainError
from hotseat_train.external.source import is_source

# torch, onnx and matplotlib take seconds to import: only a verb that runs imports them


def publish(parser: argparse.ArgumentParser) -> Run:
    """Publish a run or an ONNX file as the next version of its model."""
    parser.description = (
        "Publish an evaluated run as the next version of its model; a variant whose "
        "quality may have dropped by more than the gate allows is refused. Or publish "
        "a model that was trained elsewhere: an ONNX file, a folder with one (of "
        "Hugging Face, Triton, MLflow or `hotseat model export`), a language model (a "
        "folder of onnxruntime-genai, a GGUF file, a Hugging Face folder), or "
        "models:/NAME/VERSION of MLflow's registry. Its signature is read from the "
        "graph, it is run and measured, and the result is printed. A .toml or .json "
        "file with steps describes a pipeline: several graphs as one version."
    )
    parser.epilog = (
        "example: hotseat publish sentiment --max-quality-drop 0.5%\n"
        "example: hotseat publish mood.onnx --labels calm,angry\n"
        "example: hotseat publish image-moderation.toml"
    )
    add_run(parser)
    add_registry(parser)
    parser.add_argument(
        "--background",
        metavar="FILE",
        type=Path,
        help="at least 100 invented inputs that explanations refer to: .json, .jsonl, "
        ".csv, .npz; no player's row (default: a run's own, or drawn column by column "
        "from --example)",
    )
    parser.add_argument(
        "--reasons",
        metavar="FILE",
        type=Path,
        help="codes and texts of reasons, a reasons.json (default: the run's own, or "
        "one code for each field and direction)",
    )
    files = parser.add_argument_group("of an ONNX file or a folder with one")
    files.add_argument(
        "--model", metavar="NAME", help="the model's name (default: the file's)"
    )
    files.add_argument(
        "--example",
        metavar="FILE",
        type=Path,
        help="inputs for measurements and golden rows: .json, .jsonl, .csv, .npz, .txt "
        "or an image (default: random ones)",
    )
    files.add_argument(
        "--target",
        metavar="NAME",
        help="of a pipeline: the field of FILE with the true label; measures its "
        "accuracy",
    )
    files.add_argument(
        "--dry-run", action="store_true", help="do everything except publishing"
    )
    texts = parser.add_argument_group(
        "of a language model", "a folder of onnxruntime-genai or Hugging Face, or GGUF"
    )
    texts.add_argument(
        "--template", metavar="FILE", type=Path,
        help="TOML or JSON with messages, slots, canned line, filter and limits",
    )  # fmt: skip
    texts.add_argument(
        "--held-out", metavar="FILE", type=Path,
        help="texts for the perplexity: a line each, or JSON lines with text",
    )  # fmt: skip
    texts.add_argument(
        "--precision", action="append", choices=("int4", "int8", "fp16", "fp32"),
        help="a variant to convert to; repeat for several, the first one serves "
        "(default: int4)",
    )  # fmt: skip
    texts.add_argument(
        "--max-perplexity-rise", metavar="SHARE", type=float, default=0.03,
        help="by how much a variant's perplexity may lie above that of fp32 "
        "(default: 0.03)",
    )  # fmt: skip
    add_description(parser)
    add_max_quality_drop(
        parser,
        0.5,
        "how far the quality of a variant may drop below the first one's, by the upper "
        "end of the interval (default: 0.5%%)",
    )
    parser.add_argument(
        "--variant",
        action="append",
        default=[],
        help="publish this variant; repeat for several (default: all)",
    )
    add_encrypt(parser)
    parser.add_argument("--json", action="store_true", help="print the manifest")
    return _publish


@answering(TrainError)
def _publish(arguments: argparse.Namespace) -> int:
    if is_source(arguments.run):
        return publish_file(arguments)
    from hotseat_train import run
    from hotseat_train.pipeline.publish import publish as publish_run

    target = registry(arguments)
    with watched() as watch:
        manifest = publish_run(
            run.find(arguments.run),
            target,
            by=author(),
            max_loss=arguments.max_quality_drop,
            variants=tuple(arguments.variant),
            background=arguments.background,
            reasons=arguments.reasons,
            encrypt=encrypt_key(arguments),
            watch=watch,
            report=lambda line: print(
                f"  {line}", file=sys.stderr if arguments.json else sys.stdout
            ),
        )
    if arguments.json:
        return print_json(manifest.to_json())
    print(f"published {manifest.reference} to {target.store.uri}")
    for name, file in manifest.files.items():
        print(f"  {name}  {file.size:,} bytes  sha256 {file.sha256[:12]}")
    print_encryption(manifest)
    print(f"  serves {manifest.default_variant}; next: hotseat model promote "
          f"{manifest.reference}")  # fmt: skip
    return DONE

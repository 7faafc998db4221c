"""The verb `publish`."""

import argparse

from hotseat_registry.cli.common import (
    DONE,
    Run,
    add_registry,
    answering,
    author,
    registry,
    watched,
)
from hotseat_train.cli.arguments import add_max_quality_drop, add_run
from hotseat_train.errors import TrainError

# torch, onnx and matplotlib take seconds to import: only a verb that runs imports them


def publish(parser: argparse.ArgumentParser) -> Run:
    """Publish a measured run as a version."""
    parser.description = (
        "Publish a run as the model's next version. A variant that may have lost more "
        "quality than the gate allows is refused."
    )
    parser.epilog = "example: hotseat publish sentiment --max-quality-drop 0.5%"
    add_run(parser)
    add_registry(parser)
    add_max_quality_drop(
        parser,
        0.5,
        "of the first one's quality that a variant may have lost, by the upper end of "
        "the loss's interval (default: 0.5%%)",
    )
    parser.add_argument(
        "--variant",
        action="append",
        default=[],
        help="publish this one; again for more (default: all)",
    )
    return _publish


@answering(TrainError)
def _publish(arguments: argparse.Namespace) -> int:
    from hotseat_train import run
    from hotseat_train.pipeline.publish import publish as give

    target = registry(arguments)
    with watched() as watch:
        manifest = give(
            run.find(arguments.run),
            target,
            by=author(),
            max_loss=arguments.max_quality_drop,
            variants=tuple(arguments.variant),
            watch=watch,
        )
    print(f"published {manifest.reference} to {target.store.uri}")
    for name, file in manifest.files.items():
        print(f"  {name}  {file.size:,} bytes  sha256 {file.sha256[:12]}")
    print(f"  serves {manifest.default_variant}; next: hotseat model promote "
          f"{manifest.reference}")  # fmt: skip
    return DONE

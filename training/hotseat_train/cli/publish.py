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
    """Publish an evaluated run as the next version of its model."""
    parser.description = (
        "Publish a run as the next version of its model. A variant whose quality may "
        "have dropped by more than the gate allows is refused."
    )
    parser.epilog = "example: hotseat publish sentiment --max-quality-drop 0.5%"
    add_run(parser)
    add_registry(parser)
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
    return _publish


@answering(TrainError)
def _publish(arguments: argparse.Namespace) -> int:
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
            watch=watch,
        )
    print(f"published {manifest.reference} to {target.store.uri}")
    for name, file in manifest.files.items():
        print(f"  {name}  {file.size:,} bytes  sha256 {file.sha256[:12]}")
    print(f"  serves {manifest.default_variant}; next: hotseat model promote "
          f"{manifest.reference}")  # fmt: skip
    return DONE

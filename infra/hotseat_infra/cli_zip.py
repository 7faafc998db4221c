"""The verb `deploy zip`."""

import argparse
from pathlib import Path

from hotseat_infra import zip_package
from hotseat_infra.check import check_baked
from hotseat_infra.deployment import DeploymentError, read
from hotseat_registry.cli.common import DONE, Run, answering


def zip_(parser: argparse.ArgumentParser) -> Run:
    """Build the zip file of a model's function."""
    parser.description = (
        'Build what a model with package = "zip" is deployed from: our packages and '
        "the locked requirements for Lambda's Python, shortened, with byte code where "
        "this machine has the same Python. Deploys nothing."
    )
    parser.epilog = "example: hotseat deploy zip sentiment --stage prod"
    parser.add_argument("model", help="a model of the stage")
    parser.add_argument(
        "--file", type=Path, default=Path("infra/deployment.toml"),
        help="default: infra/deployment.toml",
    )  # fmt: skip
    parser.add_argument("--stage", default="dev", help="default: dev")
    parser.add_argument(
        "--functions", type=Path, default=Path("functions"),
        help="the build context (default: functions)",
    )  # fmt: skip
    return _zip


@answering(DeploymentError)
def _zip(arguments: argparse.Namespace) -> int:
    stage = read(arguments.file, arguments.stage)
    model = stage.models.get(arguments.model)
    if model is None or model.package != "zip":
        names = [n for n, m in stage.models.items() if m.package == "zip"]
        raise DeploymentError(
            f"stage {stage.name} has no model {arguments.model!r} with package = "
            f'"zip"; there are: {", ".join(names) or "none"}'
        )
    functions = arguments.functions.resolve()
    check_baked(stage, functions)
    folder = zip_package.build(functions, arguments.model, model)
    size = zip_package.unzipped_bytes(folder)
    share = size / zip_package.LIMIT_BYTES
    print(f"{folder}: {size:,} bytes unzipped, {share:.0%} of what Lambda takes")
    if not zip_package.has_byte_code(folder):
        print(
            f"  without byte code, as there is no Python {zip_package.VERSION} here: "
            "each cold start compiles; build where it is installed, or use SnapStart"
        )
    started = zip_package.start_milliseconds(folder, model)
    if started is not None:
        print(f"  {started:.0f} ms from process start to a loaded handler, here")
    return DONE

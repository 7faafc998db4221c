"""The CDK application: one stage of the deployment file, as stacks.

``cdk deploy -c stage=prod --all``; ``-c file=...`` selects another deployment file,
``-c registry=s3://...`` a registry to check it against first, as
`hotseat deploy check` does.
"""

import re
import sys
from pathlib import Path

from hotseat_infra.check import check, check_images, read_trust
from hotseat_infra.deployment import DeploymentError, read
from hotseat_infra.stacks.stage import add_stage, application
from hotseat_registry import open_registry
from hotseat_registry.errors import RegistryError

HERE = Path(__file__).parent
FULL = re.compile(r"Number of resources in stack '(?P<stack>[^']+)': (?P<number>\d+)")
"""What CDK says of a stack with more resources than CloudFormation allows."""


def main() -> int:
    """Synthesize; print an error in one line."""
    app = application()
    name = app.node.try_get_context("stage") or "dev"
    path = Path(app.node.try_get_context("file") or HERE / "deployment.toml")
    try:
        stage = read(path, name)
        functions = HERE.parent / "functions"
        check_images(stage, functions)
        registry = app.node.try_get_context("registry")
        if registry:
            trust = read_trust(stage, functions / "trust")
            check(stage, open_registry(registry, trust=trust))
        add_stage(app, stage)
    except (DeploymentError, RegistryError) as error:
        print(f"hotseat: {error}", file=sys.stderr)  # noqa: T201 (a command prints)
        return 1
    try:
        app.synth()
    except RuntimeError as error:  # JavaScript's, in jsii
        if not (full := FULL.search(str(error))):
            raise
        print(  # noqa: T201
            f"hotseat: the stack {full['stack']} has {full['number']} resources, of "
            f"500: give new models of stages.{name} a nested stack of their own, "
            'stack = "another"',
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

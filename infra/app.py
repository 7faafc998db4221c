"""What ``cdk`` runs: one stage of the deployment file, as stacks.

``cdk deploy -c stage=prod --all``; ``-c file=...`` names another deployment file.
"""

import sys
from pathlib import Path

from hotseat_infra.deployment import DeploymentError, read
from hotseat_infra.stage import add_stage, application

HERE = Path(__file__).parent


def main() -> int:
    """Synthesize; say what is wrong in one line."""
    app = application()
    name = app.node.try_get_context("stage") or "dev"
    path = Path(app.node.try_get_context("file") or HERE / "deployment.toml")
    try:
        add_stage(app, read(path, name))
    except DeploymentError as error:
        print(f"hotseat: {error}", file=sys.stderr)  # noqa: T201 (a command prints)
        return 1
    app.synth()
    return 0


if __name__ == "__main__":
    sys.exit(main())

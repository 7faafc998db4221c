"""A studio's own CDK application: Hotseat's stacks beside a stack of the game's.

The game's matchmaker asks the model directly, as a Lambda function calls another, and
not through the API.
"""

import sys
from pathlib import Path

from aws_cdk import App, Environment, Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from hotseat_infra.constructs import (
    FLAGS,
    FOLDER,
    DeploymentError,
    ModelFunction,
    add_stage,
    build_context,
    check_images,
    read,
)

HERE = Path(__file__).parent


class Matchmaker(Stack):
    """The game's own stack."""

    def __init__(
        self, scope: Construct, name: str, *, model: ModelFunction, env: Environment
    ) -> None:
        super().__init__(scope, name, env=env)
        function = lambda_.Function(
            self,
            "Match",
            code=lambda_.Code.from_inline("def handler(event, context): return event"),
            handler="index.handler",
            runtime=lambda_.Runtime.PYTHON_3_13,
            environment={"MODEL": model.alias.function_arn},
        )
        model.alias.grant_invoke(function)


def main() -> int:
    """Synthesize all stacks; print a mistake of the deployment file in one line."""
    folder = build_context(HERE)
    app = App(context={FOLDER: str(folder), **FLAGS})
    try:
        stage = read(HERE / "deployment.toml", "dev")
        check_images(stage, folder)
    except DeploymentError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    _, service = add_stage(app, stage)
    env = Environment(account=stage.account, region=stage.region)
    Matchmaker(app, "Matchmaker", model=service.functions["mood"], env=env)
    app.synth()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A stage's stacks: the registry, which stays, and the service, which may go."""

from aws_cdk import App, CfnOutput, Environment, Stack, Tags
from constructs import Construct

from hotseat_infra.deployment import Stage
from hotseat_infra.stacks.function import ModelFunction
from hotseat_infra.stacks.http_api import HttpApi
from hotseat_infra.stacks.nag import check_with_nag
from hotseat_infra.stacks.observability import Watch
from hotseat_infra.stacks.registry_bucket import RegistryBucket
from hotseat_infra.stacks.rest_api import RestApi


class RegistryStack(Stack):
    """The registry of one stage."""

    def __init__(
        self, scope: Construct, name: str, *, stage: Stage, env: Environment
    ) -> None:
        super().__init__(
            scope,
            name,
            env=env,
            description="Hotseat: the registry",
            termination_protection=stage.keep_registry,
        )
        self.registry = RegistryBucket(self, "Registry", keep=stage.keep_registry)
        CfnOutput(self, "Uri", value=self.registry.uri)
        CfnOutput(self, "Key", value=self.registry.key.key_arn)
        for role in ("publisher", "operator", "reader"):
            made = getattr(self.registry, role)
            CfnOutput(self, f"{role.title()}Role", value=made.role_arn)


class ServiceStack(Stack):
    """Functions, API and watch of one stage."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        stage: Stage,
        registry: RegistryBucket | None,
        env: Environment,
    ) -> None:
        super().__init__(scope, name, env=env, description="Hotseat: the service")
        uri = stage.registry or (registry.uri if registry else "")
        default = stage.default_model or next(iter(stage.models))
        self.functions = {
            model: ModelFunction(
                self,
                model,
                stage=stage,
                model=settings,
                registry=registry,
                uri=uri,
                # the default's function answers for the whole catalogue as well
                reads=() if model == default else (model,),
            )
            for model, settings in stage.models.items()
        }
        kind = RestApi if stage.api.kind == "rest" else HttpApi
        self.api = kind(
            self, "Door", stage=stage, functions=self.functions, default=default
        )
        self.watch = Watch(
            self, "Watch", stage=stage, functions=self.functions, door=self.api.metrics
        )
        CfnOutput(self, "Url", value=self.api.url or "")


_FLAGS = {
    "@aws-cdk/aws-iam:minimizePolicies": True,
    "@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy": True,
}
"""Of the library: what new applications get and old ones have to ask for."""


def application(outdir: str | None = None) -> App:
    """Return an empty application, under cdk-nag's eyes."""
    app = App(outdir=outdir, context=_FLAGS)
    check_with_nag(app)
    return app


def add_stage(app: App, stage: Stage) -> tuple[RegistryStack | None, ServiceStack]:
    """Add a stage's stacks to the application."""
    env = Environment(account=stage.account or None, region=stage.region)
    prefix = f"Hotseat-{stage.name}"
    kept = None
    if not stage.registry:
        kept = RegistryStack(app, f"{prefix}-Registry", stage=stage, env=env)
    service = ServiceStack(
        app,
        f"{prefix}-Service",
        stage=stage,
        registry=kept.registry if kept else None,
        env=env,
    )
    Tags.of(app).add("hotseat:stage", stage.name)
    return kept, service

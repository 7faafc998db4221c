"""A stage's two stacks: the registry, which is protected, and the service."""

from aws_cdk import App, CfnOutput, Environment, Stack, Tags
from constructs import Construct

from hotseat_infra.deployment import Stage
from hotseat_infra.stacks.access import Access
from hotseat_infra.stacks.function import ModelFunction
from hotseat_infra.stacks.http_api import HttpApi
from hotseat_infra.stacks.nag import add_nag_checks
from hotseat_infra.stacks.observability import Observability
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
            role_construct = getattr(self.registry, role)
            CfnOutput(self, f"{role.title()}Role", value=role_construct.role_arn)


class ServiceStack(Stack):
    """Functions, API, alarms and dashboard of one stage."""

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
                # the default model's function also answers for the stage's catalogue
                reads=tuple(stage.models) if model == default else (model,),
            )
            for model, settings in stage.models.items()
        }
        access = Access(self, "Access", stage=stage, registry=registry, uri=uri)
        for function in self.functions.values():
            access.protect(function)
        kind = RestApi if stage.api.kind == "rest" else HttpApi
        # ids of constructs stay as they are: another one replaces deployed resources
        self.api = kind(
            self,
            "Door",
            stage=stage,
            functions=self.functions,
            default=default,
            authorizer=access.authorizer,
        )
        self.observability = Observability(
            self,
            "Watch",
            stage=stage,
            functions=self.functions,
            api_metrics=self.api.metrics,
        )
        CfnOutput(self, "Url", value=self.api.url or "")


_FLAGS = {
    "@aws-cdk/aws-iam:minimizePolicies": True,
    "@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy": True,
}
"""Feature flags that new CDK applications have by default."""


def application(outdir: str | None = None) -> App:
    """Return an empty application that cdk-nag checks."""
    app = App(outdir=outdir, context=_FLAGS)
    add_nag_checks(app)
    return app


def add_stage(app: App, stage: Stage) -> tuple[RegistryStack | None, ServiceStack]:
    """Add a stage's stacks to the application."""
    env = Environment(account=stage.account or None, region=stage.region)
    prefix = f"Hotseat-{stage.name}"
    registry_stack = None
    if not stage.registry:
        registry_stack = RegistryStack(app, f"{prefix}-Registry", stage=stage, env=env)
    service = ServiceStack(
        app,
        f"{prefix}-Service",
        stage=stage,
        registry=registry_stack.registry if registry_stack else None,
        env=env,
    )
    Tags.of(app).add("hotseat:stage", stage.name)
    return registry_stack, service

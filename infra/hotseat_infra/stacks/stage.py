"""A stage's two stacks: the registry, which is protected, and the service."""

from collections.abc import Mapping

from aws_cdk import App, CfnOutput, Environment, NestedStack, Stack, Tags
from aws_cdk import aws_iam as iam
from constructs import Construct

from hotseat_infra.deployment import Stage
from hotseat_infra.stacks.access import Access
from hotseat_infra.stacks.domain import Domain
from hotseat_infra.stacks.feature_flags import FLAGS
from hotseat_infra.stacks.function import ModelFunction
from hotseat_infra.stacks.http_api import HttpApi
from hotseat_infra.stacks.nag import add_nag_checks
from hotseat_infra.stacks.network import Endpoints
from hotseat_infra.stacks.observability import Observability
from hotseat_infra.stacks.registry_access import registry_of
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
        self.registry = RegistryBucket(self, "Registry", stage=stage)
        CfnOutput(self, "Uri", value=self.registry.uri)
        CfnOutput(self, "Key", value=self.registry.key.key_arn)
        for role_name, role in self.registry.roles.items():
            CfnOutput(self, f"{role_name.title()}Role", value=role.role_arn)


class ServiceStack(Stack):
    """Functions, API, alarms and dashboard of one stage."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        stage: Stage,
        env: Environment,
    ) -> None:
        super().__init__(scope, name, env=env, description="Hotseat: the service")
        dynamic = any(model.mode == "dynamic" for model in stage.models.values())
        # an authorizer reads the keys of player tokens
        tokens = stage.api.access == "tokens"
        registry = registry_of(self, stage) if dynamic or tokens else None
        default = stage.default_model or next(iter(stage.models))
        places = {
            place: NestedStack(self, f"Models-{place}") if place else self
            for place in sorted({m.stack for m in stage.models.values()})
        }
        self.functions = {
            model: ModelFunction(
                places[settings.stack],
                model,
                stage=stage,
                model=settings,
                registry=(
                    registry.in_nested_stack()
                    if registry and settings.stack
                    else registry
                ),
                # the default model's function also answers for the stage's catalogue
                reads=tuple(stage.models) if model == default else (model,),
            )
            for model, settings in stage.models.items()
        }
        access = Access(self, "Access", stage=stage, registry=registry)
        for function in self.functions.values():
            access.protect(function)
        # ids of constructs stay as they are: another one replaces deployed resources.
        # Both kinds have ids of their own: CloudFormation refuses to change the type of
        # a resource
        kind, api_id = _APIS[stage.api.kind]
        self.api = kind(
            self,
            api_id,
            stage=stage,
            functions=self.functions,
            default=default,
            authorizer=access.authorizer,
        )
        url = self.api.url or ""
        if stage.network and stage.network.route_tables:
            Endpoints(self, "Network", network=stage.network)
        if stage.api.domain:
            url = f"https://{stage.api.domain}/"
            Domain(
                self,
                "Domain",
                api=stage.api,
                api_id=self.api.api_id,
                stage=self.api.stage_name,
                failed=self.api.metrics["5xx"],
            )
        self.observability = Observability(
            self,
            "Watch",
            stage=stage,
            functions=self.functions,
            api_metrics=self.api.metrics,
            access_log=self.api.log,
        )
        CfnOutput(self, "Url", value=url)
        for model, function in self.functions.items():
            if function.url is not None:
                CfnOutput(self, f"FunctionUrl-{model}", value=function.url)


_APIS: dict[str, tuple[type[RestApi] | type[HttpApi], str]] = {
    "rest": (RestApi, "Door"),
    "http": (HttpApi, "HttpApi"),
}
"""The construct of each kind of API, and its id."""


def application(outdir: str | None = None, flags: Mapping[str, bool] = FLAGS) -> App:
    """Return an empty application that cdk-nag checks."""
    app = App(outdir=outdir, context=flags)
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
        env=env,
    )
    if registry_stack:
        service.add_stack_dependency(registry_stack)  # it reads the parameters
    for stack in (registry_stack, service):
        if stack is None:
            continue
        for key, value in {"hotseat:stage": stage.name, **stage.tags}.items():
            Tags.of(stack).add(key, value)
        if stage.permissions_boundary:
            boundary = iam.ManagedPolicy.from_managed_policy_name(
                stack, "Boundary", stage.permissions_boundary
            )
            iam.PermissionsBoundary.of(stack).apply(boundary)
    return registry_stack, service

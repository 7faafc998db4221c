"""One model's function: image, alias, canary, alarms."""

from collections.abc import Sequence
from typing import Any

from aws_cdk import Duration, RemovalPolicy, Size, TimeZone
from aws_cdk import aws_applicationautoscaling as scaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from hotseat_infra.deployment import Model, Stage
from hotseat_infra.deployment.schema import TMP_MB, cache_bytes
from hotseat_infra.stacks.alarms import FunctionAlarms
from hotseat_infra.stacks.function_code import (
    HANDLER,
    OF_THE_IMAGE,
    PYTHON,
    image,
    machine,
    zip_file,
)
from hotseat_infra.stacks.log_retention import retention
from hotseat_infra.stacks.metrics import own_metric
from hotseat_infra.stacks.nag import acknowledge
from hotseat_infra.stacks.network import attach, run_on_managed_instances
from hotseat_infra.stacks.registry_access import Registry, grant_read
from hotseat_infra.stacks.secret_access import grant_decrypt, grant_secret
from hotseat_registry import LIVE
from hotseat_serve.settings import Settings

_SET_BY_PLATFORM = {
    "HOTSEAT_THREADS",
    "HOTSEAT_MEMORY_BYTES",
    "HOTSEAT_MAX_ANSWER_BYTES",
}
"""Set by the platform; `Settings.from_env` reads them in the function."""
ALIAS = "live"


class ModelFunction(Construct):
    """Serves one model behind `alias`, and may read the models `reads` in the registry.

    `alarms` alert an operator; a canary has alarms of its own. Former function versions
    are kept, so that the alias moves back without a build. There is no dead-letter
    queue, as nothing calls the function asynchronously: API Gateway waits and answers.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        stage: Stage,
        model: Model,
        registry: Registry | None,
        reads: Sequence[str],
    ) -> None:
        super().__init__(scope, name)
        self.model = model
        self.namespace = f"Hotseat/{stage.name}"
        static = model.mode == "static"
        follows = {other: stage.models[other].alias for other in reads}
        if model.filter:  # which judges its texts
            judge, _, alias = model.filter.partition("#")
            follows[judge] = alias or follows.get(judge, LIVE)
        log = logs.LogGroup(
            self,
            "Log",
            retention=retention(stage.log_days),
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"Hotseat: serves {name}",
        )
        log.grant_write(self.role)
        settings = Settings(
            registry=(
                "file:///var/task/registry"
                if static or registry is None
                else registry.uri
            ),
            default_model=name,
            models=",".join(f"{other}#{alias}" for other, alias in follows.items()),
            by_number=stage.all_versions,
            route=model.route,
            static=static,
            max_body_bytes=stage.api.max_body_bytes,
            stream=stage.api.stream or model.function_url,
            namespace=self.namespace,
            variant=model.variant,
            refresh_seconds=model.refresh_seconds,
            origins=",".join(stage.api.origins),
            downloads=name if model.downloads else "",
            cache_bytes=cache_bytes(model.ephemeral_storage_mb),
            warm=True,
            # a version in the image is verified when it is baked and deployed
            trust=""
            if static
            else ",".join(f"/var/task/trust/{key}" for key in stage.trust),
            trust_threshold=stage.trust_threshold,
            signed_heads=bool(stage.trust) and not (static or stage.unsigned),
            head_grace_days=stage.head_grace_days,
            decrypt_keys=",".join(stage.encryption_keys),
            player_secret=stage.player_secret,
        )
        # the platform sets the rest
        environment = {
            **{
                key: value
                for key, value in settings.to_env().items()
                if key not in _SET_BY_PLATFORM
            },
            **model.environment,
        }
        kind = (
            lambda_.Function if model.package == "zip" else lambda_.DockerImageFunction
        )
        self.function = kind(
            self,
            # Lambda cannot move a function between its own machines and managed ones
            "ManagedFunction" if model.capacity_provider else "Function",
            **_code(self, name, model),
            architecture=machine(model),
            description=f"Hotseat: {name} ({model.mode})",
            memory_size=model.memory_mb,
            timeout=Duration.seconds(model.timeout_s),
            reserved_concurrent_executions=model.reserved_concurrency,
            environment=environment,
            role=self.role,
            log_group=log,
            logging_format=lambda_.LoggingFormat.TEXT,
            tracing=lambda_.Tracing.ACTIVE,
            ephemeral_storage_size=(
                Size.mebibytes(model.ephemeral_storage_mb)
                if model.ephemeral_storage_mb != TMP_MB
                else None
            ),
            snap_start=(
                lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS if model.snapstart else None
            ),
            # kept for `hotseat deploy rollback`, unless its own deployment failed
            current_version_options=lambda_.VersionOptions(
                removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
            ),
        )
        if model.capacity_provider:
            run_on_managed_instances(self.function, model.capacity_provider)
        else:  # a provider has its own network
            attach(self.function, self.role, stage.network)
        if not static and registry is not None:
            grant_read(self.role, registry, *follows)
        grant_decrypt(self.role, stage.encryption_keys, {name, *follows})
        grant_secret(self.role, stage.player_secret, stage.player_secret_key)
        self.alias = lambda_.Alias(
            self,
            "Alias",
            alias_name=ALIAS,
            version=self.function.current_version,
            provisioned_concurrent_executions=(model.provisioned_concurrency or None),
        )
        self.url = (
            self.alias.add_function_url(
                auth_type=lambda_.FunctionUrlAuthType.AWS_IAM,
                invoke_mode=lambda_.InvokeMode.RESPONSE_STREAM,
            ).url
            if model.function_url
            else None
        )
        self._scale(model)
        alarms = FunctionAlarms(
            self, model=model, namespace=self.namespace, alias=self.alias
        )
        self.alarms = alarms.all
        group = codedeploy.LambdaDeploymentGroup(
            self,
            "Deployment",
            alias=self.alias,
            deployment_config=getattr(codedeploy.LambdaDeploymentConfig, model.canary),
            alarms=list(alarms.canary),
            ignore_alarm_configuration=ignores_alarms(self),
            auto_rollback=codedeploy.AutoRollbackConfig(
                failed_deployment=True,
                stopped_deployment=True,
                deployment_in_alarm=bool(alarms.canary),
            ),
        )
        if model.package == "zip":
            acknowledge(self.function, "L1", OF_THE_IMAGE)
        acknowledge(
            self.role, "IAM5[Resource::*]", "X-Ray's PutTraceSegments has no resources"
        )
        acknowledge(
            group,
            "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/"
            "AWSCodeDeployRoleForLambdaLimited]",
            "CodeDeploy's own role; AWS keeps it as narrow as the service needs",
        )

    def metric(
        self,
        name: str,
        statistic: str,
        period: Duration,
        *,
        label: str | None = None,
        color: str | None = None,
    ) -> cloudwatch.Metric:
        """Return one of the service's own metrics (docs/reference/service.md)."""
        return own_metric(
            self.namespace,
            self.node.id,
            name,
            statistic,
            period,
            label=label,
            color=color,
        )

    def _scale(self, model: Model) -> None:
        """Add provisioned concurrency in the schedule's hours."""
        schedule = model.schedule
        if schedule is None:
            return
        usual = model.provisioned_concurrency
        most = max(usual, schedule.concurrency)
        target = self.alias.add_auto_scaling(min_capacity=0, max_capacity=most)
        for name, when, count in (
            ("Up", schedule.begins, schedule.concurrency),
            ("Down", schedule.ends, usual),
        ):
            target.scale_on_schedule(
                name,
                schedule=scaling.Schedule.expression(when),
                time_zone=TimeZone.of(schedule.timezone),
                min_capacity=count,
                max_capacity=count,
            )


def ignores_alarms(scope: Construct) -> bool:
    """Whether this deployment passes by the alarms: ``cdk deploy -c ignore_alarms=1``.

    For the fix of a fault that a canary's alarm would stop as well.
    """
    return bool(scope.node.try_get_context("ignore_alarms"))


def _code(scope: Construct, name: str, model: Model) -> dict[str, Any]:
    """Return a function's code, and for a zip file its handler and runtime."""
    if model.package == "zip":
        return {
            "code": zip_file(scope, name),
            "handler": HANDLER,
            "runtime": PYTHON,
        }
    code = image(
        scope,
        architecture=model.architecture,
        baked=name if model.mode == "static" else "none",
        packages=model.packages or "none",
        preprocessing=model.preprocessing,
        text=model.text,
    )
    return {"code": code}

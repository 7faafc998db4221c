"""One model's function: image, alias, canary, alarms."""

from collections.abc import Sequence
from pathlib import Path

from aws_cdk import Duration, RemovalPolicy, TimeZone
from aws_cdk import aws_applicationautoscaling as scaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_ecr_assets as assets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from hotseat_infra.deployment import Model, Stage
from hotseat_infra.stacks.nag import acknowledge
from hotseat_infra.stacks.registry_bucket import RegistryBucket, grant_read
from hotseat_serve.settings import Settings

_SET_BY_PLATFORM = {
    "HOTSEAT_THREADS",
    "HOTSEAT_MEMORY_BYTES",
    "HOTSEAT_MAX_ANSWER_BYTES",
}
"""Set by the platform; `Settings.from_env` reads them in the function."""
IMAGE = Path(__file__).parents[3] / "functions"
ALIAS = "live"


class ModelFunction(Construct):
    """Serves one model behind `alias`, and may read the models `reads` in the registry.

    `alarms` alert an operator. All but the last, throttling, roll back a canary: that
    one says nothing about the new code. There is no dead-letter queue, as nothing calls
    the function asynchronously: API Gateway waits and answers the client.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        stage: Stage,
        model: Model,
        registry: RegistryBucket | None,
        uri: str,
        reads: Sequence[str],
    ) -> None:
        super().__init__(scope, name)
        self.model = model
        self.namespace = f"Hotseat/{stage.name}"
        static = model.mode == "static"
        baked = name if static else "none"
        packages = model.packages or "none"
        arm = model.architecture == "arm64"
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
            registry="file:///var/task/registry" if static else uri,
            default_model=name,
            models=",".join(f"{other}#{stage.models[other].alias}" for other in reads),
            by_number=stage.all_versions,
            route=model.route,
            static=static,
            max_body_bytes=stage.api.max_body_bytes,
            namespace=self.namespace,
            variant=model.variant,
            refresh_seconds=model.refresh_seconds,
            origins=",".join(stage.api.origins),
            downloads=name if model.downloads else "",
            # a version in the image is verified when it is baked and deployed
            trust=""
            if static
            else ",".join(f"/var/task/trust/{key}" for key in stage.trust),
            trust_threshold=stage.trust_threshold,
            signed_heads=bool(stage.trust) and not (static or stage.unsigned),
            head_grace_days=stage.head_grace_days,
        )
        # the platform sets the rest
        environment = {
            key: value
            for key, value in settings.to_env().items()
            if key not in _SET_BY_PLATFORM
        }
        self.function = lambda_.DockerImageFunction(
            self,
            "Function",
            code=lambda_.DockerImageCode.from_image_asset(
                str(IMAGE),
                build_args={
                    "BAKED": baked,
                    "PACKAGES": packages,
                    **({"PREPROCESSING": "1"} if model.preprocessing else {}),
                },
                # another function's version or packages do not change this image
                exclude=[
                    "baked/*",
                    f"!baked/{baked}",
                    "packages/*",
                    f"!packages/{packages}",
                ],
                platform=(
                    assets.Platform.LINUX_ARM64 if arm else assets.Platform.LINUX_AMD64
                ),
            ),
            architecture=(
                lambda_.Architecture.ARM_64 if arm else lambda_.Architecture.X86_64
            ),
            description=f"Hotseat: {name} ({model.mode})",
            memory_size=model.memory_mb,
            timeout=Duration.seconds(model.timeout_s),
            reserved_concurrent_executions=model.reserved_concurrency,
            environment=environment,
            role=self.role,
            log_group=log,
            logging_format=lambda_.LoggingFormat.TEXT,
            tracing=lambda_.Tracing.ACTIVE,
            snap_start=(
                lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS if model.snapstart else None
            ),
        )
        if not static:
            if registry is None:
                grant_read(self.role, uri, *reads, key=stage.registry_key)
            else:
                registry.grant_read(self.role, *reads)
        self.alias = lambda_.Alias(
            self,
            "Alias",
            alias_name=ALIAS,
            version=self.function.current_version,
            provisioned_concurrent_executions=(model.provisioned_concurrency or None),
        )
        self._scale(model)
        self.alarms = self._alarms(model)
        group = codedeploy.LambdaDeploymentGroup(
            self,
            "Deployment",
            alias=self.alias,
            deployment_config=getattr(codedeploy.LambdaDeploymentConfig, model.canary),
            alarms=list(self.alarms[:-1]),
            auto_rollback=codedeploy.AutoRollbackConfig(
                failed_deployment=True,
                stopped_deployment=True,
                deployment_in_alarm=True,
            ),
        )
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
        return cloudwatch.Metric(
            namespace=self.namespace,
            metric_name=name,
            dimensions_map={"model": self.node.id},
            statistic=statistic,
            period=period,
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

    def _alarms(self, model: Model) -> tuple[cloudwatch.Alarm, ...]:
        """Return the alarms of this function."""
        limits = model.alarms
        period = Duration.minutes(limits.minutes)

        # the function's own 5xx answers, and crashes and timeouts without an answer
        share = cloudwatch.MathExpression(
            expression="IF(asked > 0, 100 * (FILL(failed, 0) + crashed) / asked, 0)",
            using_metrics={
                "failed": self.metric("errors", "Sum", period),
                "crashed": self.alias.metric_errors(period=period),
                "asked": self.alias.metric_invocations(period=period),
            },
            label="errors, percent",
            period=period,
        )
        slow = self.metric("latency", "p95", period)
        refused = self.metric("registry_refused", "Sum", period)
        throttled = self.alias.metric_throttles(period=period)
        return (
            self._alarm("Slow", slow, limits.p95_ms, "is slower than its limit"),
            self._alarm("Failing", share, limits.error_percent, "answers 5xx"),
            self._alarm("Refused", refused, 1, "refused a new version"),
            self._alarm(
                "Throttled", throttled, limits.throttled, "turned requests away"
            ),
        )

    def _alarm(
        self, name: str, metric: cloudwatch.IMetric, limit: float, description: str
    ) -> cloudwatch.Alarm:
        return cloudwatch.Alarm(
            self,
            name,
            metric=metric,
            threshold=limit,
            evaluation_periods=1,
            comparison_operator=(
                cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
            ),
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=(
                f"Hotseat: {self.node.id} {description}. "
                "docs/how-to/operate.md, drill 5"
            ),
        )


def retention(days: int) -> logs.RetentionDays:
    """Return CloudWatch's name for a number of days."""
    step: logs.RetentionDays = getattr(logs.RetentionDays, _RETENTION[days])
    return step


_RETENTION = {
    1: "ONE_DAY", 3: "THREE_DAYS", 5: "FIVE_DAYS", 7: "ONE_WEEK", 14: "TWO_WEEKS",
    30: "ONE_MONTH", 60: "TWO_MONTHS", 90: "THREE_MONTHS", 120: "FOUR_MONTHS",
    150: "FIVE_MONTHS", 180: "SIX_MONTHS", 365: "ONE_YEAR", 400: "THIRTEEN_MONTHS",
    545: "EIGHTEEN_MONTHS", 731: "TWO_YEARS", 1096: "THREE_YEARS", 1827: "FIVE_YEARS",
    2192: "SIX_YEARS", 2557: "SEVEN_YEARS", 2922: "EIGHT_YEARS", 3288: "NINE_YEARS",
    3653: "TEN_YEARS",
}  # fmt: skip

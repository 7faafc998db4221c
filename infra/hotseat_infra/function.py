"""One model's function: image, alias, canary, alarms."""

from pathlib import Path

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_applicationautoscaling as scaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_ecr_assets as assets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from hotseat_infra.deployment import Model, Stage
from hotseat_infra.nag import accept
from hotseat_infra.registry import RegistryBucket, grant_read
from hotseat_serve.settings import Settings

IMAGE = Path(__file__).parents[2] / "functions"
ALIAS = "live"
NAMESPACE = "Hotseat"


class ModelFunction(Construct):
    """Serves one model behind `alias`; `alarms` are what takes a canary back."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        stage: Stage,
        model: Model,
        registry: RegistryBucket | None,
        uri: str,
    ) -> None:
        super().__init__(scope, name)
        self.memory_mb = model.memory_mb
        static = model.mode == "static"
        arm = model.architecture == "arm64"
        log = logs.LogGroup(
            self,
            "Log",
            retention=_retention(stage.log_days),
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
            static=static,
            variant=model.variant,
            refresh_seconds=model.refresh_seconds,
            origins=",".join(stage.api.origins),
            downloads=name if model.downloads else "",
            trust=",".join(f"/var/task/trust/{key}" for key in stage.trust),
        )
        # what a function's memory says is left to the function itself
        environment = {
            key: value
            for key, value in settings.to_env().items()
            if key not in {"HOTSEAT_THREADS", "HOTSEAT_MEMORY_BYTES"}
        }
        self.function = lambda_.DockerImageFunction(
            self,
            "Function",
            code=lambda_.DockerImageCode.from_image_asset(
                str(IMAGE),
                build_args={"BAKED": name if static else "none"},
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
                grant_read(self.role, uri)
            else:
                registry.grant_read(self.role)
        self.alias = lambda_.Alias(
            self,
            "Alias",
            alias_name=ALIAS,
            version=self.function.current_version,
            provisioned_concurrent_executions=(model.provisioned_concurrency or None),
        )
        self._scale(model)
        self.alarms = self._alarms(name, model)
        group = codedeploy.LambdaDeploymentGroup(
            self,
            "Deployment",
            alias=self.alias,
            deployment_config=getattr(codedeploy.LambdaDeploymentConfig, model.canary),
            alarms=list(self.alarms),
        )
        accept(
            self.role, "IAM5[Resource::*]", "X-Ray's PutTraceSegments has no resources"
        )
        accept(
            group,
            "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/"
            "AWSCodeDeployRoleForLambdaLimited]",
            "CodeDeploy's own role; AWS keeps it as narrow as the service needs",
        )

    def _scale(self, model: Model) -> None:
        """Provisioned concurrency by the clock."""
        if model.schedule is None:
            return
        target = self.alias.add_auto_scaling(
            min_capacity=0, max_capacity=model.schedule.concurrency
        )
        for name, when, count in (
            ("Up", model.schedule.up, model.schedule.concurrency),
            ("Down", model.schedule.down, 0),
        ):
            target.scale_on_schedule(
                name,
                schedule=scaling.Schedule.expression(when),
                min_capacity=count,
                max_capacity=count,
            )

    def _alarms(self, name: str, model: Model) -> tuple[cloudwatch.Alarm, ...]:
        """Return what an operator is woken for."""
        five = Duration.minutes(5)
        slow = cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name="latency",
            dimensions_map={"model": name},
            statistic="p95",
            period=five,
        )
        share = cloudwatch.MathExpression(
            expression="100 * (failed + crashed) / MAX([asked, 1])",
            using_metrics={
                "failed": cloudwatch.Metric(
                    namespace=NAMESPACE, metric_name="errors",
                    dimensions_map={"model": name}, statistic="Sum", period=five,
                ),
                "crashed": self.alias.metric_errors(period=five),
                "asked": self.alias.metric_invocations(period=five),
            },
            label="errors, percent",
            period=five,
        )  # fmt: skip
        away = cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name="registry_refused",
            dimensions_map={"model": name},
            statistic="Sum",
            period=five,
        )
        return (
            self._alarm("Slow", slow, model.alarms.p95_ms, "is slower than agreed"),
            self._alarm("Failing", share, model.alarms.error_percent, "answers 5xx"),
            self._alarm("Refused", away, 1, "refused a new version"),
        )

    def _alarm(
        self, name: str, metric: cloudwatch.IMetric, limit: float, says: str
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
            alarm_description=f"Hotseat: {self.node.id} {says}. docs/operators.md",
        )


def _retention(days: int) -> logs.RetentionDays:
    """Return the shortest retention that CloudWatch has and that is long enough."""
    known = {
        1: "ONE_DAY", 3: "THREE_DAYS", 5: "FIVE_DAYS", 7: "ONE_WEEK", 14: "TWO_WEEKS",
        30: "ONE_MONTH", 60: "TWO_MONTHS", 90: "THREE_MONTHS", 180: "SIX_MONTHS",
        365: "ONE_YEAR",
    }  # fmt: skip
    enough = min((d for d in known if d >= days), default=365)
    found: logs.RetentionDays = getattr(logs.RetentionDays, known[enough])
    return found

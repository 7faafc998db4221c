"""The function that checks a registry and collects its garbage, by schedule.

It is in the registry's stack, and its name is fixed, so that the service's alarm knows
it without an export. Its code is the registry's package alone, on Lambda's own Python.
"""

from aws_cdk import Duration, RemovalPolicy, Size
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from hotseat_infra.deployment import Maintenance as Work
from hotseat_infra.deployment import Stage
from hotseat_infra.stacks.function_code import (
    OF_THE_IMAGE,
    PYTHON,
    registry_package,
)
from hotseat_infra.stacks.log_retention import retention
from hotseat_infra.stacks.nag import acknowledge
from hotseat_infra.stacks.registry_access import PREFIX
from hotseat_infra.stacks.registry_roles import ROLES, permit

MEMORY_MB = 1769
"""One core: the time goes into digests."""
STORAGE_MB = 10_240
"""Eight files lie there at a time while they are checked."""
TIMEOUT = Duration.minutes(15)


def function_name(stage: Stage) -> str:
    """Return the function's name, which the alarm in the other stack needs."""
    return f"hotseat-{stage.name}-maintenance"


class Maintenance(Construct):
    """A function with a rule for each of its jobs; `collects`: one of them deletes."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        stage: Stage,
        work: Work,
        bucket: s3.Bucket,
        key: kms.Key,
        finding: str,
    ) -> None:
        super().__init__(scope, name)
        self.collects = bool(work.collect_every_days)
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
            description="Hotseat: checks the registry and collects garbage",
        )
        log.grant_write(self.role)
        permissions = ROLES["collector" if self.collects else "reader"]
        permit(self.role, permissions, bucket, key, finding)
        function = lambda_.Function(
            self,
            "Function",
            function_name=function_name(stage),
            code=registry_package(self),
            handler="hotseat_registry.maintenance.handler",
            runtime=PYTHON,
            architecture=lambda_.Architecture.ARM_64,
            description="Hotseat: checks the registry and collects garbage",
            memory_size=MEMORY_MB,
            ephemeral_storage_size=Size.mebibytes(STORAGE_MB),
            timeout=TIMEOUT,
            environment={"HOTSEAT_REGISTRY": f"s3://{bucket.bucket_name}/{PREFIX}"},
            role=self.role,
            log_group=log,
            logging_format=lambda_.LoggingFormat.TEXT,
            # the next run tries again; damage does not go away by another try
            retry_attempts=0,
        )
        for job, days, more in (
            ("verify", work.verify_every_days, {}),
            ("collect", work.collect_every_days, {"keep_days": work.keep_days}),
        ):
            if days:
                events.Rule(
                    self,
                    job.title(),
                    schedule=events.Schedule.rate(Duration.days(days)),
                    description=f"Hotseat {stage.name}: {job}",
                    targets=[
                        targets.LambdaFunction(
                            function,
                            event=events.RuleTargetInput.from_object(
                                {"job": job, **more}
                            ),
                        )
                    ],
                )
        acknowledge(function, "L1", OF_THE_IMAGE)

"""Alarms of quotas: a game's day, and the account's concurrent executions."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs
from constructs import Construct

from hotseat_infra.deployment import Stage
from hotseat_infra.stacks.metrics import QUOTA_EXCEEDED

_OF_ACCOUNT = 0.8
"""The share of the account's concurrent executions that raises the alarm."""
_WINDOW = Duration.minutes(5)


class QuotaAlarms(Construct):
    """`alarms`: requests over a game's daily quota, and an account near its limit.

    API Gateway has no metric of a usage plan. Its access log names the error of each
    request and the id of its key, so a filter of the log counts them.
    """

    def __init__(
        self, scope: Construct, name: str, *, stage: Stage, access_log: logs.ILogGroup
    ) -> None:
        super().__init__(scope, name)
        # one claimed by a reservation is not free for others, so this counts both
        claimed = cloudwatch.Metric(
            namespace="AWS/Lambda",
            metric_name="ClaimedAccountConcurrency",
            statistic="Maximum",
            period=Duration.minutes(1),
        )
        self.alarms = [
            self._alarm(
                "Account",
                claimed,
                _OF_ACCOUNT * stage.account_concurrency,
                "the account's concurrent executions are four fifths used",
            )
        ]
        if stage.api.games:
            self.alarms.append(self._of_games(stage, access_log))

    def _of_games(self, stage: Stage, access_log: logs.ILogGroup) -> cloudwatch.Alarm:
        namespace = f"Hotseat/{stage.name}"
        logs.MetricFilter(
            self,
            "OverQuota",
            log_group=access_log,
            filter_pattern=logs.FilterPattern.string_value(
                "$.error", "=", "QUOTA_EXCEEDED"
            ),
            metric_namespace=namespace,
            metric_name=QUOTA_EXCEEDED,
            metric_value="1",
        )
        refused = cloudwatch.Metric(
            namespace=namespace,
            metric_name=QUOTA_EXCEEDED,
            statistic="Sum",
            period=_WINDOW,
        )
        return self._alarm("Game", refused, 1, "a game's daily quota is used up")

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
                f"Hotseat: {description}. docs/how-to/operate.md, drill 5"
            ),
        )

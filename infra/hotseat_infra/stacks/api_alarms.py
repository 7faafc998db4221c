"""The alarms of the API: what its functions do not see.

A request that WAF blocks, that the gateway refuses or that no function answers is in no
metric of a function.
"""

from collections.abc import Mapping

from aws_cdk import Aws, Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from hotseat_infra.deployment import Stage

_WINDOW = Duration.minutes(5)


class ApiAlarms(Construct):
    """Errors and latency at the API, and requests that WAF blocks."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        stage: Stage,
        metrics: Mapping[str, cloudwatch.Metric],
    ) -> None:
        super().__init__(scope, name)
        limits = stage.api.alarms
        failing = cloudwatch.MathExpression(
            expression=(
                f"IF(asked >= {limits.least_requests}, "
                "100 * FILL(failed, 0) / asked, 0)"
            ),
            using_metrics={"failed": metrics["5xx"], "asked": metrics["requests"]},
            label="5xx at the API, percent",
            period=_WINDOW,
        )
        slow = cloudwatch.MathExpression(
            expression=f"IF(asked >= {limits.least_requests}, slow, 0)",
            using_metrics={
                "slow": metrics["latency"].with_(statistic="p95"),
                "asked": metrics["requests"],
            },
            label="latency at the API, p95",
            period=_WINDOW,
        )
        alarms: list[tuple[str, cloudwatch.IMetric, float, str]] = [
            ("ApiFailing", failing, limits.error_percent, "the API answers 5xx"),
            ("ApiSlow", slow, stage.api_p95_ms, "the API is slower than its limit"),
        ]
        if stage.api.waf:
            blocked = cloudwatch.Metric(
                namespace="AWS/WAFV2",
                metric_name="BlockedRequests",
                dimensions_map={
                    "WebACL": f"hotseat-{stage.name}",
                    "Rule": "ALL",
                    "Region": Aws.REGION,
                },
                statistic="Sum",
                period=_WINDOW,
            )
            alarms.append(
                ("Blocked", blocked, limits.blocked, "WAF blocks many requests")
            )
        self.alarms = tuple(
            cloudwatch.Alarm(
                self,
                alarm,
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
            for alarm, metric, limit, description in alarms
        )

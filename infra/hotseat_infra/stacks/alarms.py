"""The alarms of one function: for operators, and for the new version of a canary.

An operator's alarm looks at all that the alias answers. A canary's alarm looks at the
new function version alone, by CloudWatch's dimension ``ExecutedVersion``: it has no
data when a deployment begins, so an alarm that rings for the old version does not stop
the deployment of its fix.
"""

import math

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from hotseat_infra.deployment import Model
from hotseat_infra.stacks.metrics import own_metric

_MINUTE = Duration.minutes(1)
_OF_WINDOW = 0.6
"""Of the window's minutes so many have to be over a threshold: three of five."""


class FunctionAlarms:
    """`all` alert an operator; `canary` roll a new function version back.

    `scope` is the function's construct, which has the model's name.
    """

    def __init__(
        self, scope: Construct, *, model: Model, namespace: str, alias: lambda_.Alias
    ) -> None:
        self._scope, self._model = scope, model
        self._namespace, self._alias = namespace, alias
        self.all = self._for_operators()
        self.canary: tuple[cloudwatch.Alarm, ...] = ()
        if self._model.canary != "ALL_AT_ONCE":
            self.canary = self._for_canary()

    def _for_operators(self) -> tuple[cloudwatch.Alarm, ...]:
        limits, alias = self._model.alarms, self._alias
        period = Duration.minutes(limits.minutes)
        slow = cloudwatch.MathExpression(
            expression=f"IF(asked >= {limits.least_requests}, slow, 0)",
            using_metrics={
                "slow": self._metric("latency", "p95", _MINUTE),
                "asked": self._metric("requests", "Sum", _MINUTE),
            },
            label="latency, p95",
            period=_MINUTE,
        )
        failing = self._error_share(
            self._metric("errors", "Sum", _MINUTE),
            alias.metric_errors(period=_MINUTE),
            alias.metric_invocations(period=_MINUTE),
        )
        alarms = [
            self._alarm("Slow", slow, self._model.p95_ms, "is slower than its limit"),
            self._alarm("Failing", failing, limits.error_percent, "answers 5xx"),
        ]
        for name, metric, limit, description in (
            (
                "Refused",
                self._metric("registry_refused", "Sum", period),
                1,
                "refused a new version",
            ),
            (
                "Unreachable",
                self._metric("registry_unreachable", "Sum", period),
                limits.unreachable,
                "cannot read its registry",
            ),
            (
                "Throttled",
                alias.metric_throttles(period=period),
                limits.throttled,
                "turned requests away",
            ),
        ):
            alarms.append(self._alarm(name, metric, limit, description, once=True))
        if self._model.provisioned_concurrency or self._model.schedule:
            spilled = alias.metric(
                "ProvisionedConcurrencySpilloverInvocations",
                statistic="Sum",
                period=period,
            )
            alarms.append(
                self._alarm(
                    "Spillover",
                    spilled,
                    limits.spillover,
                    "has more requests than provisioned environments",
                    once=True,
                )
            )
        return tuple(alarms)

    def _for_canary(self) -> tuple[cloudwatch.Alarm, ...]:
        limits, version = self._model.alarms, self._alias.version.version
        asked = self._of_version("Invocations", "Sum", version)
        slow = cloudwatch.MathExpression(
            expression=f"IF(asked >= {limits.least_requests}, slow, 0)",
            using_metrics={
                "slow": self._of_version("Duration", "p95", version),
                "asked": asked,
            },
            label="duration of the new version, p95",
            period=_MINUTE,
        )
        failing = self._error_share(
            self._metric("errors", "Sum", _MINUTE, function_version=version),
            self._of_version("Errors", "Sum", version),
            asked,
        )
        return (
            self._alarm(
                "CanarySlow", slow, self._model.p95_ms, "is slower: a new version"
            ),
            self._alarm(
                "CanaryFailing", failing, limits.error_percent, "fails: a new version"
            ),
        )

    def _metric(
        self, name: str, statistic: str, period: Duration, *, function_version: str = ""
    ) -> cloudwatch.Metric:
        return own_metric(
            self._namespace,
            self._scope.node.id,
            name,
            statistic,
            period,
            function_version=function_version,
        )

    def _of_version(self, name: str, statistic: str, version: str) -> cloudwatch.Metric:
        """Return one of Lambda's metrics of one version behind the alias."""
        function = self._alias.lambda_.function_name
        dimensions = {
            "FunctionName": function,
            "Resource": f"{function}:{self._alias.alias_name}",
            "ExecutedVersion": version,
        }
        return cloudwatch.Metric(
            namespace="AWS/Lambda",
            metric_name=name,
            dimensions_map=dimensions,
            statistic=statistic,
            period=_MINUTE,
        )

    def _error_share(
        self,
        failed: cloudwatch.IMetric,
        crashed: cloudwatch.IMetric,
        asked: cloudwatch.IMetric,
    ) -> cloudwatch.MathExpression:
        """Return the percentage of 5xx answers, and of crashes without an answer."""
        least = self._model.alarms.least_requests
        return cloudwatch.MathExpression(
            expression=(
                f"IF(asked >= {least}, "
                "100 * (FILL(failed, 0) + FILL(crashed, 0)) / asked, 0)"
            ),
            using_metrics={"failed": failed, "crashed": crashed, "asked": asked},
            label="errors, percent",
            period=_MINUTE,
        )

    def _alarm(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        limit: float,
        description: str,
        *,
        once: bool = False,
    ) -> cloudwatch.Alarm:
        """Add an alarm: `once` for a sum over the window, else M of its N minutes."""
        minutes = 1 if once else self._model.alarms.minutes
        return cloudwatch.Alarm(
            self._scope,
            name,
            metric=metric,
            threshold=limit,
            evaluation_periods=minutes,
            datapoints_to_alarm=math.ceil(_OF_WINDOW * minutes),
            comparison_operator=(
                cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
            ),
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=(
                f"Hotseat: {self._scope.node.id} {description}. "
                "docs/how-to/operate.md, drill 5"
            ),
        )

"""What an operator looks at and is told: dashboard, topic, budget."""

from collections.abc import Mapping

from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from hotseat_infra.deployment import Stage
from hotseat_infra.function import NAMESPACE, ModelFunction

_MINUTE = Duration.minutes(1)


class Watch(Construct):
    """One dashboard, one topic, one budget a stage."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        stage: Stage,
        functions: Mapping[str, ModelFunction],
    ) -> None:
        super().__init__(scope, name)
        key = kms.Key(
            self,
            "Key",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.DESTROY,  # nothing is kept under it
        )
        key.grant_encrypt_decrypt(iam.ServicePrincipal("cloudwatch.amazonaws.com"))
        self.topic = sns.Topic(
            self,
            "Alarms",
            display_name=f"Hotseat {stage.name}",
            master_key=key,
            enforce_ssl=True,
        )
        # a topic with a policy of its own is closed to alarms that it does not name
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        self.topic.add_subscription(subscriptions.EmailSubscription(stage.alarm_email))
        for function in functions.values():
            for alarm in function.alarms:
                alarm.add_alarm_action(actions.SnsAction(self.topic))
                alarm.add_ok_action(actions.SnsAction(self.topic))
        board = cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=f"hotseat-{stage.name}",
            default_interval=Duration.hours(3),
            period_override=cloudwatch.PeriodOverride.AUTO,
        )
        board.add_widgets(
            cloudwatch.AlarmStatusWidget(
                title="Is anything wrong?",
                alarms=[a for f in functions.values() for a in f.alarms],
                width=24,
                height=3,
            )
        )
        for model, function in functions.items():
            _rows(board, model, function)
        self._budget(stage)

    def _budget(self, stage: Stage) -> None:
        """Tell by mail at 80 and 100 percent of the month's budget."""

        def at(
            percent: float, kind: str
        ) -> budgets.CfnBudget.NotificationWithSubscribersProperty:
            return budgets.CfnBudget.NotificationWithSubscribersProperty(
                notification=budgets.CfnBudget.NotificationProperty(
                    comparison_operator="GREATER_THAN",
                    notification_type=kind,
                    threshold=percent,
                    threshold_type="PERCENTAGE",
                ),
                subscribers=[
                    budgets.CfnBudget.SubscriberProperty(
                        address=stage.alarm_email, subscription_type="EMAIL"
                    )
                ],
            )

        budgets.CfnBudget(
            self,
            "Budget",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_name=f"hotseat-{stage.name}",
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(
                    amount=stage.monthly_budget_usd, unit="USD"
                ),
                cost_filters={"TagKeyValue": [f"user:hotseat:stage${stage.name}"]},
            ),
            notifications_with_subscribers=[
                at(80, "ACTUAL"), at(100, "ACTUAL"), at(100, "FORECASTED"),
            ],
        )  # fmt: skip


def _rows(board: cloudwatch.Dashboard, model: str, function: ModelFunction) -> None:
    """Add one model's row: how fast, how often, how cold, which version."""

    def metric(name: str, statistic: str, label: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=name,
            dimensions_map={"model": model},
            statistic=statistic,
            label=label,
            period=_MINUTE,
        )

    board.add_widgets(cloudwatch.TextWidget(markdown=f"## {model}", width=24, height=1))
    board.add_widgets(
        cloudwatch.GraphWidget(
            title="How fast: milliseconds in the function",
            left=[
                metric("latency", "p50", "half"),
                metric("latency", "p95", "95 %"),
                metric("latency", "p99", "99 %"),
            ],
            left_y_axis=cloudwatch.YAxisProps(min=0, show_units=False),
            width=6,
        ),
        cloudwatch.GraphWidget(
            title="Where the time goes, on average",
            left=[metric(s, "Average", s) for s in ("load", "read", "run", "write")],
            stacked=True,
            left_y_axis=cloudwatch.YAxisProps(min=0, show_units=False),
            width=6,
        ),
        cloudwatch.GraphWidget(
            title="Requests, errors, cold starts",
            left=[metric("requests", "Sum", "requests")],
            right=[
                metric("errors", "Sum", "errors"),
                metric("cold", "Sum", "cold starts"),
                function.alias.metric_throttles(label="throttled", period=_MINUTE),
            ],
            width=6,
        ),
        cloudwatch.GraphWidget(
            title="Which version answers",
            left=[
                cloudwatch.MathExpression(
                    expression=(
                        f"SEARCH('{{{NAMESPACE},model,version,variant}} "
                        f'model="{model}" MetricName="requests"\', \'Sum\')'
                    ),
                    label="",
                    period=_MINUTE,
                )
            ],
            stacked=True,
            width=3,
        ),
        cloudwatch.GraphWidget(
            title="Cost: GB-seconds",
            left=[
                cloudwatch.MathExpression(
                    expression=f"spent / 1000 * {_gigabytes(function)}",
                    using_metrics={
                        "spent": function.alias.metric_duration(
                            statistic="Sum", period=_MINUTE
                        )
                    },
                    label="GB-s a minute",
                    period=_MINUTE,
                )
            ],
            width=3,
        ),
    )


def _gigabytes(function: ModelFunction) -> float:
    return round(function.memory_mb / 1024, 4)

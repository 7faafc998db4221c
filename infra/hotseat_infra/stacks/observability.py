"""Dashboard, alarm topic and budget of one stage."""

from collections.abc import Mapping

from aws_cdk import Aws, Duration, RemovalPolicy, Stack
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from hotseat_infra.deployment import Stage
from hotseat_infra.stacks.api_alarms import ApiAlarms
from hotseat_infra.stacks.dashboard import dashboard
from hotseat_infra.stacks.deployment_events import DeploymentEvents
from hotseat_infra.stacks.function import ModelFunction
from hotseat_infra.stacks.maintenance import function_name
from hotseat_infra.stacks.quota_alarms import QuotaAlarms


class Observability(Construct):
    """One dashboard, one alarm topic and one budget for a stage."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        stage: Stage,
        functions: Mapping[str, ModelFunction],
        api_metrics: Mapping[str, cloudwatch.Metric],
        access_log: logs.ILogGroup,
    ) -> None:
        super().__init__(scope, name)
        key = kms.Key(
            self,
            "Key",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.DESTROY,  # nothing is stored under it
        )
        for service in ("cloudwatch", "events"):
            key.grant_encrypt_decrypt(iam.ServicePrincipal(f"{service}.amazonaws.com"))
        self.topic = sns.Topic(
            self,
            "Alarms",
            display_name=f"Hotseat {stage.name}",
            master_key=key,
            enforce_ssl=True,
        )
        # a topic with a policy rejects alarms that the policy does not allow
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        self.topic.add_subscription(subscriptions.EmailSubscription(stage.alarm_email))
        if stage.alarm_webhook:
            self.topic.add_subscription(
                subscriptions.UrlSubscription(stage.alarm_webhook)
            )
        DeploymentEvents(self, "Deployments", stage=stage, topic=self.topic)
        api_alarms = (
            *ApiAlarms(self, "Api", stage=stage, metrics=api_metrics).alarms,
            *QuotaAlarms(self, "Quotas", stage=stage, access_log=access_log).alarms,
            *self._of_maintenance(stage),
        )
        of_functions = [a for function in functions.values() for a in function.alarms]
        for alarm in (*of_functions, *api_alarms):
            alarm.add_alarm_action(actions.SnsAction(self.topic))
            alarm.add_ok_action(actions.SnsAction(self.topic))
        dashboard(
            self,
            stage=stage,
            functions={n: f for n, f in functions.items() if not f.model.stack},
            api_metrics=api_metrics,
            api_alarms=api_alarms,
        )
        for place in sorted({f.model.stack for f in functions.values()} - {""}):
            inside = {n: f for n, f in functions.items() if f.model.stack == place}
            # without the API's metrics: the API waits for the routes in this stack
            dashboard(
                Stack.of(next(iter(inside.values()))), stage=stage, functions=inside
            )
        self._budget(stage)

    def _of_maintenance(self, stage: Stage) -> list[cloudwatch.Alarm]:
        """Return the alarm of damage, or of a job that did not end."""
        if stage.maintenance is None:
            return []
        failed = cloudwatch.Metric(
            namespace="AWS/Lambda",
            metric_name="Errors",
            dimensions_map={"FunctionName": function_name(stage)},
            statistic="Sum",
            period=Duration.hours(1),
        )
        return [
            cloudwatch.Alarm(
                self,
                "Maintenance",
                metric=failed,
                threshold=1,
                evaluation_periods=1,
                comparison_operator=(
                    cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
                ),
                treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
                alarm_description=(
                    "Hotseat: the registry is damaged, or its maintenance failed. "
                    "docs/how-to/operate.md, drill 5"
                ),
            )
        ]

    def _budget(self, stage: Stage) -> None:
        """Send a mail at 80 and 100 percent of the month's budget."""

        def notification_at(
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

        # without a name of its own: another mail address replaces the budget, and
        # CloudFormation cannot replace a resource whose name is taken
        budgets.CfnBudget(
            self,
            "Budget",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(
                    amount=stage.monthly_budget_usd, unit="USD"
                ),
                cost_filters={"TagKeyValue": [f"user:hotseat:stage${stage.name}"]},
            ),
            notifications_with_subscribers=[
                notification_at(80, "ACTUAL"),
                notification_at(100, "ACTUAL"),
                notification_at(100, "FORECASTED"),
            ],
        )

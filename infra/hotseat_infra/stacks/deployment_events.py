"""Failed deployments, as mails: what CloudFormation and CodeDeploy tell EventBridge."""

from aws_cdk import Aws
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sns as sns
from constructs import Construct

from hotseat_infra.deployment import Stage

FAILED = (
    "CREATE_FAILED", "DELETE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED",
    "UPDATE_FAILED", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED",
)  # fmt: skip
"""CloudFormation's states of a stack whose deployment did not go through."""


class DeploymentEvents(Construct):
    """Rules for both stacks of a stage, and for its canaries."""

    def __init__(
        self, scope: Construct, name: str, *, stage: Stage, topic: sns.ITopic
    ) -> None:
        super().__init__(scope, name)
        account = f"{Aws.REGION}:{Aws.ACCOUNT_ID}"
        stacks = f"arn:{Aws.PARTITION}:cloudformation:{account}:stack"
        of_stack = events.EventField.from_path
        self._rule(
            "Stack",
            topic,
            events.EventPattern(
                source=["aws.cloudformation"],
                detail_type=["CloudFormation Stack Status Change"],
                detail={
                    "stack-id": [
                        {"prefix": f"{stacks}/Hotseat-{stage.name}-{which}/"}
                        for which in ("Registry", "Service")
                    ],
                    "status-details": {"status": list(FAILED)},
                },
            ),
            f"Hotseat {stage.name}: a deployment failed, "
            f"{of_stack('$.detail.status-details.status')}: "
            f"{of_stack('$.detail.status-details.status-reason')}. "
            f"{of_stack('$.detail.stack-id')}. "
            "docs/how-to/change-stacks.md, An update that failed",
        )
        # the names that CloudFormation generates begin with the stack's; a list of a
        # hundred would be longer than a pattern may be
        self._rule(
            "Canary",
            topic,
            events.EventPattern(
                source=["aws.codedeploy"],
                detail_type=["CodeDeploy Deployment State-change Notification"],
                detail={
                    "state": ["FAILURE", "STOP"],
                    "application": [{"prefix": f"Hotseat-{stage.name}-Service-"}],
                },
            ),
            f"Hotseat {stage.name}: a canary ended with "
            f"{of_stack('$.detail.state')} and was moved back: "
            f"{of_stack('$.detail.application')}, "
            f"{of_stack('$.detail.deploymentId')}. "
            "docs/how-to/operate.md, drill 4",
        )

    def _rule(
        self, name: str, topic: sns.ITopic, pattern: events.EventPattern, text: str
    ) -> None:
        events.Rule(
            self,
            name,
            event_pattern=pattern,
            targets=[
                targets.SnsTopic(topic, message=events.RuleTargetInput.from_text(text))
            ],
        )

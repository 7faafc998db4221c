"""cdk-nag's rules, and where one does not fit, the reason beside the construct."""

import aws_cdk as cdk
import cdk_nag
from constructs import IConstruct


def check_with_nag(app: cdk.App) -> None:
    """Let AWS Solutions' rules look at all that is synthesized."""
    cdk.Validations.of(app).add_plugins(cdk_nag.AwsSolutionsChecks(app))


def accept(construct: IConstruct, rule: str, because: str) -> None:
    """Accept one finding at one construct."""
    cdk.Validations.of(construct).acknowledge(
        cdk.Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=because)
    )

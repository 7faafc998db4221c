"""cdk-nag's rules, and acknowledged findings with their reasons."""

import aws_cdk as cdk
import cdk_nag
from constructs import IConstruct


def add_nag_checks(app: cdk.App) -> None:
    """Check everything that is synthesized against the AWS Solutions rules."""
    cdk.Validations.of(app).add_plugins(cdk_nag.AwsSolutionsChecks(app))


def acknowledge(construct: IConstruct, rule: str, reason: str) -> None:
    """Acknowledge one finding at one construct."""
    cdk.Validations.of(construct).acknowledge(
        cdk.Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=reason)
    )

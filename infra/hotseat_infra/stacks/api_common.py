"""Parts of both kinds of API: the access log and the DNS record."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from aws_cdk import aws_route53 as route53
from constructs import Construct

from hotseat_infra.deployment import Api, Stage
from hotseat_infra.stacks.function import retention


def access_log(scope: Construct, stage: Stage) -> logs.LogGroup:
    """Return the log group of the API's access log."""
    return logs.LogGroup(
        scope,
        "Log",
        retention=retention(stage.log_days),
        removal_policy=RemovalPolicy.DESTROY,
    )


def add_dns_record(scope: Construct, api: Api, target: str, zone: str) -> None:
    """Add the DNS record of the API's domain, if the stage names its zone."""
    if not api.zone:
        return
    route53.CfnRecordSet(
        scope,
        "Record",
        hosted_zone_id=api.zone,
        name=api.domain,
        type="A",
        alias_target=route53.CfnRecordSet.AliasTargetProperty(
            dns_name=target, hosted_zone_id=zone
        ),
    )

"""What a stage's models share, and which part of the bill each resource type is in."""

from collections.abc import Mapping
from typing import Any

from hotseat_infra.deployment import Model, Stage
from hotseat_infra.pricing.monthly_bill import Bill, log_cost
from hotseat_infra.pricing.traffic import MONTH

AUTHORIZER_MB, AUTHORIZER_MS = 512, 5
"""Memory of the authorizer, and the billed time of one token, rounded up."""
LIMIT_WRITES = 2
"""Writes of one request, at most: the second where the bucket was not full."""
ACCESS_LOG_BYTES = 700
"""One line of a REST API's access log, with what CloudWatch adds."""
IMAGE_GIGABYTES = 0.15
"""Of one image in the container registry, compressed, without a baked version."""
REGISTRY_GIGABYTES = 1.0
"""Of versions in the bucket, unless the command is told."""
VERIFY_SECONDS_OF_GIGABYTE = 10
"""Of the maintenance function: downloads and digests."""
MAINTENANCE_MB = 1769
BILLED: Mapping[str, str] = {
    "AWS::ApiGateway::RestApi": "api",
    "AWS::ApiGatewayV2::Api": "api",
    "AWS::CloudWatch::Alarm": "alarms",
    "AWS::CloudWatch::Dashboard": "dashboard",
    "AWS::DynamoDB::Table": "limits",
    "AWS::EC2::VPCEndpoint": "endpoint",
    "AWS::KMS::Key": "keys",
    "AWS::Lambda::Function": "compute",
    "AWS::Lambda::Alias": "requests",
    "AWS::ApplicationAutoScaling::ScalableTarget": "provisioned",
    "AWS::Logs::LogGroup": "logs",
    "AWS::Logs::MetricFilter": "quota metric",
    "AWS::Route53::HealthCheck": "health check",
    "AWS::S3::Bucket": "bucket",
    "AWS::WAFv2::WebACL": "firewall",
}
"""The part of the bill that a resource of this type is in."""
FREE: Mapping[str, str] = {
    "AWS::ApiGateway::Account": "settings of the account",
    "AWS::ApiGateway::ApiKey": "no price",
    "AWS::ApiGateway::Authorizer": "its function is billed",
    "AWS::ApiGateway::Deployment": "no price",
    "AWS::ApiGateway::DomainName": "no price for a regional one",
    "AWS::ApiGateway::GatewayResponse": "no price",
    "AWS::ApiGateway::Method": "the API's requests are billed",
    "AWS::ApiGateway::Resource": "no price",
    "AWS::ApiGateway::Stage": "metrics by stage have no price, by method are off",
    "AWS::ApiGateway::UsagePlan": "no price",
    "AWS::ApiGateway::UsagePlanKey": "no price",
    "AWS::ApiGatewayV2::ApiMapping": "no price",
    "AWS::ApiGatewayV2::Authorizer": "its function is billed",
    "AWS::ApiGatewayV2::Integration": "no price",
    "AWS::ApiGatewayV2::Route": "no price",
    "AWS::ApiGatewayV2::Stage": "an HTTP API's metrics have no price",
    "AWS::Budgets::Budget": "no price without actions",
    "AWS::CDK::Metadata": "no resource",
    "AWS::CloudFormation::Stack": "no price for AWS's own types",
    "AWS::CodeDeploy::Application": "no price for Lambda",
    "AWS::CodeDeploy::DeploymentGroup": "no price for Lambda",
    "AWS::EC2::SecurityGroup": "no price",
    "AWS::Events::Rule": "AWS's own events and schedules have no price",
    "AWS::IAM::Policy": "no price",
    "AWS::IAM::Role": "no price",
    "AWS::Lambda::EventInvokeConfig": "no price",
    "AWS::Lambda::Permission": "no price",
    "AWS::Lambda::Url": "the function's requests are billed",
    "AWS::Lambda::Version": "no price for images; snapshots are in the model's bill",
    "AWS::Route53::RecordSet": "queries of an alias record have no price",
    "AWS::S3::BucketPolicy": "no price",
    "AWS::SNS::Subscription": "a thousand mails a month have no price",
    "AWS::SNS::Topic": "a million requests a month have no price",
    "AWS::SNS::TopicPolicy": "no price",
    "AWS::SSM::Parameter": "no price for standard parameters",
    "AWS::WAFv2::LoggingConfiguration": "the log group of blocked requests is billed",
    "AWS::WAFv2::WebACLAssociation": "no price",
}
"""Types without a part in the bill, and why."""


def shared_costs(
    stage: Stage,
    requests: float,
    table: Mapping[str, Any],
    *,
    registry_gigabytes: float = REGISTRY_GIGABYTES,
) -> Bill:
    """Return the costs that a stage's models share.

    `requests` are of all models in a month. Blocked requests, garbage that waits and
    former images are not counted.
    """
    watch = table["cloudwatch"]
    parts = {
        "dashboard": watch["dashboard_month"],
        # one for the topic, one for the registry if the stage creates it
        "keys": table["kms"]["key_month"] * (1 if stage.registry else 2),
        "alarms": stage_alarm_metrics(stage) * watch["alarm_metric_month"],
        "logs": log_cost(requests * ACCESS_LOG_BYTES, stage.log_days, table),
        "images": _images(stage) * table["ecr"]["gigabyte_month"],
    }
    if stage.api.games:
        parts["quota metric"] = watch["metric_month"]
    if not stage.registry:
        parts["bucket"] = registry_gigabytes * table["s3"]["gigabyte_month"]
    if stage.api.latency:
        parts["health check"] = table["route53"]["health_check_month"]
    parts |= _protection(stage, requests, table)
    if stage.api.private and not stage.api.vpc_endpoints and stage.network:
        hours = MONTH * len(stage.network.subnets)
        parts["endpoint"] = hours * table["endpoint"]["hour"]
    if stage.maintenance and stage.maintenance.verify_every_days:
        runs = 30 / stage.maintenance.verify_every_days
        seconds = runs * registry_gigabytes * VERIFY_SECONDS_OF_GIGABYTE
        rate = table["lambda"]["gigabyte_second"]["arm64"]
        parts["maintenance"] = MAINTENANCE_MB / 1024 * seconds * rate
    return Bill("shared by the stage", 0.0, 0.0, parts)


def stage_alarm_metrics(stage: Stage) -> int:
    """Return how many metrics the alarms read that belong to no model.

    ApiFailing and ApiSlow read two each, Account one; Blocked, Game and Maintenance
    one, where they are; so does Down, which a health check follows.
    """
    api = stage.api
    return (
        5
        + bool(api.waf)
        + bool(api.games)
        + bool(api.latency)
        + bool(stage.maintenance)
    )


def _images(stage: Stage) -> float:
    """Return the gigabytes of images: one for each that differs."""

    def kind(name: str, model: Model) -> tuple[object, ...]:
        baked = name if model.mode == "static" else ""
        return (
            model.architecture, model.preprocessing, model.text, model.packages, baked,
        )  # fmt: skip

    images = {
        kind(name, model)
        for name, model in stage.models.items()
        if model.package == "image"
    }
    return IMAGE_GIGABYTES * (len(images) + (stage.api.access == "tokens"))


def _protection(
    stage: Stage, requests: float, table: Mapping[str, Any]
) -> dict[str, float]:
    """Return the costs of firewall, authorizer and limits."""
    parts, paid = {}, table["lambda"]
    if stage.api.waf:
        firewall = table["waf"]
        rules = 3 if stage.api.games else 2
        parts["firewall"] = (
            firewall["acl_month"]
            + rules * firewall["rule_month"]
            + requests * firewall["request"]
        )
    if stage.api.access == "tokens":
        # at most: API Gateway remembers a token for `token_cache_seconds`
        spent = AUTHORIZER_MB / 1024 * AUTHORIZER_MS / 1000
        kind = next(iter(stage.models.values())).architecture
        parts["authorizer"] = requests * (
            paid["request"] + spent * paid["gigabyte_second"][kind]
        )
    api = stage.api
    limits = bool(api.player_requests_per_second)
    # a text checks each budget before it begins, and charges it at its end
    budgets = bool(api.player_tokens_per_hour) + bool(api.tokens_per_hour)
    if counted := limits + 2 * budgets:
        parts["limits"] = counted * requests * LIMIT_WRITES * table["dynamodb"]["write"]
    return parts

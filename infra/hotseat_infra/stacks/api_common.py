"""What both kinds of API have: the log group of their access log."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct

from hotseat_infra.deployment import Stage
from hotseat_infra.stacks.log_retention import retention

ACCESS_LOG = {
    "request_id": "$context.requestId",
    "time": "$context.requestTime",
    "method": "$context.httpMethod",
    "path": "$context.resourcePath",
    "status": "$context.status",
    "bytes": "$context.responseLength",
    "latency": "$context.responseLatency",
    "model_latency": "$context.integrationLatency",
    # which game's key: its id, never its value
    "key_id": "$context.identity.apiKeyId",
    "error": "$context.error.responseType",
    "model_status": "$context.integration.status",
    "model_error": "$context.integration.error",
    "waf": "$context.waf.status",
    "waf_latency": "$context.waf.latency",
}
"""The line of a request at a REST API. No address and no text of a player."""


def access_log(scope: Construct, stage: Stage) -> logs.LogGroup:
    """Return the log group of the API's access log."""
    return logs.LogGroup(
        scope,
        "Log",
        retention=retention(stage.log_days),
        removal_policy=RemovalPolicy.DESTROY,
    )

"""The service's own metrics (docs/reference/service.md)."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

QUOTA_EXCEEDED = "quota_exceeded"
"""Requests that a game's daily quota refused, by the API's access log."""


def own_metric(
    namespace: str,
    model: str,
    name: str,
    statistic: str,
    period: Duration,
    *,
    function_version: str = "",
    label: str | None = None,
    color: str | None = None,
) -> cloudwatch.Metric:
    """Return one of a model's metrics, of one function version if it is named."""
    version = {"function_version": function_version} if function_version else {}
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        dimensions_map={"model": model, **version},
        statistic=statistic,
        period=period,
        label=label,
        color=color,
    )

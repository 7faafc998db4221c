"""The stage's dashboard: alarms, latency, cost and the versions that answer.

It is 24 columns wide: first the alarms and the API, then two rows for each model.
"""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from hotseat_infra.deployment import Stage
from hotseat_infra.pricing.monthly_bill import read_prices
from hotseat_infra.stacks.function import ModelFunction

_MINUTE = Duration.minutes(1)
_HOUR = Duration.hours(1)
_ALARMS_A_WIDGET = 100
"""CloudWatch's limit."""
_RED, _ORANGE, _GREEN, _BLUE = "#d13212", "#ff9900", "#1d8102", "#0073bb"
_STAGES = {
    "load": ("load a version", "#9469d6"),
    "read": ("request to tensors", _BLUE),
    "run": ("the model", _GREEN),
    "write": ("answer to bytes", _ORANGE),
}


def dashboard(
    scope: Construct,
    *,
    stage: Stage,
    functions: Mapping[str, ModelFunction],
    api_metrics: Mapping[str, cloudwatch.Metric] | None = None,
    api_alarms: Sequence[cloudwatch.Alarm] = (),
) -> cloudwatch.Dashboard:
    """Add a stage's dashboard to a stack; without API in a nested stack of models."""
    names = ["hotseat", stage.name]
    names += sorted({f.model.stack for f in functions.values()} - {""})
    board = cloudwatch.Dashboard(
        scope,
        "Dashboard",
        dashboard_name="-".join(names),
        default_interval=Duration.hours(3),
        period_override=cloudwatch.PeriodOverride.AUTO,
    )
    alarms = [*api_alarms, *(a for f in functions.values() for a in f.alarms)]
    for first in range(0, len(alarms), _ALARMS_A_WIDGET):
        shown = alarms[first : first + _ALARMS_A_WIDGET]
        board.add_widgets(
            cloudwatch.AlarmStatusWidget(
                title="Alarms", alarms=shown, width=24, height=2 + len(shown) // 5
            )
        )
    dollars = _graph(
        "Dollars an hour, by list price",
        [_dollars(name, function, stage) for name, function in functions.items()],
        stacked=True,
    )
    board.add_widgets(*(_api_graphs(api_metrics) if api_metrics else ()), dollars)
    for name, function in functions.items():
        board.add_widgets(
            cloudwatch.TextWidget(markdown=_heading(name, function), width=24, height=1)
        )
        _rows(board, name, function)
    return board


def _api_graphs(
    metrics: Mapping[str, cloudwatch.Metric],
) -> tuple[cloudwatch.GraphWidget, ...]:
    return (
        _graph(
            "API: requests a minute",
            [metrics["requests"].with_(label="all", color=_BLUE, period=_MINUTE)],
            [
                metrics["4xx"].with_(label="4xx", color=_ORANGE, period=_MINUTE),
                metrics["5xx"].with_(label="5xx", color=_RED, period=_MINUTE),
            ],
        ),
        _graph(
            "API: latency in ms, 95th percentile",
            [metrics["latency"].with_(label="with API Gateway", period=_MINUTE)],
        ),
    )


def _heading(name: str, function: ModelFunction) -> str:
    model = function.model
    serves = f"version {model.version}" if model.version else f"alias `{model.alias}`"
    return (
        f"## {name}: {model.mode}, {serves}, {model.memory_mb:,} MB, "
        f"{model.architecture}"
    )


def _rows(board: cloudwatch.Dashboard, model: str, function: ModelFunction) -> None:
    def metric(name: str, statistic: str, label: str, color: str) -> cloudwatch.Metric:
        return function.metric(name, statistic, _MINUTE, label=label, color=color)

    limit = cloudwatch.HorizontalAnnotation(
        value=function.model.alarms.p95_ms, label="alarm", color=_RED
    )
    alias = function.alias
    board.add_widgets(
        _graph(
            "Latency in the function, ms",
            [
                metric("latency", "p50", "p50", _GREEN),
                metric("latency", "p95", "p95", _ORANGE),
                metric("latency", "p99", "p99", _RED),
            ],
            marks=[limit],
        ),
        _graph(
            "Average time by step, ms",
            [
                metric(name, "Average", label, color)
                for name, (label, color) in _STAGES.items()
            ],
            stacked=True,
        ),
        _graph(
            "Requests and errors a minute",
            [metric("requests", "Sum", "requests", _BLUE)],
            [
                metric("errors", "Sum", "5xx answers", _RED),
                alias.metric_errors(label="crashes", color="#7d2105", period=_MINUTE),
            ],
        ),
    )
    board.add_widgets(
        _graph(
            "Requests a minute by version",
            [
                cloudwatch.MathExpression(
                    expression=(
                        f"SEARCH('{{{function.namespace},model,version,variant}} "
                        f'model="{model}" MetricName="requests"\', \'Sum\')'
                    ),
                    label="${PROP('Dim.version')}, ${PROP('Dim.variant')}",
                    period=_MINUTE,
                )
            ],
            stacked=True,
        ),
        _graph(
            "Cold starts and throttled requests a minute",
            [
                metric("cold", "Sum", "cold starts", _BLUE),
                alias.metric_throttles(label="throttled", color=_RED, period=_MINUTE),
            ],
            [
                alias.metric(
                    "ConcurrentExecutions",
                    statistic="Maximum",
                    label="concurrent",
                    color="#aab7b8",
                    period=_MINUTE,
                )
            ],
        ),
        _graph(
            "Registry: new versions, refused versions, failed reads",
            [
                metric("version_changed", "Sum", "new version", _GREEN),
                metric("registry_refused", "Sum", "refused", _RED),
                metric("registry_unreachable", "Sum", "unreachable", _ORANGE),
            ],
        ),
    )


def _graph(
    title: str,
    left: Sequence[cloudwatch.IMetric],
    right: Sequence[cloudwatch.IMetric] = (),
    *,
    stacked: bool = False,
    marks: Sequence[cloudwatch.HorizontalAnnotation] = (),
) -> cloudwatch.GraphWidget:
    axis = cloudwatch.YAxisProps(min=0, show_units=False)
    return cloudwatch.GraphWidget(
        title=title,
        left=list(left),
        right=list(right),
        stacked=stacked,
        left_annotations=list(marks),
        left_y_axis=axis,
        right_y_axis=axis,
        width=8,
        height=6,
    )


def _dollars(
    name: str, function: ModelFunction, stage: Stage
) -> cloudwatch.MathExpression:
    """Return the hourly cost of a function and of its API requests."""
    model, table = function.model, read_prices()
    lambda_prices, gigabytes = table["lambda"], model.memory_mb / 1024
    provisioned = model.provisioned_concurrency
    second = (
        "provisioned_duration_gigabyte_second" if provisioned else "gigabyte_second"
    )
    milliseconds = gigabytes * lambda_prices[second][model.architecture] / 1000
    request = lambda_prices["request"] + table["api"][f"{stage.api.kind}_request"]
    hour = (
        3600 * provisioned * gigabytes
        * lambda_prices["provisioned_gigabyte_second"][model.architecture]
    )  # fmt: skip
    key = f"m{list(stage.models).index(name)}"
    return cloudwatch.MathExpression(
        expression=f"{milliseconds:.14f} * FILL(spent_{key}, 0) "
        f"+ {request:.10f} * FILL(asked_{key}, 0) + {hour:.6f}",
        using_metrics={
            f"spent_{key}": function.alias.metric_duration(
                statistic="Sum", period=_HOUR
            ),
            f"asked_{key}": function.alias.metric_invocations(period=_HOUR),
        },
        label=name,
        period=_HOUR,
    )

"""The stage's dashboard: a row for each question that somebody has at night.

It is 24 columns wide: the alarms, then the questions, each over all models, and at the
end one model in detail, which the variable at the top chooses.
"""

from collections.abc import Callable, Mapping, Sequence

from aws_cdk import Aws, Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from hotseat_infra.deployment import Stage
from hotseat_infra.pricing.price_table import read_prices
from hotseat_infra.stacks.function import ModelFunction
from hotseat_infra.stacks.metrics import QUOTA_EXCEEDED, own_metric

CHOSEN = "CHOSEN-MODEL"
"""What the dashboard's variable replaces by a model's name."""
Graph = Callable[[int], cloudwatch.GraphWidget]
"""A graph that still needs its width."""
Metrics = Mapping[str, cloudwatch.Metric]
_WIDTH = 24
_ALARMS_A_WIDGET = 100
"""CloudWatch's limit."""
_MINUTE = Duration.minutes(1)
_HOUR = Duration.hours(1)
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
    api_metrics: Metrics | None = None,
    api_alarms: Sequence[cloudwatch.Alarm] = (),
) -> cloudwatch.Dashboard:
    """Add a stage's dashboard to a stack; without API in a nested stack of models."""
    title = ["hotseat", stage.name]
    title += sorted({f.model.stack for f in functions.values()} - {""})
    board = cloudwatch.Dashboard(
        scope,
        "Dashboard",
        dashboard_name="-".join(title),
        default_interval=Duration.hours(3),
        period_override=cloudwatch.PeriodOverride.AUTO,
        variables=[_choice(stage, functions)] if functions else None,
    )
    alarms = [*api_alarms, *(a for f in functions.values() for a in f.alarms)]
    for first in range(0, len(alarms), _ALARMS_A_WIDGET):
        shown = alarms[first : first + _ALARMS_A_WIDGET]
        board.add_widgets(
            cloudwatch.AlarmStatusWidget(
                title="Alarms: what to do is drill 5 of docs/how-to/operate.md",
                alarms=shown,
                width=_WIDTH,
                height=2 + len(shown) // 5,
            )
        )
    rows = {
        "Do players get answers?": _answers(functions, api_metrics),
        "Is it fast enough?": _speed(functions, api_metrics),
        "Is anything turned away?": _refusals(stage, functions),
        "What changed?": _changes(stage, functions),
        "What does it cost?": _cost(stage, functions, api_metrics),
    }
    if functions:
        rows[f"One model in detail: {CHOSEN}"] = _detail(stage)
    for question, row in rows.items():
        graphs = [graph for graph in row if graph is not None]
        board.add_widgets(
            cloudwatch.TextWidget(markdown=f"## {question}", width=_WIDTH, height=1)
        )
        board.add_widgets(*(graph(_WIDTH // len(graphs)) for graph in graphs))
    return board


def _choice(
    stage: Stage, functions: Mapping[str, ModelFunction]
) -> cloudwatch.DashboardVariable:
    """Return the variable that chooses the model in detail."""
    default = stage.default_model
    if default not in functions:
        default = next(iter(functions))
    return cloudwatch.DashboardVariable(
        id="model",
        type=cloudwatch.VariableType.PATTERN,
        input_type=cloudwatch.VariableInputType.SELECT,
        value=CHOSEN,
        label="Model in detail",
        default_value=cloudwatch.DefaultValue.value(default),
        values=cloudwatch.Values.from_values(
            *(cloudwatch.VariableValue(value=name) for name in functions)
        ),
        visible=True,
    )


def _by_model(
    functions: Mapping[str, ModelFunction], name: str, statistic: str
) -> list[cloudwatch.IMetric]:
    """Return one of our own metrics, a line for each model."""
    return [
        function.metric(name, statistic, _MINUTE, label=model)
        for model, function in functions.items()
    ]


def _lambda_by_model(
    functions: Mapping[str, ModelFunction], name: str, statistic: str, what: str
) -> list[cloudwatch.IMetric]:
    """Return one of Lambda's metrics, a line for each model."""
    return [
        function.alias.metric(
            name, statistic=statistic, label=f"{model}: {what}", period=_MINUTE
        )
        for model, function in functions.items()
    ]


def _answers(
    functions: Mapping[str, ModelFunction], api: Metrics | None
) -> list[Graph | None]:
    by_model = _graph(
        "5xx answers and crashes a minute, by model",
        [
            *_by_model(functions, "errors", "Sum"),
            *_lambda_by_model(functions, "Errors", "Sum", "crashes"),
        ],
    )
    if api is None:
        return [by_model]
    share = cloudwatch.MathExpression(
        expression="100 * (1 - FILL(failed, 0) / asked)",
        using_metrics={
            "failed": api["5xx"].with_(period=_MINUTE),
            "asked": api["requests"].with_(period=_MINUTE),
        },
        label="without a 5xx, percent",
        period=_MINUTE,
    )
    return [
        _graph(
            "Answers without a 5xx at the API, percent",
            [share],
            marks=[_mark(99, "one in a hundred fails")],
        ),
        _graph(
            "Requests a minute at the API",
            [api["requests"].with_(label="all", color=_BLUE, period=_MINUTE)],
            [
                api["4xx"].with_(label="4xx", color=_ORANGE, period=_MINUTE),
                api["5xx"].with_(label="5xx", color=_RED, period=_MINUTE),
            ],
        ),
        by_model,
    ]


def _speed(
    functions: Mapping[str, ModelFunction], api: Metrics | None
) -> list[Graph | None]:
    limits = {function.model.p95_ms for function in functions.values()}
    graphs = [
        _graph(
            "In the function: latency in ms, 95th percentile, by model",
            _by_model(functions, "latency", "p95"),
            marks=[_mark(limit, "alarm") for limit in sorted(limits)],
        ),
        _graph("Cold starts a minute, by model", _by_model(functions, "cold", "Sum")),
    ]
    if api is None:
        return graphs
    title = "At the API: latency in ms, 95th percentile"
    latency = api["latency"].with_(label="with API Gateway", period=_MINUTE)
    return [_graph(title, [latency]), *graphs]


def _refusals(
    stage: Stage, functions: Mapping[str, ModelFunction]
) -> list[Graph | None]:
    refused: list[cloudwatch.IMetric] = []
    if stage.api.games:
        refused.append(
            cloudwatch.Metric(
                namespace=f"Hotseat/{stage.name}",
                metric_name=QUOTA_EXCEEDED,
                statistic="Sum",
                period=_MINUTE,
                label="over a game's daily quota",
                color=_ORANGE,
            )
        )
    if stage.api.waf:
        refused.append(
            cloudwatch.Metric(
                namespace="AWS/WAFV2",
                metric_name="BlockedRequests",
                dimensions_map={
                    "WebACL": f"hotseat-{stage.name}",
                    "Rule": "ALL",
                    "Region": Aws.REGION,
                },
                statistic="Sum",
                period=_MINUTE,
                label="blocked by the firewall",
                color=_RED,
            )
        )
    claimed = cloudwatch.Metric(
        namespace="AWS/Lambda",
        metric_name="ClaimedAccountConcurrency",
        statistic="Maximum",
        period=_MINUTE,
        label="claimed in the account",
        color=_BLUE,
    )
    limit = stage.account_concurrency
    return [
        _graph(
            "Throttled requests a minute, by model",
            _lambda_by_model(functions, "Throttles", "Sum", "throttled"),
        ),
        _graph("Refused before a function, a minute", refused or [claimed]),
        _graph(
            "Concurrent executions",
            [
                claimed,
                *_lambda_by_model(
                    functions, "ConcurrentExecutions", "Maximum", "running"
                ),
            ],
            marks=[_mark(limit, "the account's limit")],
        ),
    ]


def _changes(
    stage: Stage, functions: Mapping[str, ModelFunction]
) -> list[Graph | None]:
    by_version = cloudwatch.MathExpression(
        expression=(
            f"SEARCH('{{Hotseat/{stage.name},model,version,variant}} "
            "MetricName=\"requests\"', 'Sum')"
        ),
        label="${PROP('Dim.model')} ${PROP('Dim.version')}, ${PROP('Dim.variant')}",
        period=_MINUTE,
    )
    return [
        _graph("Requests a minute, by version", [by_version], stacked=True),
        _graph(
            "New versions, by model",
            _by_model(functions, "version_changed", "Sum"),
        ),
        _graph(
            "Refused versions, and failed reads of the registry, by model",
            _by_model(functions, "registry_refused", "Sum"),
            _by_model(functions, "registry_unreachable", "Sum"),
        ),
    ]


def _cost(
    stage: Stage,
    functions: Mapping[str, ModelFunction],
    api: Metrics | None,
) -> list[Graph | None]:
    graphs = [
        _graph(
            "Dollars an hour, by list price",
            [_dollars(name, function, stage) for name, function in functions.items()],
            stacked=True,
        ),
        _graph(
            "Requests an hour, by model",
            [
                function.metric("requests", "Sum", _HOUR, label=name)
                for name, function in functions.items()
            ],
            stacked=True,
        ),
    ]
    if api is None:
        return graphs
    requests = api["requests"].with_(label="all", color=_BLUE, period=_HOUR)
    return [*graphs, _graph("Requests an hour at the API", [requests])]


def _detail(stage: Stage) -> list[Graph | None]:
    def metric(name: str, statistic: str, label: str, color: str) -> cloudwatch.Metric:
        return own_metric(
            f"Hotseat/{stage.name}",
            CHOSEN,
            name,
            statistic,
            _MINUTE,
            label=label,
            color=color,
        )

    return [
        _graph(
            "Latency in the function, ms",
            [
                metric("latency", "p50", "p50", _GREEN),
                metric("latency", "p95", "p95", _ORANGE),
                metric("latency", "p99", "p99", _RED),
            ],
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
            "Requests, 5xx answers and cold starts a minute",
            [metric("requests", "Sum", "requests", _BLUE)],
            [
                metric("errors", "Sum", "5xx answers", _RED),
                metric("cold", "Sum", "cold starts", _ORANGE),
            ],
        ),
    ]


def _mark(value: float, label: str) -> cloudwatch.HorizontalAnnotation:
    return cloudwatch.HorizontalAnnotation(value=value, label=label, color=_RED)


def _graph(
    title: str,
    left: Sequence[cloudwatch.IMetric],
    right: Sequence[cloudwatch.IMetric] = (),
    *,
    stacked: bool = False,
    marks: Sequence[cloudwatch.HorizontalAnnotation] = (),
) -> Graph | None:
    """Return a graph; None without metrics, as in a stack without functions."""
    if not left:
        return None
    axis = cloudwatch.YAxisProps(min=0, show_units=False)

    def of_width(width: int) -> cloudwatch.GraphWidget:
        return cloudwatch.GraphWidget(
            title=title,
            left=list(left),
            right=list(right),
            stacked=stacked,
            left_annotations=list(marks),
            left_y_axis=axis,
            right_y_axis=axis,
            width=width,
            height=6,
        )

    return of_width


def _dollars(
    name: str, function: ModelFunction, stage: Stage
) -> cloudwatch.MathExpression:
    """Return the hourly cost of a function and of its API requests."""
    model, table = function.model, read_prices(region=stage.region)
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

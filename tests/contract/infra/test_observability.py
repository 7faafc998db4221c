"""Dashboard, alarms, budget and the schedule of provisioned concurrency."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from aws_cdk.assertions import Match

from hotseat_serve.api.telemetry import _REQUEST
from hotseat_serve.settings import LAMBDA_ANSWER, Settings

SERVING = Path(__file__).parents[3] / "docs/reference/service.md"
EVENTS = {"version_changed", "registry_refused", "registry_unreachable"}
WRITTEN = {metric["Name"] for metric in _REQUEST["Metrics"]} | EVENTS


@pytest.fixture
def widgets(full):
    """The dashboard's widgets."""
    (board,) = full.service.find_resources("AWS::CloudWatch::Dashboard").values()
    parts = board["Properties"]["DashboardBody"]["Fn::Join"][1]
    return json.loads("".join(p if isinstance(p, str) else "REF" for p in parts))[
        "widgets"
    ]


def own(widgets):
    """The names of our own metrics on the dashboard, by namespace and model."""
    result = {}
    for widget in widgets:
        for row in widget["properties"].get("metrics", []):
            if str(row[0]).startswith("Hotseat"):
                result.setdefault((row[0], row[3]), set()).add(row[1])
    return result


def test_the_dashboard_shows_each_model_by_step_of_a_request(widgets):
    """Latency, its steps, cold starts, errors and the registry, for every model."""
    shown = own(widgets)
    assert shown.keys() == {
        ("Hotseat/prod", model) for model in ("sokoban", "sentiment", "churn")
    }
    for names in shown.values():
        assert names == WRITTEN
    for event in EVENTS:
        assert event in SERVING.read_text("utf-8")


def test_the_dashboard_shows_versions_and_cost(widgets):
    """A search finds versions that do not exist yet; each model has its cost."""
    expressions = [
        row[0]["expression"]
        for widget in widgets
        for row in widget["properties"].get("metrics", [])
        if isinstance(row[0], dict)
    ]
    searches = [e for e in expressions if e.startswith("SEARCH")]
    assert len(searches) == 3
    assert all("{Hotseat/prod,model,version,variant}" in e for e in searches)
    (money,) = (
        w["properties"]["metrics"]
        for w in widgets
        if w["properties"].get("title", "").startswith("Dollars")
    )
    labels = [row[0]["label"] for row in money if isinstance(row[0], dict)]
    assert labels == ["sokoban", "sentiment", "churn"]
    assert not any("e-" in row[0]["expression"] for row in money if len(row) == 1)


def test_the_dashboard_has_no_holes_and_nothing_overlaps(widgets):
    """Every row is 24 columns wide."""
    cells = set()
    for widget in widgets:
        for x in range(widget["x"], widget["x"] + widget["width"]):
            for y in range(widget["y"], widget["y"] + widget["height"]):
                assert (x, y) not in cells
                cells.add((x, y))
    height = max(y for _, y in cells) + 1
    assert len(cells) == 24 * height


def test_every_alarm_alerts_and_those_of_the_code_roll_back_a_canary(full):
    """Four alarms of each model alert; throttling alone rolls nothing back."""
    alarms = full.service.find_resources("AWS::CloudWatch::Alarm")
    assert len(alarms) == 12
    for alarm in alarms.values():
        properties = alarm["Properties"]
        assert properties["AlarmActions"] == properties["OKActions"]
        assert "Watch" in json.dumps(properties["AlarmActions"])
        assert properties["TreatMissingData"] == "notBreaching"
    groups = full.service.find_resources("AWS::CodeDeploy::DeploymentGroup")
    assert len(groups) == 3
    for group in groups.values():
        watched = group["Properties"]["AlarmConfiguration"]
        assert watched["Enabled"]
        names = {a["Name"]["Ref"] for a in watched["Alarms"]}
        assert len(names) == 3
        assert names <= alarms.keys()
        assert not any("Throttled" in name for name in names)
        assert set(group["Properties"]["AutoRollbackConfiguration"]["Events"]) == {
            "DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_REQUEST",
            "DEPLOYMENT_STOP_ON_ALARM",
        }  # fmt: skip
    for alias in full.service.find_resources("AWS::Lambda::Alias").values():
        update = alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
        assert update["DeploymentGroupName"]["Ref"] in groups


def test_alarms_count_the_services_own_errors(full):
    """No alarm reads API Gateway's 5XXError, which counts callers' own deadlines."""
    watched = set()
    for alarm in full.service.find_resources("AWS::CloudWatch::Alarm").values():
        properties = alarm["Properties"]
        metrics = [m["MetricStat"]["Metric"] for m in properties.get("Metrics", [])
                   if "MetricStat" in m]  # fmt: skip
        watched |= {(m["Namespace"], m["MetricName"]) for m in [*metrics, properties]
                    if "MetricName" in m}  # fmt: skip
    assert watched == {
        ("Hotseat/prod", "errors"), ("Hotseat/prod", "latency"),
        ("Hotseat/prod", "registry_refused"), ("AWS/Lambda", "Errors"),
        ("AWS/Lambda", "Invocations"), ("AWS/Lambda", "Throttles"),
    }  # fmt: skip


def test_a_function_knows_the_limits_of_its_platform(full):
    """Lambda's limits are not overwritten by those of a local server."""
    for function in full.service.find_resources("AWS::Lambda::Function").values():
        variables = function["Properties"]["Environment"]["Variables"]
        literal = {k: v for k, v in variables.items() if isinstance(v, str)}
        memory = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769"}
        result = Settings.from_env({**literal, **memory})
        assert result.max_answer_bytes == LAMBDA_ANSWER
        assert result.memory_bytes


def test_thresholds_are_those_of_the_file(full):
    """Milliseconds, percent, throttled requests and minutes, as in the stage."""
    for metric, limit in (("latency", 80), ("registry_refused", 1)):
        full.service.has_resource_properties(
            "AWS::CloudWatch::Alarm",
            {"MetricName": metric, "Threshold": limit, "Period": 60,
             "Namespace": "Hotseat/prod",
             "Dimensions": [{"Name": "model", "Value": "sentiment"}]},
        )  # fmt: skip
    full.service.has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {"MetricName": "Throttles", "Threshold": 10, "Period": 60},
    )
    full.service.has_resource_properties(
        "AWS::CloudWatch::Alarm", {"Threshold": 0.5, "Metrics": Match.any_value()}
    )


def test_two_stages_of_one_account_keep_their_metrics_apart(shipped):
    """Metrics of dev fire no alarm of prod."""
    for name, synthesized in shipped.items():
        for alarm in synthesized.service.find_resources(
            "AWS::CloudWatch::Alarm"
        ).values():
            namespace = alarm["Properties"].get("Namespace", "")
            if namespace.startswith("Hotseat"):
                assert namespace == f"Hotseat/{name}"
        (function,) = synthesized.service.find_resources(
            "AWS::Lambda::Function"
        ).values()
        variables = function["Properties"]["Environment"]["Variables"]
        assert variables["HOTSEAT_NAMESPACE"] == f"Hotseat/{name}"


def test_a_budget_warns_before_it_is_spent(full):
    """At 80 percent, at 100 percent, and when 100 percent is forecast."""
    (budget,) = full.service.find_resources("AWS::Budgets::Budget").values()
    properties = budget["Properties"]
    assert properties["Budget"]["BudgetLimit"] == {"Amount": 200, "Unit": "USD"}
    notifications = [
        n["Notification"] for n in properties["NotificationsWithSubscribers"]
    ]
    assert [(n["Threshold"], n["NotificationType"]) for n in notifications] == [
        (80, "ACTUAL"), (100, "ACTUAL"), (100, "FORECASTED"),
    ]  # fmt: skip


def test_provisioned_concurrency_follows_the_clock(full):
    """Up and down on the right days, in the file's time zone."""
    (target,) = full.service.find_resources(
        "AWS::ApplicationAutoScaling::ScalableTarget"
    ).values()
    actions = {
        a["Schedule"]: (
            a["Timezone"],
            a["ScalableTargetAction"]["MinCapacity"],
            a["ScalableTargetAction"]["MaxCapacity"],
        )
        for a in target["Properties"]["ScheduledActions"]
    }
    assert actions == {
        "cron(0 16 ? * FRI,SAT *)": ("Europe/Berlin", 5, 5),
        "cron(0 2 ? * SAT,SUN *)": ("Europe/Berlin", 2, 2),
    }


def test_a_second_region_is_another_stage(everything, synthesize, tmp_path):
    """Two stages in two regions work in one application."""
    far = replace(
        everything, name="prod-tokyo", region="ap-northeast-1",
        api=replace(everything.api, domain="", certificate="", zone=""),
    )  # fmt: skip
    synthesized = synthesize(tmp_path, everything, far)
    names = {stack.stack_name for pair in synthesized.stacks for stack in pair}
    assert names == {
        "Hotseat-prod-Registry", "Hotseat-prod-Service",
        "Hotseat-prod-tokyo-Registry", "Hotseat-prod-tokyo-Service",
    }  # fmt: skip
    regions = [[stack.region for stack in pair] for pair in synthesized.stacks]
    assert regions == [["eu-west-1"] * 2, ["ap-northeast-1"] * 2]
    manifest = json.loads((tmp_path / "manifest.json").read_text())["artifacts"]
    for name in names:
        others = set(manifest[name].get("dependencies", [])) & names
        assert all(n.rsplit("-", 1)[0] == name.rsplit("-", 1)[0] for n in others)

"""Dashboard, alarms, budget and the schedule of provisioned concurrency."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Match, Template

from hotseat_infra.deployment import Model
from hotseat_infra.stacks.dashboard import CHOSEN, dashboard
from hotseat_infra.stacks.metrics import own_metric
from hotseat_infra.stacks.stage import add_stage, application
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
                model = row[3] if row[2] == "model" else ""
                result.setdefault((row[0], model), set()).add(row[1])
    return result


def test_the_dashboard_shows_what_the_service_writes(widgets):
    """Every metric is written by the service, and every written one is shown."""
    shown = own(widgets)
    models = {"sokoban", "sentiment", "churn"}
    assert shown.pop(("Hotseat/prod", "")) == {"quota_exceeded"}  # the log's filter
    assert shown.keys() == {("Hotseat/prod", m) for m in (*models, CHOSEN)}
    detail = shown.pop(("Hotseat/prod", CHOSEN))
    for names in shown.values():
        assert names | detail == WRITTEN
        assert names < WRITTEN
    for event in EVENTS:
        assert event in SERVING.read_text("utf-8")


def test_the_dashboard_has_a_row_for_each_question(widgets):
    """The alarms first; then a heading, and three graphs below it."""
    assert widgets[0]["type"] == "alarm"
    headings = [w for w in widgets if w["type"] == "text"]
    assert [w["properties"]["markdown"] for w in headings] == [
        "## Do players get answers?", "## Is it fast enough?",
        "## Is anything turned away?", "## What changed?", "## What does it cost?",
        f"## One model in detail: {CHOSEN}",
    ]  # fmt: skip
    for heading in headings:
        below = heading["y"] + heading["height"]
        graphs = [w for w in widgets if w["type"] == "metric" and w["y"] == below]
        assert [w["width"] for w in graphs] == [8, 8, 8]
        assert all(w["properties"]["title"] for w in graphs)


def test_a_variable_chooses_the_model_in_detail(full):
    """It lists every model, and begins with the default one."""
    (board,) = full.service.find_resources("AWS::CloudWatch::Dashboard").values()
    parts = board["Properties"]["DashboardBody"]["Fn::Join"][1]
    body = json.loads("".join(p if isinstance(p, str) else "REF" for p in parts))
    (variable,) = body["variables"]
    assert (variable["type"], variable["pattern"]) == ("pattern", CHOSEN)
    assert variable["defaultValue"] == "sentiment"
    names = [item["value"] for item in variable["values"]]
    assert names == ["sokoban", "sentiment", "churn"]


def test_a_hundred_models_fit_on_the_dashboard(everything, tmp_path):
    """Below CloudWatch's 500 metrics a graph, 2,500 a dashboard (its quotas)."""
    scope = Stack(App(outdir=str(tmp_path)), "Board")
    model = Model()
    alias = lambda_.Alias.from_alias_attributes(
        scope, "Alias", alias_name="live",
        alias_version=lambda_.Version.from_version_arn(
            scope, "V", f"arn:aws:lambda:eu-west-1:{'1' * 12}:function:any:1"),
    )  # fmt: skip
    stand_in = SimpleNamespace(
        model=model, alias=alias, alarms=(),
        metric=lambda name, statistic, period, **more: own_metric(
            "Hotseat/prod", "m", name, statistic, period, **more),
    )  # fmt: skip
    names = [f"model-{number}" for number in range(100)]
    stage = replace(everything, models=dict.fromkeys(names, model),
                    default_model=names[0])  # fmt: skip
    api = {n: cloudwatch.Metric(namespace="AWS/ApiGateway", metric_name=n)
           for n in ("requests", "4xx", "5xx", "latency")}  # fmt: skip
    dashboard(scope, stage=stage, functions=dict.fromkeys(names, stand_in),
              api_metrics=api, api_alarms=())  # fmt: skip
    (board,) = Template.from_stack(scope).find_resources(
        "AWS::CloudWatch::Dashboard").values()  # fmt: skip
    body = board["Properties"]["DashboardBody"]
    parts = [body] if isinstance(body, str) else body["Fn::Join"][1]
    text = "".join(p if isinstance(p, str) else "REF" for p in parts)
    shown = json.loads(text)["widgets"]
    counts = [len(w["properties"].get("metrics", [])) for w in shown]
    per_graph, total = max(counts), sum(counts)
    assert per_graph <= 500
    assert total <= 2_500
    assert len(shown) <= 500


def test_the_dashboard_shows_versions_and_cost(widgets):
    """A search finds versions that do not exist yet; each model has its cost."""
    expressions = [
        row[0]["expression"]
        for widget in widgets
        for row in widget["properties"].get("metrics", [])
        if isinstance(row[0], dict)
    ]
    (search,) = (e for e in expressions if e.startswith("SEARCH"))
    assert "{Hotseat/prod,model,version,variant}" in search
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


def test_every_alarm_of_an_operator_alerts(full):
    """Five of each model, one of provisioned concurrency, five of the API."""
    alarms = full.service.find_resources("AWS::CloudWatch::Alarm")
    canary = {name for name in alarms if "Canary" in name}
    assert len(alarms.keys() - canary) == 3 * 5 + 1 + 3 + 2
    for name, alarm in alarms.items():
        properties = alarm["Properties"]
        assert properties["TreatMissingData"] == "notBreaching"
        if name not in canary:
            assert properties["AlarmActions"] == properties["OKActions"]
            assert "Watch" in json.dumps(properties["AlarmActions"])


def test_a_canary_is_rolled_back_by_alarms_of_the_new_version_alone(full):
    """So an alarm that rings for the old version does not stop its fix."""
    alarms = full.service.find_resources("AWS::CloudWatch::Alarm")
    groups = full.service.find_resources("AWS::CodeDeploy::DeploymentGroup")
    assert len(groups) == 3
    for name, group in groups.items():
        properties = group["Properties"]
        events = set(properties["AutoRollbackConfiguration"]["Events"])
        assert {"DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_REQUEST"} <= events
        watched = properties.get("AlarmConfiguration", {}).get("Alarms", [])
        if not name.startswith("sentiment"):  # ALL_AT_ONCE
            assert not watched
            continue
        assert properties["AlarmConfiguration"]["Enabled"]
        assert "DEPLOYMENT_STOP_ON_ALARM" in events
        names = {alarm["Name"]["Ref"] for alarm in watched}
        assert {n[len("sentiment"):-8] for n in names} == {
            "CanarySlow", "CanaryFailing",
        }  # fmt: skip
        for each in names:
            metrics = [
                m["MetricStat"]["Metric"]
                for m in alarms[each]["Properties"]["Metrics"]
                if "MetricStat" in m
            ]
            for metric in metrics:
                version = {
                    d["Name"]: d["Value"] for d in metric["Dimensions"]
                }.get("ExecutedVersion" if metric["Namespace"] == "AWS/Lambda"
                      else "function_version")  # fmt: skip
                assert version["Fn::GetAtt"][1] == "Version"
    for alias in full.service.find_resources("AWS::Lambda::Alias").values():
        update = alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
        assert update["DeploymentGroupName"]["Ref"] in groups


def test_a_deployment_may_pass_by_its_alarms(tmp_path, everything):
    """``-c ignore_alarms=1``: for the fix of what a canary's alarm would stop too."""
    app = application(str(tmp_path))
    app.node.set_context("ignore_alarms", "1")
    _, service = add_stage(app, everything)
    groups = Template.from_stack(service).find_resources(
        "AWS::CodeDeploy::DeploymentGroup"
    )
    for group in groups.values():
        assert not group["Properties"].get("AlarmConfiguration", {}).get("Enabled")


def test_few_requests_raise_no_alarm_and_some_minutes_are_needed(shipped):
    """A least number of requests, and three of five minutes over the threshold."""
    alarms = shipped["prod"].service.find_resources("AWS::CloudWatch::Alarm")
    counted = [a["Properties"] for a in alarms.values() if "Metrics" in a["Properties"]]
    assert len(counted) == 4 + 2
    for alarm in counted:
        window = (alarm["EvaluationPeriods"], alarm.get("DatapointsToAlarm"))
        assert window == ((1, None) if "at the API" in str(alarm) else (5, 3))
        (expression,) = (m["Expression"] for m in alarm["Metrics"] if "Expression" in m)
        assert expression.startswith("IF(asked >= 20, ")


def test_a_quota_that_is_used_up_raises_an_alarm(full):
    """The access log's errors are counted; the account's concurrency at four fifths."""
    full.service.has_resource_properties(
        "AWS::Logs::MetricFilter",
        {"FilterPattern": '{ $.error = "QUOTA_EXCEEDED" }',
         "MetricTransformations": [Match.object_like(
             {"MetricNamespace": "Hotseat/prod", "MetricName": "quota_exceeded"})]},
    )  # fmt: skip
    (stage,) = full.service.find_resources("AWS::ApiGateway::Stage").values()
    logged = json.loads(stage["Properties"]["AccessLogSetting"]["Format"])
    assert logged["error"] == "$context.error.responseType"
    full.service.has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {"MetricName": "ClaimedAccountConcurrency", "Threshold": 800},
    )


def test_a_failed_deployment_is_mailed(full):
    """Of both stacks, and of a canary that CodeDeploy moved back."""
    rules = [
        rule["Properties"]["EventPattern"]
        for rule in full.service.find_resources("AWS::Events::Rule").values()
    ]
    by_source = {rule["source"][0]: rule["detail"] for rule in rules}
    stack, canary = by_source["aws.cloudformation"], by_source["aws.codedeploy"]
    assert "UPDATE_ROLLBACK_COMPLETE" in stack["status-details"]["status"]
    assert "UPDATE_COMPLETE" not in stack["status-details"]["status"]
    ends = [p["prefix"]["Fn::Join"][1][-1] for p in stack["stack-id"]]
    assert ends == [":stack/Hotseat-prod-Registry/", ":stack/Hotseat-prod-Service/"]
    assert canary["state"] == ["FAILURE", "STOP"]
    # CloudFormation names an application without a name after its stack
    (application,) = {
        json.dumps(a.get("Properties", {}))
        for a in full.service.find_resources("AWS::CodeDeploy::Application").values()
    }
    assert "ApplicationName" not in application
    topics = full.service.find_resources("AWS::SNS::TopicPolicy").values()
    allowed = {
        s["Principal"].get("Service")
        for t in topics
        for s in t["Properties"]["PolicyDocument"]["Statement"]
        if s["Effect"] == "Allow"
    }
    assert allowed == {"cloudwatch.amazonaws.com", "events.amazonaws.com"}
    (key,) = full.service.find_resources("AWS::KMS::Key").values()
    assert "events.amazonaws.com" in json.dumps(key)


def test_alarms_count_the_services_own_errors(full):
    """A function's alarms read its own errors, which leave out callers' deadlines."""
    watched = set()
    for alarm in full.service.find_resources("AWS::CloudWatch::Alarm").values():
        properties = alarm["Properties"]
        metrics = [m["MetricStat"]["Metric"] for m in properties.get("Metrics", [])
                   if "MetricStat" in m]  # fmt: skip
        watched |= {(m["Namespace"], m["MetricName"]) for m in [*metrics, properties]
                    if "MetricName" in m}  # fmt: skip
    assert watched == {
        *(("AWS/ApiGateway", name) for name in ("5XXError", "Count", "Latency")),
        ("AWS/WAFV2", "BlockedRequests"),
        *(("Hotseat/prod", name) for name in (
            "errors", "latency", "requests", "registry_refused",
            "registry_unreachable", "quota_exceeded")),
        *(("AWS/Lambda", name) for name in (
            "Errors", "Invocations", "Throttles", "Duration",
            "ClaimedAccountConcurrency",
            "ProvisionedConcurrencySpilloverInvocations")),
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
    full.service.has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {"MetricName": "registry_refused", "Threshold": 1, "Period": 60,
         "Namespace": "Hotseat/prod",
         "Dimensions": [{"Name": "model", "Value": "sentiment"}]},
    )  # fmt: skip
    full.service.has_resource_properties(
        "AWS::CloudWatch::Alarm", {"Threshold": 80, "Metrics": Match.any_value()}
    )
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
        namespaces = {
            function["Properties"]["Environment"]["Variables"].get("HOTSEAT_NAMESPACE")
            for function in synthesized.service.find_resources(
                "AWS::Lambda::Function"
            ).values()
        }
        assert namespaces - {None} == {f"Hotseat/{name}"}  # an authorizer has none


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

"""Resource types of EventBridge, and the metric filters of CloudWatch Logs."""

import json
from typing import Any

from local_cloud.moto_server.cloudformation import RESOURCE_TYPES, Target
from local_cloud.moto_server.resource_types import ApiType, Resource, api, lower_first


def _rule(target: Target, properties: dict[str, Any]) -> Resource:
    name = properties.get("Name", target.name)
    events = api(target, "events")
    asked = {
        key: properties[key]
        for key in ("ScheduleExpression", "State", "Tags")
        if key in properties
    }
    if "EventPattern" in properties:
        asked["EventPattern"] = json.dumps(properties["EventPattern"])
    arn = events.put_rule(Name=name, **asked)["RuleArn"]
    events.put_targets(Rule=name, Targets=properties["Targets"])
    return Resource(name, {"Arn": arn})


def _update_rule(
    target: Target, created: Resource, properties: dict[str, Any]
) -> Resource:
    return _rule(target, {**properties, "Name": created.physical_resource_id})


def _delete_rule(target: Target, created: Resource) -> None:
    events, name = api(target, "events"), created.physical_resource_id
    ids = [t["Id"] for t in events.list_targets_by_rule(Rule=name)["Targets"]]
    events.remove_targets(Rule=name, Ids=ids)
    events.delete_rule(Name=name)


def _metric_filter(target: Target, properties: dict[str, Any]) -> Resource:
    api(target, "logs").put_metric_filter(
        logGroupName=properties["LogGroupName"],
        filterName=target.name,
        filterPattern=properties["FilterPattern"],
        metricTransformations=lower_first(properties["MetricTransformations"]),
    )
    return Resource(target.name, {"LogGroup": properties["LogGroupName"]})


RESOURCE_TYPES |= {
    "AWS::Events::Rule": ApiType(_rule, _delete_rule, _update_rule),
    "AWS::Logs::MetricFilter": ApiType(
        _metric_filter,
        lambda target, created: api(target, "logs").delete_metric_filter(
            filterName=created.physical_resource_id,
            logGroupName=created.attributes["LogGroup"],
        ),
        lambda target, _, properties: _metric_filter(target, properties),
    ),
}

"""What CloudFormation refuses in an update, read from two templates of a stack.

It creates before it deletes. So a resource whose create-only property changes is
replaced, and the replacement is refused where a name in the template is taken by the
resource that it replaces; so is a new resource with the natural key of one that goes.
It changes no resource's type, and removes no export that another stack imports.
(docs.aws.amazon.com, "Update behaviors of stack resources", "Get exported outputs".)
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

Template = Mapping[str, Any]

NATURAL_KEYS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "AWS::ApiGateway::BasePathMapping": (("DomainName", "BasePath"),),
    "AWS::ApiGateway::DomainName": (("DomainName",),),
    "AWS::ApiGateway::GatewayResponse": (("RestApiId", "ResponseType"),),
    "AWS::ApiGateway::Method": (("ResourceId", "HttpMethod"),),
    "AWS::ApiGateway::Resource": (("ParentId", "PathPart"),),
    "AWS::ApiGateway::Stage": (("RestApiId", "StageName"),),
    "AWS::ApiGatewayV2::ApiMapping": (("DomainName", "ApiMappingKey"),),
    "AWS::ApiGatewayV2::DomainName": (("DomainName",),),
    "AWS::ApiGatewayV2::Route": (("ApiId", "RouteKey"),),
    "AWS::ApiGatewayV2::Stage": (("ApiId", "StageName"),),
    "AWS::ApplicationAutoScaling::ScalableTarget": (
        ("ResourceId", "ScalableDimension"),
    ),
    "AWS::Budgets::Budget": (("Budget.BudgetName",),),
    "AWS::CloudWatch::Alarm": (("AlarmName",),),
    "AWS::CloudWatch::Dashboard": (("DashboardName",),),
    "AWS::IAM::Role": (("RoleName",),),
    "AWS::Lambda::Alias": (("FunctionName", "Name"),),
    "AWS::Lambda::Function": (("FunctionName",),),
    "AWS::Logs::LogGroup": (("LogGroupName",),),
    "AWS::Route53::RecordSet": (("HostedZoneId", "Name", "Type", "SetIdentifier"),),
    "AWS::S3::Bucket": (("BucketName",),),
    "AWS::SNS::Topic": (("TopicName",),),
    "AWS::SSM::Parameter": (("Name",),),
    "AWS::WAFv2::WebACL": (("Name",),),
}
"""Properties whose values together exist once in an account and region, by type."""


def refusals(before: Template, after: Template) -> list[str]:
    """Return why CloudFormation refuses to update a stack so; empty: it does not."""
    old, new = before["Resources"], after["Resources"]
    found = []
    replaced = set()
    for name in old.keys() & new.keys():
        if old[name]["Type"] != new[name]["Type"]:
            found.append(
                f"Update of resource type is not permitted: {name}, "
                f"{old[name]['Type']} to {new[name]['Type']}"
            )
        elif is_replaced(old[name], new[name]):
            replaced.add(name)
    taken = {
        key: name for name, resource in old.items() for key in _natural_keys(resource)
    }
    for name, resource in new.items():
        if name in old and name not in replaced:
            continue
        found += [
            f"{name}: {key[0]} {key[1]} already exists, as {taken[key]}"
            for key in _natural_keys(resource)
            if key in taken
        ]
    return found


def is_replaced(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Return whether a create-only property of a resource differs."""
    one, two = before.get("Properties", {}), after.get("Properties", {})
    return any(
        _get(one, path) != _get(two, path) for path in _create_only(after["Type"])
    )


def exports(template: Template) -> set[str]:
    """Return the names that a template exports, as text."""
    return {
        json.dumps(output["Export"]["Name"])
        for output in template.get("Outputs", {}).values()
        if "Export" in output
    }


def imports(template: Any) -> Iterator[str]:
    """Yield the names that a template imports, as text."""
    if isinstance(template, list):
        for item in template:
            yield from imports(item)
    elif isinstance(template, dict):
        if "Fn::ImportValue" in template:
            yield json.dumps(template["Fn::ImportValue"])
        for item in template.values():
            yield from imports(item)


@cache
def _create_only(kind: str) -> tuple[str, ...]:
    try:
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("eu-west-1", kind).schema
    except Exception:  # noqa: BLE001 (cfn-lint's error for a type that it lacks)
        return ()
    paths = schema.get("createOnlyProperties") or ()
    return tuple(path.removeprefix("/properties/").replace("/", ".") for path in paths)


def _natural_keys(resource: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    properties = resource.get("Properties", {})
    for paths in NATURAL_KEYS.get(resource["Type"], ()):
        values = [_get(properties, path) for path in paths]
        if len(paths) > 1 or values[0] is not None:  # else the name is generated
            yield resource["Type"], json.dumps(values, sort_keys=True)


def _get(properties: Mapping[str, Any], path: str) -> Any:
    value: Any = properties
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value

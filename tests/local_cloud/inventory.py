"""What an account holds, read from each service: the proof of a deployment."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import boto3

Inventory = Mapping[str, frozenset[str]]


def _pages(client: Any, call: str, field: str, **parameters: Any) -> list[Any]:
    pages = client.get_paginator(call).paginate(**parameters)
    return [item for page in pages for item in page[field]]


def _keys(region: str) -> list[str]:
    kms = boto3.client("kms", region_name=region)
    listed = [key["KeyId"] for key in _pages(kms, "list_keys", "Keys")]
    return [
        key
        for key in listed
        if kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"
    ]


def _functions(region: str) -> list[str]:
    client = boto3.client("lambda", region_name=region)
    names = []
    for function in _pages(client, "list_functions", "Functions"):
        name = function["FunctionName"]
        at = {"FunctionName": name}
        versions = _pages(client, "list_versions_by_function", "Versions", **at)
        aliases = _pages(client, "list_aliases", "Aliases", **at)
        names += [f"{name} {v['Version']}: {v['MemorySize']} MB" for v in versions]
        names += [f"{name} {a['Name']}: {a['FunctionVersion']}" for a in aliases]
    return names


def _groups(region: str) -> list[str]:
    client = boto3.client("codedeploy", region_name=region)
    return [
        f"{application} {group}"
        for application in client.list_applications()["applications"]
        for group in client.list_deployment_groups(applicationName=application)[
            "deploymentGroups"
        ]
    ]


def _api_parts(region: str) -> list[str]:
    client = boto3.client("apigateway", region_name=region)
    names = []
    for api in client.get_rest_apis()["items"]:
        at = {"restApiId": api["id"]}
        parts: dict[str, list[str]] = {
            "stage": [s["stageName"] for s in client.get_stages(**at)["item"]],
            "gateway response": [
                r["responseType"]
                for r in client.get_gateway_responses(**at)["items"]
                if not r["defaultResponse"]
            ],
            "authorizer": [
                item["name"] for item in client.get_authorizers(**at)["items"]
            ],
            "method": [
                f"{method} {resource['path']}"
                for resource in client.get_resources(**at, limit=500)["items"]
                for method in resource.get("resourceMethods", {})
            ],
        }
        names += [
            f"{api['id']} {k} {name}" for k, names in parts.items() for name in names
        ]
    return names


def _named(name: str) -> str:
    """Return a name without the part that CloudFormation draws for each resource."""
    return re.sub(r"-[A-Z0-9]{12,13}\Z", "", name)


def _names(service: str, call: str, field: str, key: str) -> Callable[[str], list[str]]:
    def read(region: str) -> list[str]:
        client = boto3.client(service, region_name=region)
        return [_named(item[key]) for item in getattr(client, call)()[field]]

    return read


def _budgets(region: str) -> list[str]:
    account = boto3.client("sts", region_name=region).get_caller_identity()["Account"]
    response = boto3.client("budgets", region_name=region).describe_budgets(
        AccountId=account
    )
    return [budget["BudgetName"] for budget in response["Budgets"]]


def _tables(region: str) -> list[str]:
    names: list[str] = boto3.client("dynamodb", region_name=region).list_tables()[
        "TableNames"
    ]
    return names


_READ: dict[str, Callable[[str], list[str]]] = {
    "alarms": _names("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    "API keys": _names("apigateway", "get_api_keys", "items", "name"),
    "API parts": _api_parts,
    "APIs": _names("apigateway", "get_rest_apis", "items", "name"),
    "buckets": _names("s3", "list_buckets", "Buckets", "Name"),
    "budgets": _budgets,
    "dashboards": _names(
        "cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"
    ),
    "deployment groups": _groups,
    "function versions and aliases": _functions,
    "event rules": _names("events", "list_rules", "Rules", "Name"),
    "keys": _keys,
    "log groups": _names("logs", "describe_log_groups", "logGroups", "logGroupName"),
    "domains": _names("apigatewayv2", "get_domain_names", "Items", "DomainName"),
    "HTTP APIs": _names("apigatewayv2", "get_apis", "Items", "Name"),
    "metric filters": _names(
        "logs", "describe_metric_filters", "metricFilters", "filterName"
    ),
    "roles": _names("iam", "list_roles", "Roles", "RoleName"),
    "subscriptions": _names("sns", "list_subscriptions", "Subscriptions", "Endpoint"),
    "tables": _tables,
    "topics": _names("sns", "list_topics", "Topics", "TopicArn"),
    "usage plans": _names("apigateway", "get_usage_plans", "items", "name"),
}


def read_account(region: str) -> Inventory:
    """Read the names of all resources from every service that our stacks use."""
    return {kind: frozenset(read(region)) for kind, read in _READ.items()}


def added(now: Inventory, before: Inventory) -> dict[str, list[str]]:
    """Return what was added between two inventories, by kind."""
    differences = {kind: sorted(now[kind] - before[kind]) for kind in now}
    return {kind: names for kind, names in differences.items() if names}


def check_resources(stack: str, assembly: Path, region: str) -> int:
    """Compare a stack's resources with its template; return their number.

    Every resource of the template exists, with its type and a name of its own, and no
    other does.
    """
    template = json.loads((assembly / f"{stack}.template.json").read_text("utf-8"))
    wanted = {name: item["Type"] for name, item in template["Resources"].items()}
    listed = boto3.client(
        "cloudformation", region_name=region
    ).describe_stack_resources(StackName=stack)["StackResources"]
    actual = {item["LogicalResourceId"]: item["ResourceType"] for item in listed}
    assert actual == wanted, (set(wanted) ^ set(actual), stack)
    for item in listed:
        assert item["PhysicalResourceId"], item
    return len(actual)


def status(stack: str, region: str) -> str:
    """Return the status of a stack; empty if it does not exist."""
    client = boto3.client("cloudformation", region_name=region)
    try:
        described = client.describe_stacks(StackName=stack)["Stacks"][0]
    except client.exceptions.ClientError:
        return ""
    state: str = described["StackStatus"]
    return state

"""What an account has, by each service's own word: the proof of a deployment."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import boto3

Inventory = Mapping[str, frozenset[str]]


def _pages(client: Any, call: str, field: str, **given: Any) -> list[Any]:
    pages = client.get_paginator(call).paginate(**given)
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
    found = []
    for function in _pages(client, "list_functions", "Functions"):
        name = function["FunctionName"]
        at = {"FunctionName": name}
        versions = _pages(client, "list_versions_by_function", "Versions", **at)
        aliases = _pages(client, "list_aliases", "Aliases", **at)
        found += [f"{name} {v['Version']}: {v['MemorySize']} MB" for v in versions]
        found += [f"{name} {a['Name']}: {a['FunctionVersion']}" for a in aliases]
    return found


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
    found = []
    for api in client.get_rest_apis()["items"]:
        at = {"restApiId": api["id"]}
        parts: dict[str, list[str]] = {
            "stage": [s["stageName"] for s in client.get_stages(**at)["item"]],
            "refusal": [
                r["responseType"]
                for r in client.get_gateway_responses(**at)["items"]
                if not r["defaultResponse"]
            ],
            "method": [
                f"{method} {resource['path']}"
                for resource in client.get_resources(**at, limit=500)["items"]
                for method in resource.get("resourceMethods", {})
            ],
        }
        found += [
            f"{api['id']} {k} {name}" for k, names in parts.items() for name in names
        ]
    return found


def _of(service: str, call: str, field: str, key: str) -> Callable[[str], list[str]]:
    def read(region: str) -> list[str]:
        client = boto3.client(service, region_name=region)
        return [item[key] for item in getattr(client, call)()[field]]

    return read


def _budgets(region: str) -> list[str]:
    account = boto3.client("sts", region_name=region).get_caller_identity()["Account"]
    found = boto3.client("budgets", region_name=region).describe_budgets(
        AccountId=account
    )
    return [budget["BudgetName"] for budget in found["Budgets"]]


_READ: dict[str, Callable[[str], list[str]]] = {
    "alarms": _of("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    "API keys": _of("apigateway", "get_api_keys", "items", "name"),
    "API parts": _api_parts,
    "APIs": _of("apigateway", "get_rest_apis", "items", "name"),
    "buckets": _of("s3", "list_buckets", "Buckets", "Name"),
    "budgets": _budgets,
    "dashboards": _of(
        "cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"
    ),
    "deployment groups": _groups,
    "function versions and aliases": _functions,
    "keys": _keys,
    "log groups": _of("logs", "describe_log_groups", "logGroups", "logGroupName"),
    "roles": _of("iam", "list_roles", "Roles", "RoleName"),
    "subscriptions": _of("sns", "list_subscriptions", "Subscriptions", "Endpoint"),
    "topics": _of("sns", "list_topics", "Topics", "TopicArn"),
    "usage plans": _of("apigateway", "get_usage_plans", "items", "name"),
}


def take(region: str) -> Inventory:
    """Ask every service that our stacks use."""
    return {kind: frozenset(read(region)) for kind, read in _READ.items()}


def more(now: Inventory, before: Inventory) -> dict[str, list[str]]:
    """Return what is there now and was not, by kind."""
    found = {kind: sorted(now[kind] - before[kind]) for kind in now}
    return {kind: names for kind, names in found.items() if names}


def check(stack: str, assembly: Path, region: str) -> int:
    """Hold a stack's resources against its template; returns how many there are.

    Every resource of the template is there, with its type and a name of its own, and
    nothing else.
    """
    template = json.loads((assembly / f"{stack}.template.json").read_text("utf-8"))
    wanted = {name: item["Type"] for name, item in template["Resources"].items()}
    listed = boto3.client(
        "cloudformation", region_name=region
    ).describe_stack_resources(StackName=stack)["StackResources"]
    found = {item["LogicalResourceId"]: item["ResourceType"] for item in listed}
    assert found == wanted, (set(wanted) ^ set(found), stack)
    for item in listed:
        assert item["PhysicalResourceId"], item
    return len(found)


def status(stack: str, region: str) -> str:
    """How a stack stands; empty: it is gone."""
    client = boto3.client("cloudformation", region_name=region)
    try:
        found = client.describe_stacks(StackName=stack)["Stacks"][0]
    except client.exceptions.ClientError:
        return ""
    told: str = found["StackStatus"]
    return told

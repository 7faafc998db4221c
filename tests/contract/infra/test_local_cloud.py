"""The rules of the local cloud: a lenient cloud would prove nothing."""

import json

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from local_cloud.gateway.deployed_api import Plan, Route
from local_cloud.gateway.rest_api import GatewayResponse, Usage, find_route, is_binary
from local_cloud.moto_server import bucket_policy, lambda_types, server
from local_cloud.moto_server.cloudformation import (
    RESOURCE_TYPES,
    ResourceMap,
    Stack,
    Target,
    create_resource,
    in_order,
    references,
    resource_type,
)
from local_cloud.moto_server.resource_types import Resource
from moto import mock_aws
from moto.cloudformation import models, parsing
from moto.cloudformation.exceptions import ValidationError
from moto.iam.access_control import PermissionResult

BUCKET = {
    "Statement": [
        {
            "Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "s3:*",
            "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
        {
            "Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "s3:PutObject",
            "Resource": "arn:aws:s3:::b/models/*/head.json",
            "Condition": {"Null": {"s3:if-none-match": "true", "s3:if-match": "true"}},
        },
    ]
}  # fmt: skip
ROUTES = [
    Route("/v1", "ANY", "default", keyed=True),
    Route("/v1/models/{proxy+}", "ANY", "others", keyed=True),
    Route("/v1/models/mood", "POST", "mood", keyed=True),
    Route("/v1/models/mood/{proxy+}", "ANY", "mood", keyed=True),
]


def test_an_unknown_type_is_an_error():
    """A stack with an unknown type fails with the name of the type."""
    assert lambda_types in server.TYPES
    with pytest.raises(ValidationError) as expected:
        resource_type({"Type": "AWS::Lambda::Layer"})
    assert "Unrecognized resource types: [AWS::Lambda::Layer]" in str(expected.value)
    assert (
        resource_type({"Type": "AWS::Lambda::Alias"})
        is RESOURCE_TYPES["AWS::Lambda::Alias"]
    )


def test_rules_and_filters_are_created_and_deleted():
    """What the API holds is the template's; a delete leaves nothing."""
    target = Target("1" * 12, "eu-west-1", "stack", "Rule", "stack-Rule-1")
    rule, kind = {
        "EventPattern": {"source": ["aws.codedeploy"]}, "State": "ENABLED",
        "Targets": [{"Arn": "arn:aws:sns:eu-west-1:111111111111:t", "Id": "T"}],
    }, RESOURCE_TYPES["AWS::Events::Rule"]  # fmt: skip
    filters = RESOURCE_TYPES["AWS::Logs::MetricFilter"]
    text = {
        "LogGroupName": "log", "FilterPattern": '{ $.error = "QUOTA_EXCEEDED" }',
        "MetricTransformations": [
            {"MetricName": "m", "MetricNamespace": "n", "MetricValue": "1"}],
    }  # fmt: skip
    with mock_aws():
        events = boto3.client("events", "eu-west-1")
        logs = boto3.client("logs", "eu-west-1")
        logs.create_log_group(logGroupName="log")
        made = kind.create(target, dict(rule))
        assert json.loads(events.list_rules()["Rules"][0]["EventPattern"]) == {
            "source": ["aws.codedeploy"]
        }
        kind.update(target, made, {**rule, "State": "DISABLED"})
        assert events.list_rules()["Rules"][0]["State"] == "DISABLED"
        kept = filters.create(target, text)
        assert len(logs.describe_metric_filters()["metricFilters"]) == 1
        kind.delete(target, made)
        filters.delete(target, kept)
        assert not events.list_rules()["Rules"]
        assert not logs.describe_metric_filters()["metricFilters"]


def test_the_local_stage_has_no_type_that_the_cloud_lacks(shipped):
    """Found here in a second, and not after minutes of `make deploy-local`."""
    dev = shipped["dev"]
    for template in (dev.registry, dev.service):
        types = {r["Type"] for r in template.to_json()["Resources"].values()}
        assert types <= set(RESOURCE_TYPES)


class Halting:
    """A resource type that fails in the middle of a certain update."""

    def create(self, place, properties):
        return Resource(place.logical, dict(properties))

    def update(self, _place, resource, properties):
        resource.attributes |= properties
        if properties["size"] == "wrong":
            raise ValidationError(message="half done")
        return resource

    def delete(self, _place, resource):
        resource.attributes.clear()


def test_a_failed_update_is_rolled_back(monkeypatch):
    """If one resource fails midway, it and all before it are rolled back."""
    monkeypatch.setitem(RESOURCE_TYPES, "Test::It", Halting())
    monkeypatch.setattr(parsing, "parse_and_create_resource", create_resource)
    monkeypatch.setattr(models, "ResourceMap", ResourceMap)

    def template(**sizes):
        return json.dumps(
            {
                "Resources": {
                    name: {"Type": "Test::It", "Properties": {"size": size}}
                    for name, size in sizes.items()
                }
            }
        )

    stack = Stack("id", "s", template(a="1", b="1"), {}, "1" * 12, "eu-west-1")
    stack.create_resources()
    stack.update(template(a="2", b="wrong", c="1"))
    assert stack.status == "UPDATE_ROLLBACK_COMPLETE"
    expected = {r.logical_resource_id: r.attributes for r in stack.stack_resources}
    assert expected == {"a": {"size": "1"}, "b": {"size": "1"}}
    stack.update(template(a="2", c="1"))
    assert (stack.status, sorted(stack.resource_map)) == ("UPDATE_COMPLETE", ["a", "c"])


def test_all_forms_of_reference_are_found():
    """Ref, GetAtt, Sub and DependsOn, at any depth."""
    template = {
        "DependsOn": ["a", "b"],
        "Properties": {
            "x": [{"Fn::Join": ["", [{"Ref": "c"}, {"Fn::GetAtt": ["d", "Arn"]}]]}],
            "y": {"Fn::Sub": "arn:${AWS::Region}:${e}:${f.Arn}"},
        },
    }
    assert set(references(template)) == set("abcdef")


@given(st.dictionaries(st.integers(0, 9), st.sets(st.integers(0, 9)), max_size=10))
def test_a_resource_comes_after_its_references(edges):
    """A resource is created after all that it needs."""
    resources = {
        f"r{name}": {"DependsOn": [f"r{other}" for other in others if other < name]}
        for name, others in edges.items()
    }
    order = in_order(resources)
    assert sorted(order) == sorted(resources)
    for name, template in resources.items():
        for other in template["DependsOn"]:
            if other in resources:
                assert order.index(other) < order.index(name)


@pytest.mark.parametrize(
    ("action", "key", "headers", "expected"),
    [
        ("s3:PutObject", "models/m/head.json", {}, PermissionResult.DENIED),
        ("s3:PutObject", "models/m/head.json", {"If-Match": "x"}, None),
        ("s3:PutObject", "models/m/head.json", {"If-None-Match": "*"}, None),
        ("s3:PutObject", "blobs/x", {}, None),
        ("s3:GetObject", "models/m/head.json", {}, None),
    ],
)
def test_a_bucket_requires_a_condition(action, key, headers, expected):
    """A write without a condition is denied; others are not."""
    result = bucket_policy.permission(BUCKET, action, f"arn:aws:s3:::b/{key}", headers)
    assert result is (expected or PermissionResult.NEUTRAL)


def test_an_unknown_condition_is_an_error():
    """No rule of a policy is ignored."""
    with pytest.raises(NotImplementedError, match="aws:SourceIp"):
        bucket_policy.holds({"IpAddress": {"aws:SourceIp": "::1"}}, {})


@pytest.mark.parametrize(
    ("method", "path", "alias", "proxy"),
    [
        ("GET", "/v1", "default", ""),
        ("POST", "/v1/models/mood", "mood", ""),
        ("GET", "/v1/models/mood", "others", "mood"),
        ("POST", "/v1/models/mood/versions/1", "mood", "versions/1"),
        ("POST", "/v1/models/moody", "others", "moody"),
    ],
)
def test_the_longest_route_answers(method, path, alias, proxy):
    """An exact path wins over a proxy, a long proxy over a short one."""
    route, rest = find_route(ROUTES, method, path)
    assert (route.alias, rest) == (alias, proxy)


def test_an_unknown_route_gets_a_gateway_response():
    """API Gateway answers an unknown route itself."""
    with pytest.raises(GatewayResponse, match="MISSING_AUTHENTICATION_TOKEN"):
        find_route(ROUTES, "GET", "/v2")


def test_a_plan_limits_the_rate_and_the_day():
    """The burst, the rate and the day's quota are enforced."""
    plan = Plan("p", rate=2, burst=3, quota=5)
    usage = Usage(plan, 0)
    for _ in range(3):
        usage.count(plan, 0)
    with pytest.raises(GatewayResponse, match="THROTTLED"):
        usage.count(plan, 0)
    usage.count(plan, 1)
    usage.count(plan, 1)
    with pytest.raises(GatewayResponse, match="QUOTA_EXCEEDED"):
        usage.count(plan, 9)


def test_binary_types_are_named_or_all():
    """A list has the binary types; a star matches every type."""
    assert is_binary("image/png; q=1", ["image/png"])
    assert not is_binary("*/*", ["image/png"])
    assert is_binary("", ["*/*"])

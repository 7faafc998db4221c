"""The local cloud's own rules: a proof by a lenient cloud would be none."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from local_cloud.gateway.deployed_api import Plan, Route
from local_cloud.gateway.rest_api import GatewayResponse, Usage, find_route, is_binary
from local_cloud.moto_server import bucket_policy, lambda_types
from local_cloud.moto_server.cloudformation import (
    RESOURCE_TYPES,
    ResourceMap,
    Stack,
    create_resource,
    in_order,
    references,
    resource_type,
)
from local_cloud.moto_server.resource_types import Resource
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


def test_a_type_that_nobody_wrote_is_an_error():
    """Nothing is skipped: a stack with an unknown type fails by its name."""
    assert lambda_types
    with pytest.raises(ValidationError) as found:
        resource_type({"Type": "AWS::Lambda::Layer"})
    assert "Unrecognized resource types: [AWS::Lambda::Layer]" in str(found.value)
    assert (
        resource_type({"Type": "AWS::Lambda::Alias"})
        is RESOURCE_TYPES["AWS::Lambda::Alias"]
    )


class Halting:
    """A kind that stops in the middle of a change that it does not like."""

    def create(self, place, properties):
        return Resource(place.logical, dict(properties))

    def update(self, _place, resource, properties):
        resource.attributes |= properties
        if properties["size"] == "wrong":
            raise ValidationError(message="half done")
        return resource

    def delete(self, _place, resource):
        resource.attributes.clear()


def test_half_an_update_is_taken_back(monkeypatch):
    """Where one resource stops midway, it and all before are as they were."""
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
    found = {r.logical_resource_id: r.attributes for r in stack.stack_resources}
    assert found == {"a": {"size": "1"}, "b": {"size": "1"}}
    stack.update(template(a="2", c="1"))
    assert (stack.status, sorted(stack.resource_map)) == ("UPDATE_COMPLETE", ["a", "c"])


def test_all_ways_to_refer_are_seen():
    """Ref, GetAtt, Sub and DependsOn, however deep."""
    template = {
        "DependsOn": ["a", "b"],
        "Properties": {
            "x": [{"Fn::Join": ["", [{"Ref": "c"}, {"Fn::GetAtt": ["d", "Arn"]}]]}],
            "y": {"Fn::Sub": "arn:${AWS::Region}:${e}:${f.Arn}"},
        },
    }
    assert set(references(template)) == set("abcdef")


@given(st.dictionaries(st.integers(0, 9), st.sets(st.integers(0, 9)), max_size=10))
def test_what_is_referred_to_comes_first(edges):
    """A resource is made after all that it needs."""
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
    ("action", "key", "headers", "found"),
    [
        ("s3:PutObject", "models/m/head.json", {}, PermissionResult.DENIED),
        ("s3:PutObject", "models/m/head.json", {"If-Match": "x"}, None),
        ("s3:PutObject", "models/m/head.json", {"If-None-Match": "*"}, None),
        ("s3:PutObject", "blobs/x", {}, None),
        ("s3:GetObject", "models/m/head.json", {}, None),
    ],
)
def test_a_bucket_demands_a_condition(action, key, headers, found):
    """A write that names no condition is denied; others are not."""
    result = bucket_policy.permission(BUCKET, action, f"arn:aws:s3:::b/{key}", headers)
    assert result is (found or PermissionResult.NEUTRAL)


def test_a_condition_that_nobody_wrote_is_an_error():
    """No rule of a policy is passed by unread."""
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
    """An exact path goes before a proxy, a long proxy before a short one."""
    route, rest = find_route(ROUTES, method, path)
    assert (route.alias, rest) == (alias, proxy)


def test_no_route_is_a_refusal():
    """What the API does not have, API Gateway answers itself."""
    with pytest.raises(GatewayResponse, match="MISSING_AUTHENTICATION_TOKEN"):
        find_route(ROUTES, "GET", "/v2")


def test_a_plan_throttles_and_counts_the_day():
    """The burst, then the rate, then the day's quota."""
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
    """A list names what is no text; a star takes everything."""
    assert is_binary("image/png; q=1", ["image/png"])
    assert not is_binary("*/*", ["image/png"])
    assert is_binary("", ["*/*"])

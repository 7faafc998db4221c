"""A VPC for the functions, a private API, environment variables, WAF by key."""

import json
from dataclasses import replace

import pytest
from aws_cdk.assertions import Match

from hotseat_infra.deployment import Model, Network

NETWORK = Network(
    "vpc-0a1b2c3d",
    ("subnet-0a1b2c3d", "subnet-1a1b2c3d"),
    ("sg-0a1b2c3d",),
    ("rtb-0a1b2c3d",),
)


@pytest.fixture(scope="module")
def private(everything, synthesize, tmp_path_factory):
    """The stage with every feature in a VPC, with a private API."""
    models = {
        **everything.models,
        "churn": replace(
            everything.models["churn"],
            environment={"HOTSEAT_MAX_MS": "500", "STUDIO_FLAG": "1"},
        ),
    }
    api = replace(everything.api, private=True, domain="", certificate="", zone="")
    stage = replace(everything, models=models, api=api, network=NETWORK)
    return synthesize(tmp_path_factory.mktemp("private"), stage)


def test_every_function_runs_in_the_subnets(private):
    """Models and the authorizer, with a role that may attach a network interface."""
    functions = private.service.find_resources("AWS::Lambda::Function").values()
    assert len(functions) == 4
    for function in functions:
        assert function["Properties"]["VpcConfig"] == {
            "SecurityGroupIds": ["sg-0a1b2c3d"],
            "SubnetIds": ["subnet-0a1b2c3d", "subnet-1a1b2c3d"],
        }
        (role,) = function["Properties"]["Role"].values()
        policies = private.service.to_json()["Resources"][role[0]]["Properties"]
        assert "AWSLambdaVPCAccessExecutionRole" in json.dumps(policies)


def test_s3_and_dynamodb_are_reached_without_a_way_out(private):
    """Gateway endpoints in the route tables of the file."""
    endpoints = private.service.find_resources(
        "AWS::EC2::VPCEndpoint", {"Properties": {"VpcEndpointType": "Gateway"}}
    ).values()
    names = sorted(e["Properties"]["ServiceName"]["Fn::Join"][1][-1] for e in endpoints)
    assert names == [".dynamodb", ".s3"]
    assert all(e["Properties"]["RouteTableIds"] == ["rtb-0a1b2c3d"] for e in endpoints)


def test_a_private_api_is_reached_by_its_endpoint_alone(private):
    """The API's policy denies all but the endpoint, which private addresses reach."""
    ((endpoint, _),) = private.service.find_resources(
        "AWS::EC2::VPCEndpoint", {"Properties": {"VpcEndpointType": "Interface"}}
    ).items()
    (api,) = private.service.find_resources("AWS::ApiGateway::RestApi").values()
    properties = api["Properties"]
    assert properties["EndpointConfiguration"]["Types"] == ["PRIVATE"]
    identity = {"Fn::GetAtt": [endpoint, "Id"]}
    (deny,) = (s for s in properties["Policy"]["Statement"] if s["Effect"] == "Deny")
    assert deny["Condition"] == {"StringNotEquals": {"aws:SourceVpce": [identity]}}
    (group,) = private.service.find_resources("AWS::EC2::SecurityGroup").values()
    ranges = [rule["CidrIp"] for rule in group["Properties"]["SecurityGroupIngress"]]
    assert ranges == ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]
    url = private.service.find_outputs("Url")["Url"]["Value"]
    assert identity in url["Fn::Join"][1]


def test_existing_endpoints_are_used(everything, synthesize, tmp_path):
    """Without a network of its own: none is created, and their ids are let in."""
    api = replace(
        everything.api, private=True, vpc_endpoints=("vpce-0a1b2c3d",), domain="",
        certificate="", zone="",
    )  # fmt: skip
    stage = replace(everything, models={"mood": Model()}, default_model="", api=api)
    service = synthesize(tmp_path, stage).service
    service.resource_count_is("AWS::EC2::VPCEndpoint", 0)
    (found,) = service.find_resources("AWS::ApiGateway::RestApi").values()
    assert "vpce-0a1b2c3d" in json.dumps(found["Properties"]["Policy"])
    (function, *_) = service.find_resources("AWS::Lambda::Function").values()
    assert "VpcConfig" not in function["Properties"]


def test_the_files_variables_reach_one_function(private):
    """Beside the service's settings, which they may complete."""
    private.service.has_resource_properties(
        "AWS::Lambda::Function",
        {
            "Environment": {
                "Variables": Match.object_like(
                    {
                        "HOTSEAT_DEFAULT_MODEL": "churn",
                        "HOTSEAT_MAX_MS": "500",
                        "STUDIO_FLAG": "1",
                    }
                )
            }
        },
    )
    text = json.dumps(private.service.to_json())
    assert text.count("STUDIO_FLAG") == 1


def test_waf_counts_addresses_and_keys(full):
    """A key may send twice what its plan allows before WAF blocks it."""
    (acl,) = full.service.find_resources("AWS::WAFv2::WebACL").values()
    rules = {rule["Name"]: rule for rule in acl["Properties"]["Rules"]}
    assert set(rules) == {"too-often", "known-bad", "key-too-often"}
    by_key = rules["key-too-often"]["Statement"]["RateBasedStatement"]
    assert by_key["AggregateKeyType"] == "CUSTOM_KEYS"
    assert by_key["CustomKeys"][0]["Header"]["Name"] == "x-api-key"
    assert by_key["Limit"] == 2 * (200 * 300 + 400)
    assert rules["too-often"]["Statement"]["RateBasedStatement"] == {
        "AggregateKeyType": "IP", "Limit": 10_000
    }  # fmt: skip


def test_blocked_requests_are_logged_without_keys(full):
    """Others are not logged; keys and tokens are redacted."""
    (log,) = full.service.find_resources("AWS::WAFv2::LoggingConfiguration").values()
    properties = log["Properties"]
    assert properties["LoggingFilter"]["DefaultBehavior"] == "DROP"
    redacted = {f["SingleHeader"]["Name"] for f in properties["RedactedFields"]}
    assert redacted == {"authorization", "x-api-key"}
    full.service.has_resource_properties(
        "AWS::Logs::LogGroup", {"LogGroupName": "aws-waf-logs-hotseat-prod"}
    )

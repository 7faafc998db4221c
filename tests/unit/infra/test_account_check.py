"""A stage compared with its account; botocore checks each call and answer."""

import boto3
import pytest
from botocore.stub import Stubber

from hotseat_infra.account_check import Account
from hotseat_infra.deployment import Api, Model, Schedule, Stage
from hotseat_infra.errors import DeploymentError

REST = "AWS::ApiGateway::RestApi"


def stage(model=None, **api):
    """Return a stage with one model."""
    models = {"mood": model or Model()}
    return Stage("prod", "eu-west-1", "a@example.com", models, Api(**api))


def check(checked, *, concurrent=1000, deployed=(), keys=(), nested=()):
    """Check a stage against an account of these answers."""
    services = ("cloudformation", "lambda", "apigateway")
    clients = [
        boto3.client(
            name, "eu-west-1", aws_access_key_id="x", aws_secret_access_key="x"
        )
        for name in services
    ]
    stubs = [Stubber(client) for client in clients]
    stack = {"StackName": "Hotseat-prod-Service"}
    if deployed:
        resources = [
            {"LogicalResourceId": name, "ResourceType": kind, "ResourceStatus":
             "CREATE_COMPLETE", "LastUpdatedTimestamp": 0, "PhysicalResourceId": "arn"}
            for kind, _, name in (item.partition(" ") for item in deployed)
        ]  # fmt: skip
        summaries = {"StackResourceSummaries": resources}
        stubs[0].add_response("list_stack_resources", summaries, stack)
        if nested:
            inside = [
                {
                    **resources[0],
                    "LogicalResourceId": name,
                    "ResourceType": "AWS::Lambda::Function",
                }
                for name in nested
            ]
            stubs[0].add_response(
                "list_stack_resources",
                {"StackResourceSummaries": inside},
                {"StackName": "arn"},
            )
    else:
        stubs[0].add_client_error(
            "list_stack_resources", "ValidationError", "Stack x does not exist"
        )
    limit = {"AccountLimit": {"ConcurrentExecutions": concurrent}}
    stubs[1].add_response("get_account_settings", limit, {})
    items = {"items": [{"name": f"hotseat-prod-{key}"} for key in keys]}
    stubs[2].add_response("get_api_keys", items, {"nameQuery": "hotseat-prod-"})
    for stub in stubs:
        stub.activate()
    return Account(*clients).check(checked)


def test_nothing_is_said_where_nothing_changes():
    """Before the first deployment, and for the same stage again."""
    assert check(stage()) == []
    assert check(stage(games=("chess",)), deployed=[f"{REST} x"], keys=["chess"]) == []


def test_another_address_is_said_before_the_deployment():
    """From REST to HTTP the API is another one, unless it has a domain."""
    (warning,) = check(stage(kind="http"), deployed=[f"{REST} x"])
    assert "it gets another address" in warning
    domain = stage(kind="http", domain="x.io", certificate="c")
    assert check(domain, deployed=[f"{REST} x"]) == []


def test_a_key_that_stops_working_is_named():
    """A game that is no longer in the list loses its key."""
    (warning,) = check(stage(games=("chess",)), keys=["chess", "racing"])
    assert "the key of racing stops working" in warning


def test_a_new_account_is_known_by_its_quota():
    """It may run ten environments, which is a warning; reserving them is an error."""
    quota, warning = check(stage(), concurrent=10)
    assert "10 concurrent executions" in warning
    assert "set account_concurrency = 10" in quota
    for model in (
        Model(reserved_concurrency=5),
        Model(provisioned_concurrency=1),
        Model(schedule=Schedule(1, 8, 9)),
    ):
        with pytest.raises(DeploymentError, match=r"has 10, of which 0 can be"):
            check(stage(model), concurrent=10)
    with pytest.raises(DeploymentError, match=r"has 1000, of which 900 can be"):
        check(stage(Model(reserved_concurrency=901)))


def test_more_routes_than_an_api_has_at_first_are_said():
    """72 models fit behind a REST API without a higher quota."""
    models = {f"m{number}": Model() for number in range(73)}
    whole = Stage("prod", "eu-west-1", "a@example.com", models, Api())
    assert check(Stage(whole.name, whole.region, whole.alarm_email,
                       dict(list(models.items())[:72]), Api())) == []  # fmt: skip
    (warning,) = check(whole)
    assert "the API has 301 routes; without a higher quota the limit is 300" in warning


def test_a_model_that_moves_to_another_stack_is_refused():
    """CloudFormation would create its routes a second time."""
    own, stacked = Model(), Model(stack="group-a")
    function = "AWS::Lambda::Function moodFunctionABCDEF01"
    nested = "AWS::CloudFormation::Stack ModelsgroupaNestedStackModelsgroupa12345678"
    assert check(stage(own), deployed=[function]) == []
    inside = ["moodFunctionABCDEF01"]
    assert check(stage(stacked), deployed=[nested], nested=inside) == []
    with pytest.raises(DeploymentError, match="deployed in the service stack"):
        check(stage(stacked), deployed=[function])
    with pytest.raises(DeploymentError, match="deployed in groupa"):
        check(stage(own), deployed=[nested], nested=inside)

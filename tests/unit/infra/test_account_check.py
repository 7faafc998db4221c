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


def check(checked, *, concurrent=1000, deployed=(), keys=()):
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
            {"LogicalResourceId": "x", "ResourceType": kind, "ResourceStatus":
             "CREATE_COMPLETE", "LastUpdatedTimestamp": 0} for kind in deployed
        ]  # fmt: skip
        summaries = {"StackResourceSummaries": resources}
        stubs[0].add_response("list_stack_resources", summaries, stack)
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
    assert check(stage(games=("chess",)), deployed=[REST], keys=["chess"]) == []


def test_another_address_is_said_before_the_deployment():
    """From REST to HTTP the API is another one, unless it has a domain."""
    (warning,) = check(stage(kind="http"), deployed=[REST])
    assert "it gets another address" in warning
    domain = stage(kind="http", domain="x.io", certificate="c")
    assert check(domain, deployed=[REST]) == []


def test_a_key_that_stops_working_is_named():
    """A game that is no longer in the list loses its key."""
    (warning,) = check(stage(games=("chess",)), keys=["chess", "racing"])
    assert "the key of racing stops working" in warning


def test_a_new_account_is_known_by_its_quota():
    """It may run ten environments, which is a warning; reserving them is an error."""
    (warning,) = check(stage(), concurrent=10)
    assert "10 concurrent executions" in warning
    for model in (
        Model(reserved_concurrency=5),
        Model(provisioned_concurrency=1),
        Model(schedule=Schedule(1, 8, 9)),
    ):
        with pytest.raises(DeploymentError, match=r"has 10, of which 0 can be"):
            check(stage(model), concurrent=10)
    with pytest.raises(DeploymentError, match=r"has 1000, of which 900 can be"):
        check(stage(Model(reserved_concurrency=901)))

"""The local cloud's authorizers and roles: as strict as API Gateway and IAM."""

import json
import time
from dataclasses import dataclass, field, replace

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from local_cloud.gateway.authorizers import Authorizers, Denied, permits, read_answer
from local_cloud.gateway.deployed_api import Authorizer, Function
from local_cloud.moto_server import role_policies
from moto import mock_aws

from hotseat_registry.trust import LocalKey
from hotseat_serve.access import authorizer
from hotseat_serve.access.access_keys import from_pem
from hotseat_serve.access.mint import mint

ACCOUNT = "123456789012"
ARN = "arn:aws:execute-api:eu-west-1:123456789012:api/local/POST/v1/models/mood"
FUNCTION = Function("authorizer", "$LATEST", "image@sha256:1", {}, 512, 5)
AUTHORIZER = Authorizer("id", "arn", ("authorization",), 30)
REQUEST = {"httpMethod": "POST", "path": "/v1/models/mood"}


def allowing(resource, effect="Allow", **more):
    """Return an authorizer's answer with one statement."""
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}
    return {
        "principalId": "p",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"player": "p", "rate": 2.5, "guest": True},
        **more,
    }


@dataclass
class Deployed:
    """An API with one authorizer; its function is `handler`."""

    handler: object
    authorizer_: Authorizer = AUTHORIZER
    permitted: bool = True
    api: str = "api"
    stage: str = "local"
    region: str = "eu-west-1"
    function_: Function = FUNCTION
    events: list = field(default_factory=list)

    def authorizer(self, _identity):
        return self.authorizer_

    def allows_authorizer(self, _authorizer, _account):
        return self.permitted

    def function(self, _arn):
        return self.function_

    def start(self, function):
        deployed = self

        class Running:
            def __init__(self):
                self.function = function

            def invoke(self, event):
                deployed.events.append(json.loads(event))
                return json.dumps(deployed.handler(deployed.events[-1])).encode()

            def stop(self):
                pass

        return Running()


@pytest.fixture
def gateway(clock):
    """Return how a request with a token is answered by an authorizer."""

    def make(handler, **more):
        deployed = Deployed(handler, **more)

        def seconds():
            return clock.now.timestamp()

        asks = Authorizers(deployed, ACCOUNT, deployed.start, seconds)

        def ask(token="t", **request):
            headers = {"authorization": token} if token else {}
            return asks.ask("id", {**REQUEST, "headers": headers, **request}, {})

        return deployed, ask

    return make


def test_an_answer_is_cached_by_the_token(gateway, clock):
    """For its TTL, whatever method is asked next; another token asks anew."""
    deployed, ask = gateway(lambda _: allowing("arn:*", usageIdentifierKey="k" * 20))
    for path in ("/v1/models/mood", "/v1/models/chat"):
        context, key = ask(path=path)
    assert (context["player"], context["rate"], context["guest"]) == (
        "p",
        "2.5",
        "true",
    )
    assert (context["principalId"], key) == ("p", "k" * 20)
    (event,) = deployed.events
    assert (event["type"], event["methodArn"]) == ("REQUEST", ARN)
    ask("another")
    clock.sleep(29)
    ask()
    assert len(deployed.events) == 2
    clock.sleep(1)
    ask()
    assert len(deployed.events) == 3
    deployed.authorizer_ = replace(deployed.authorizer_, ttl_s=0)
    clock.sleep(30)
    ask(), ask()
    assert len(deployed.events) == 5


def test_a_cached_policy_is_enforced_for_each_method(gateway):
    """What the policy does not name is refused, with the answer from the cache, too."""
    deployed, ask = gateway(lambda _: allowing(ARN))
    ask()
    with pytest.raises(Denied, match="ACCESS_DENIED"):
        ask(path="/v1/models/chat")
    assert len(deployed.events) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"errorMessage": "Unauthorized", "errorType": "Exception"}, "UNAUTHORIZED"),
        ({"errorMessage": "no keys", "errorType": "StoreError"}, "AUTHORIZER_FAILURE"),
        (None, "AUTHORIZER_CONFIGURATION_ERROR"),
        ({}, "AUTHORIZER_CONFIGURATION_ERROR"),
        (allowing("arn:*", context={"a": ["list"]}), "AUTHORIZER_CONFIGURATION_ERROR"),
        (allowing("arn:" + "x" * 9_000), "AUTHORIZER_CONFIGURATION_ERROR"),
        (allowing(ARN, "Deny"), "ACCESS_DENIED"),
    ],
)
def test_other_answers_are_refused(gateway, answer, kind):
    """An error's text decides between 401 and 500; an odd answer lets nobody in."""
    _, ask = gateway(lambda _: answer)
    with pytest.raises(Denied, match=kind):
        ask()


def test_who_is_not_asked(gateway):
    """Without the header there is no call; without the permission neither."""
    deployed, ask = gateway(lambda _: allowing("arn:*"))
    with pytest.raises(Denied, match="UNAUTHORIZED"):
        ask("")
    deployed.permitted = False
    with pytest.raises(Denied, match="AUTHORIZER_CONFIGURATION_ERROR"):
        ask()
    assert not deployed.events


@given(st.permutations([("Allow", "*"), ("Deny", ARN), ("Allow", ARN)]))
def test_a_denial_wins(statements):
    """In any order, as in IAM; without a statement nothing passes."""
    policy = {
        "Statement": [
            {"Effect": effect, "Action": "execute-api:*", "Resource": [resource]}
            for effect, resource in statements
        ]
    }
    assert not permits(policy, ARN)
    assert permits(policy, ARN + "/other")
    assert not permits({"Statement": []}, ARN)
    with pytest.raises(NotImplementedError, match="Condition"):
        permits({"Statement": {"Condition": {}, **policy["Statement"][0]}}, ARN)


def test_the_real_authorizer_passes(gateway, pair, tmp_path, monkeypatch):
    """Its answer has the form that API Gateway reads, for any method of the stage."""
    private, public = pair("studio")
    (tmp_path / "access.json").write_bytes(from_pem([public.read_bytes()]).to_bytes())
    monkeypatch.setenv("HOTSEAT_REGISTRY", f"file://{tmp_path}")
    monkeypatch.setenv("HOTSEAT_GAME_KEYS", "hotseat-local-")
    authorizer._opened.cache_clear()
    _, ask = gateway(lambda event: authorizer.handler(event, None))
    token = mint(LocalKey(private), "p7", now=time.time(), token_id="t", game="chess")
    context, key = ask(f"Bearer {token}")
    authorizer._opened.cache_clear()
    assert (context["player"], context["game"]) == ("p7", "chess")
    assert len(key) == 64


UPDATE = {
    "Key": {"bucket": {"S": "a"}},
    "UpdateExpression": "SET full_at = :now",
    "ExpressionAttributeValues": {":now": {"N": "1"}},
}
TRUST = {
    "Effect": "Allow",
    "Action": "sts:AssumeRole",
    "Principal": {"Service": "lambda.amazonaws.com"},
}


def document(statement):
    """Return a policy of one statement."""
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def role(aws, monkeypatch):
    """Return DynamoDB's client of a role that Lambda assumes, with its keys or others.

    It may update items of the table `limits`; there is another table.
    """
    aws.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setattr(
        role_policies.ActionAuthenticatorMixin,
        "_authenticate_and_authorize_action",
        role_policies._authorize,
    )
    with mock_aws():
        iam, tables = boto3.client("iam"), boto3.client("dynamodb")
        attribute = {"AttributeName": "bucket", "AttributeType": "S"}
        for name in ("limits", "other"):
            tables.create_table(
                TableName=name,
                BillingMode="PAY_PER_REQUEST",
                KeySchema=[{"AttributeName": "bucket", "KeyType": "HASH"}],
                AttributeDefinitions=[attribute],
            )
        arn = tables.describe_table(TableName="limits")["Table"]["TableArn"]
        created = iam.create_role(
            RoleName="function", AssumeRolePolicyDocument=document(TRUST)
        )
        allowed = {"Effect": "Allow", "Action": "dynamodb:UpdateItem", "Resource": arn}
        iam.put_role_policy(
            RoleName="function", PolicyName="p", PolicyDocument=document(allowed)
        )
        keys = boto3.client("sts").assume_role(
            RoleArn=created["Role"]["Arn"], RoleSessionName="function"
        )["Credentials"]

        def client(secret=keys["SecretAccessKey"]):
            return boto3.client(
                "dynamodb",
                aws_access_key_id=keys["AccessKeyId"],
                aws_secret_access_key=secret,
                aws_session_token=keys["SessionToken"],
            )

        yield client


def test_a_functions_role_does_what_its_policy_says(role):
    """One action on one table, with the role's own signature; others are denied."""
    role().update_item(TableName="limits", **UPDATE)
    boto3.client("dynamodb").scan(TableName="limits")  # the account's own key
    for call, code in (
        (lambda: role().update_item(TableName="other", **UPDATE), "AccessDenied"),
        (lambda: role().scan(TableName="limits"), "AccessDenied"),
        (
            lambda: role("x").update_item(TableName="limits", **UPDATE),
            "SignatureDoesNotMatch",
        ),
    ):
        with pytest.raises(ClientError, match=code):
            call()


def test_read_answer_takes_no_foreign_policy():
    """A policy for another API lets nobody pass at this one."""
    with pytest.raises(Denied, match="ACCESS_DENIED"):
        read_answer(allowing(ARN.replace(":api/", ":other/")), ARN)

"""Player tokens and limits switched on: authorizer, table and roles, for real.

The authorizer is the deployed function under the emulator, with the keys that it reads
from the bucket by its own role; the limits are in the stack's own table, which the
functions may update and nothing else.
"""

import subprocess
import time
from collections.abc import Callable
from typing import Any

import boto3
import urllib3
from botocore.exceptions import ClientError

from hotseat import ModelServiceClient
from local_cloud.commands import SERVICE, Commands
from local_cloud.gateway.rest_api import Gateway
from local_cloud.processes import REGION, role_credentials

GAME = "second-game"
ON = """access = "tokens"
player_requests_per_second = 0.001
player_burst = 3
token_cache_seconds = 300
games ="""


def walk(step: Commands, gateway: Gateway) -> None:
    """Switch tokens on and call with good ones, wrong ones and too many."""
    step.say("\n11. Player tokens and limits by player: an authorizer and a table")
    key = make_key(step, "studio")
    step.hotseat("registry", "access", "--add-key", key.replace(".pem", ".pub"))
    step.edit("games =", ON)
    step.cdk("deploy", SERVICE)
    player = Player(step, key)
    _refuse(step, gateway, player)
    _answer_and_limit(step, gateway, player)
    _revoke(step, gateway, player)
    _check_roles(step, gateway)


class Player:
    """Players of one game, whose tokens the studio's server mints."""

    def __init__(self, step: Commands, key: str) -> None:
        self._step, self._studio = step, key

    def token(self, player: str, game: str = GAME, key: str = "") -> str:
        """Return a token of the command `hotseat token`."""
        return self._step.hotseat(
            "token", player, "--game", game, "--key", key or self._studio
        ).strip()

    def predict(self, token: str) -> tuple[int, Any, dict[str, str]]:
        """Ask the text model: status, document and headers. No API key is sent."""
        headers = {"content-type": "application/json"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        answer = urllib3.request(
            "POST", f"{self._step.url}/model-service", headers=headers,
            body=b'{"text": "good"}', retries=False, timeout=60,
        )  # fmt: skip
        return answer.status, answer.json(), dict(answer.headers)


def _refuse(step: Commands, gateway: Gateway, player: Player) -> None:
    """Without a token, with one of somebody else, and of another game."""
    other = make_key(step, "somebody-else")
    asked = gateway.authorizers.invocations
    for what, token, expected, code, more in (
        ("without a token", "", 401, "unauthorized", 0),
        ("with another key's", player.token("p1", key=other), 401, "unauthorized", 1),
        ("with another game's", player.token("p1", "chess"), 403, "forbidden", 1),
    ):
        status, document, _ = player.predict(token)
        assert (status, document["code"]) == (expected, code), (what, document)
        asked += more
        assert gateway.authorizers.invocations == asked, what
        step.say(f"  {what}: {status}, code {code}")


def _answer_and_limit(step: Commands, gateway: Gateway, player: Player) -> None:
    """Three requests at once are answered, the fourth not; another player's is."""
    token = player.token("p0")
    with ModelServiceClient(step.url, api_key=lambda: token, deadline=60) as game:
        step.report("the SDK, with a token", game.predict("good"))
    first, second = player.token("p1"), player.token("p2")
    asked = gateway.authorizers.invocations
    statuses = [player.predict(first)[0] for _ in range(3)]
    assert statuses == [200, 200, 200], statuses
    status, document, headers = player.predict(first)
    assert (status, document["code"]) == (429, "throttled"), document
    assert int(headers["retry-after"]) > 1, headers
    assert gateway.authorizers.invocations == asked + 1
    step.say("  three requests of one player: answered, the authorizer asked once")
    step.say(f"  the fourth: {status}, code {document['code']}, with Retry-After")
    assert player.predict(second)[0] == 200
    step.say("  another player's: answered")
    (table,) = boto3.client("dynamodb", region_name=REGION).list_tables()["TableNames"]
    items = boto3.client("dynamodb", region_name=REGION).scan(TableName=table)["Items"]
    assert {item["bucket"]["S"] for item in items} == {
        f"{GAME}/{name}/sentiment" for name in ("p0", "p1", "p2")
    }
    assert all(set(item) == {"bucket", "full_at", "expires"} for item in items)
    step.say(f"  the table: a bucket each of {len(items)} players, with an expiry")


def _revoke(step: Commands, gateway: Gateway, player: Player) -> None:
    """A revocation counts once cached answers and the keys are read anew."""
    token = player.token("p3")
    assert player.predict(token)[0] == 200
    time.sleep(1)  # a revocation holds for tokens minted until its second
    step.hotseat("registry", "access", "--revoke-player", "p3")
    asked = gateway.authorizers.invocations
    assert player.predict(token)[0] == 200
    assert gateway.authorizers.invocations == asked
    gateway.authorizers.recycle()
    status, document, _ = player.predict(token)
    assert (status, document["code"]) == (401, "unauthorized"), document
    assert gateway.authorizers.invocations == asked + 1
    step.say("  a revoked player: answered while the answer is cached, then 401")


def _check_roles(step: Commands, gateway: Gateway) -> None:
    """What the functions' roles may not do is denied by IAM, with their own keys."""
    sentiment, authorizer = (
        {
            "aws_access_key_id": held["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": held["AWS_SECRET_ACCESS_KEY"],
            "aws_session_token": held["AWS_SESSION_TOKEN"],
            "region_name": REGION,
        }
        for held in (
            role_credentials(gateway.container("sentiment").function.role),
            role_credentials(gateway.authorizers.running()[0].function.role),
        )
    )
    dynamodb = boto3.client("dynamodb", region_name=REGION)
    (table,) = dynamodb.list_tables()["TableNames"]
    uri = step.outputs["Hotseat-local-Registry"]["Uri"]
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    limits = boto3.client("dynamodb", **sentiment)
    _denied(lambda: limits.scan(TableName=table))
    _denied(lambda: boto3.client("dynamodb", **authorizer).scan(TableName=table))
    registry = boto3.client("s3", **authorizer)
    registry.get_object(Bucket=bucket, Key=f"{prefix}/access.json")
    head = f"{prefix}/models/sentiment/head.json"
    _denied(lambda: registry.get_object(Bucket=bucket, Key=head))
    step.say("  a function's role reads no table; the authorizer's reads one object")


def _denied(call: Callable[[], object]) -> None:
    status = 200
    try:
        call()
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    assert status == 403, status


def make_key(step: Commands, name: str) -> str:
    """Write a pair of keys as docs/security.md says; return the private one's path."""
    private, public = step.folder / f"{name}.pem", step.folder / f"{name}.pub"
    made = ["openssl", "ecparam", "-genkey", "-name", "prime256v1", "-noout"]
    subprocess.run([*made, "-out", private], check=True)
    subprocess.run(
        ["openssl", "ec", "-in", private, "-pubout", "-out", public],
        check=True, capture_output=True,
    )  # fmt: skip
    return str(private)

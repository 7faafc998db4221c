"""Budgets of tokens: one suite over memory and a DynamoDB table with IAM enforced."""

import secrets
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import MOTO

from hotseat_serve.access.buckets import Limit, MemoryBuckets
from hotseat_serve.access.dynamodb_buckets import DynamoBuckets
from hotseat_serve.access.token_budget import HOUR, TokenBudget

START = 1_800_000_000.0
POLICY = """{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
 "Action": "dynamodb:UpdateItem", "Resource": "*"}]}"""


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


@pytest.fixture(scope="module")
def cloud():
    """A cloud of its own in which IAM is enforced: URL, table, and two users' keys."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://localhost:{port}"
    server = subprocess.Popen(
        [sys.executable, "-c", MOTO, str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield _prepared(url)
    finally:
        server.terminate()
        server.wait(10)


def _prepared(url):
    """Wait for the server, create table and users, enforce IAM; return their keys."""
    end = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{url}/moto-api/", timeout=5).close()
            break
        except OSError:
            assert time.monotonic() < end, "moto's server did not start"
            time.sleep(0.1)
    of = {"endpoint_url": url, "region_name": "us-east-1",
          "aws_access_key_id": "test", "aws_secret_access_key": "test"}  # fmt: skip
    boto3.client("dynamodb", **of).create_table(
        TableName="limits",
        AttributeDefinitions=[{"AttributeName": "bucket", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "bucket", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    iam, keys = boto3.client("iam", **of), {}
    for user in ("function", "nobody"):
        iam.create_user(UserName=user)
        key = iam.create_access_key(UserName=user)["AccessKey"]
        keys[user] = {
            "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        }  # fmt: skip
    # what the stack grants a function, and no more
    iam.put_user_policy(UserName="function", PolicyName="p", PolicyDocument=POLICY)
    enforce = urllib.request.Request(
        f"{url}/moto-api/reset-auth", b"0", {"Content-Type": "text/plain"}
    )
    urllib.request.urlopen(enforce, timeout=60).close()
    return keys


@pytest.fixture(params=["memory", "table"])
def buckets(request):
    """Buckets of each kind, and the clock that they follow."""
    clock = Clock()
    if request.param == "memory":
        return MemoryBuckets(clock), clock
    keys = request.getfixturevalue("cloud")["function"]
    return DynamoBuckets("limits", keys, now=clock), clock


@pytest.fixture
def name():
    """A bucket that nobody has used."""
    return secrets.token_hex(4)


def test_an_answer_takes_all_it_may_write_and_gives_back_the_rest(buckets, name):
    """What was not written can be spent by the next one."""
    store, _ = buckets
    budget = TokenBudget(store, player=100)
    assert budget.reserve(name, 60) is None
    assert budget.reserve(name, 60) is None  # 40 are left: it may overdraw
    refusal = budget.reserve(name, 60)
    assert (refusal.code, refusal.retry_after) == ("throttled", pytest.approx(756, 0.1))
    budget.give_back(name, 55)
    budget.give_back(name, 0)
    assert budget.reserve(name, 35) is None
    assert budget.reserve(name, 1) is not None


def test_a_budget_comes_back_over_the_hour(buckets, name):
    """After the wait that the refusal names there is a token; after an hour, all."""
    store, clock = buckets
    budget = TokenBudget(store, player=60)
    assert budget.reserve(name, 60) is None
    wait = budget.reserve(name, 1).retry_after
    clock.now += wait - 1
    assert budget.reserve(name, 1) is not None
    clock.now += 1.001
    assert budget.reserve(name, 1) is None
    clock.now += 2 * HOUR
    assert budget.reserve(name, 60) is None
    assert budget.reserve(name, 1) is not None


def test_many_at_once_overdraw_a_budget_by_one_answer_at_most(buckets, name):
    """Ten that begin together cannot spend what two of them reserve."""
    store, _ = buckets
    budget = TokenBudget(store, player=35)
    begun, together = [], threading.Barrier(10)

    def begin():
        together.wait()
        if budget.reserve(name, 20) is None:
            begun.append(20)

    threads = [threading.Thread(target=begin) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert begun == [20, 20]


def test_a_refusal_by_the_stage_costs_the_player_nothing(buckets, name):
    """What the player's budget gave is returned."""
    store, _ = buckets
    stage = TokenBudget(store, stage=1)
    while stage.reserve("", 1) is None:
        pass
    both = TokenBudget(store, player=10, stage=1)
    for _ in range(5):
        assert "the service has used up" in both.reserve(name, 10).detail
    assert TokenBudget(store, player=10).reserve(name, 10) is None


@settings(max_examples=15, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(
    steps=st.lists(
        st.tuples(st.floats(0, 30), st.integers(1, 20), st.integers(0, 20)),
        min_size=1, max_size=5,
    )
)  # fmt: skip
def test_the_table_counts_as_memory_does(cloud, steps):
    """The same waits after any answers, whatever they reserve and write."""
    clock, name, limit = Clock(), secrets.token_hex(4), Limit(2.0, 30)
    table = DynamoBuckets("limits", cloud["function"], now=clock)
    memory = MemoryBuckets(clock)
    for pause, reserve, written in steps:
        clock.now += round(pause, 3)
        waits = [store.take(name, limit, reserve) for store in (table, memory)]
        assert waits[0] == pytest.approx(waits[1], abs=1e-4)
        if waits[1] == 0 and written < reserve:
            for store in (table, memory):
                store.give_back(name, limit, reserve - written)


def test_items_of_the_table_expire_after_their_bucket_is_full(cloud, name):
    """The time to live is an hour later; IAM allows the function nothing else."""
    clock = Clock()
    table = DynamoBuckets("limits", cloud["function"], now=clock)
    table.take(name, Limit(1 / 60, 60), 30)
    keys = cloud["function"]
    reader = boto3.client(
        "dynamodb", endpoint_url=keys["AWS_ENDPOINT_URL"], region_name="us-east-1",
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
    )  # fmt: skip
    with pytest.raises(ClientError, match="not authorized"):
        reader.get_item(TableName="limits", Key={"bucket": {"S": name}})
    found = reader.update_item(
        TableName="limits", Key={"bucket": {"S": name}}, ReturnValues="ALL_NEW",
        UpdateExpression="SET seen = :yes",
        ExpressionAttributeValues={":yes": {"BOOL": True}},
    )["Attributes"]  # fmt: skip
    assert int(found["expires"]["N"]) == int(START + 3_600 + 1_800) + 3_600
    assert float(found["full_at"]["N"]) == START + 1_800


def test_a_table_that_refuses_limits_nobody_and_says_so(cloud, name, caplog):
    """A missing right must not end the game: the log has the reason."""
    table = DynamoBuckets("limits", cloud["nobody"])
    budget = TokenBudget(table, player=1)
    for _ in range(3):
        assert budget.reserve(name, 5) is None
    assert "the table does not answer" in caplog.text
    budget.give_back(name, 5)
    assert "does not get its rest back" in caplog.text

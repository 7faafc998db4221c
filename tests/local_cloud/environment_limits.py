"""What an environment of Lambda has: one request, /tmp of a size, a log group."""

import threading
import time
from collections.abc import Callable

import boto3

from hotseat.errors import StatusError
from local_cloud.commands import STAGE, Commands
from local_cloud.gateway.rest_api import Gateway
from local_cloud.processes import REGION

MODEL = "sentiment"
_FILL = """
import os
try:
    with open("/tmp/filled", "wb") as file:
        for _ in range(600):
            file.write(bytes(1 << 20))
except OSError as error:
    print(error.errno == 28, os.path.getsize("/tmp/filled") >> 20)
os.unlink("/tmp/filled")
"""
_SECONDS = 60


def walk(step: Commands, gateway: Gateway) -> None:
    """Ask at once, ask too much, fill /tmp and read the logs."""
    step.say("\n6. The limits of an environment")
    _ask_at_once(step, gateway)
    _throttle(step, gateway)
    _ask(step, [])  # the environments of before were stopped
    printed = gateway.container(MODEL).run_python(_FILL)
    assert printed.startswith("True "), printed
    megabytes = int(printed.split()[1])
    assert 500 <= megabytes <= 512, megabytes
    step.say("  /tmp is full at 512 MB")
    _read_logs(step, gateway)


def _ask_at_once(step: Commands, gateway: Gateway) -> None:
    _repeat(step, lambda _: gateway.environments()[MODEL] > 1)
    step.say("  requests at once: another environment is started for the second one")


def _throttle(step: Commands, gateway: Gateway) -> None:
    """With one environment reserved a second request at once is refused."""
    lambda_ = boto3.client("lambda", region_name=REGION)
    name = gateway.container(MODEL).function.name
    gateway.stop_idle()
    lambda_.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    try:
        errors = _repeat(step, bool)
    finally:
        lambda_.delete_function_concurrency(FunctionName=name)
    gateway.stop_idle()
    (error, *_) = errors
    assert (error.status, error.code) == (503, "unavailable"), error
    assert error.retryable
    assert gateway.environments()[MODEL] <= 1
    step.say(
        f"  reserved_concurrency 1: {error.status}, code {error.code}, to be retried"
    )


def _repeat(
    step: Commands, until: Callable[[list[StatusError]], object]
) -> list[StatusError]:
    """Ask eight times at once, again and again, until it happens; return errors."""
    end = time.monotonic() + _SECONDS
    while True:
        errors: list[StatusError] = []
        threads = [threading.Thread(target=_ask, args=(step, errors)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if until(errors):
            return errors
        assert time.monotonic() < end, "it did not happen"


def _ask(step: Commands, errors: list[StatusError]) -> None:
    with step.client() as game:
        try:
            game.with_options(retries=0).predict("at once")
        except StatusError as error:
            errors.append(error)


def _read_logs(step: Commands, gateway: Gateway) -> None:
    """The function's lines are in its group; API Gateway's group has a retention."""
    logs = boto3.client("logs", region_name=REGION)
    group = gateway.container(MODEL).function.log_group
    events = logs.filter_log_events(logGroupName=group)["events"]
    assert any("cold" in event["message"] for event in events), events[:3]
    groups = {
        g["logGroupName"]: g.get("retentionInDays")
        for g in logs.describe_log_groups()["logGroups"]
    }
    (executions,) = (name for name in groups if "Execution" in name)
    assert executions.endswith(f"/{STAGE}"), executions
    assert all(groups.values()), groups
    step.say("  the function's lines are in its log group, written by its role")
    step.say(f"  all {len(groups)} log groups have a retention, API Gateway's as well")

"""Lambda's environments in the local cloud: one request each, as many as reserved."""

import threading
from dataclasses import replace

import boto3
import pytest
from local_cloud.gateway.deployed_api import Function
from local_cloud.gateway.environments import Environments, ThrottledError
from local_cloud.gateway.function_logs import FunctionLogs
from moto import mock_aws

FUNCTION = Function("f", "1", "image", {}, 512, 10)
SECONDS = 30


class Environment:
    """An environment whose requests wait until they are let go."""

    def __init__(self, function):
        self.function, self.stopped = function, False
        self.entered, self.leave = threading.Event(), threading.Event()
        self.leave.set()

    def invoke(self, event):
        self.entered.set()
        assert self.leave.wait(SECONDS)
        return event

    def stop(self):
        self.stopped = True


@pytest.fixture
def started():
    return []


@pytest.fixture
def environments(started):
    def start(function):
        started.append(Environment(function))
        return started[-1]

    return Environments(start)


def busy(environments, environment, function=FUNCTION):
    """Keep an environment busy; return what ends the request."""
    environment.entered.clear()
    environment.leave.clear()
    thread = threading.Thread(target=environments.invoke, args=(function, b"x"))
    thread.start()
    assert environment.entered.wait(SECONDS)

    def end():
        environment.leave.set()
        thread.join(SECONDS)

    return end


def test_an_idle_environment_answers_the_next_request(environments, started):
    """One after the other needs one environment."""
    for event in (b"a", b"b"):
        assert environments.invoke(FUNCTION, event) == event
    assert len(started) == environments.count == 1


def test_a_request_beside_another_one_starts_an_environment(environments, started):
    """No environment gets two requests at once."""
    environments.invoke(FUNCTION, b"a")
    end = busy(environments, started[0])
    environments.invoke(FUNCTION, b"b")
    end()
    assert len(started) == environments.count == 2


def test_more_than_reserved_is_throttled(environments, started):
    """With one environment reserved, the second request at once is refused."""
    function = replace(FUNCTION, reserved_concurrency=1)
    environments.invoke(function, b"a")
    end = busy(environments, started[0], function)
    with pytest.raises(ThrottledError):
        environments.invoke(function, b"b")
    end()
    assert environments.invoke(function, b"c") == b"c"
    with pytest.raises(ThrottledError):
        environments.invoke(replace(function, reserved_concurrency=0), b"d")


def test_another_version_stops_the_environments_of_the_former(environments, started):
    """A busy one ends its request first."""
    environments.invoke(FUNCTION, b"a")
    end = busy(environments, started[0])
    second = replace(FUNCTION, version="2")
    environments.invoke(second, b"b")
    assert [one.stopped for one in started] == [False, False]
    end()
    environments.invoke(second, b"c")
    assert [one.stopped for one in started] == [True, False]
    environments.close()
    assert all(one.stopped for one in started)
    assert environments.count == 0


def test_an_environment_that_does_not_start_takes_no_place():
    """The next request may start one."""
    failing = Environments(lambda _: 1 / 0)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            failing.invoke(replace(FUNCTION, reserved_concurrency=1), b"a")
    assert failing.count == 0


@pytest.mark.usefixtures("aws")
def test_lines_go_to_the_group_that_is_there(tmp_path):
    """Whole lines once each; without the group they are lost, as on AWS."""
    keys = {
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
    }
    output = tmp_path / "log"
    with mock_aws():
        client = boto3.client("logs", region_name="eu-west-1")
        output.write_bytes(b"lost\n")
        logs = FunctionLogs("/there", "stream", output, keys)
        assert logs.copy() == 0
        client.create_log_group(logGroupName="/there")
        output.write_bytes(b"lost\none\n\ntwo\nhal")
        assert logs.copy() == 2
        with output.open("ab") as file:
            file.write(b"f\n")
        assert logs.copy() == 1
        assert logs.copy() == 0
        events = client.filter_log_events(logGroupName="/there")["events"]
    assert [event["message"] for event in events] == ["one", "two", "half"]

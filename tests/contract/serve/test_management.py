"""The management port: health and metrics of all workers, whatever the load."""

import http.client
import json
import os
import signal
import threading
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="needs /proc and fork"
)


@pytest.fixture
def management(serve):
    """Start the command with a management port; returns process and addresses."""

    def start(*arguments):
        process, (address,) = serve(
            "--port", 0, "--management", 0, "--refresh", 0.2, *arguments
        )
        lines = iter(process.stdout.readline, "")
        health = next(line for line in lines if "health " in line)
        return process, address, health.partition("://")[2].partition("/")[0]

    return start


def get(address, path, **headers):
    """Returns status and body."""
    connection = http.client.HTTPConnection(address, timeout=20)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def samples(address):
    """Every sample by its name and labels."""
    status, text = get(address, "/metrics")
    assert status == 200
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def requests(address, **labels):
    """The requests that were counted with these labels."""
    return sum(
        value
        for (name, *pairs), value in samples(address).items()
        if name == "hotseat_request_seconds_count"
        and labels.items() <= dict(pairs).items()
    )


def ask(post, address, times, **more):
    for _ in range(times):
        post(http.client.HTTPConnection(address, timeout=20), **more)


def test_metrics_count_all_workers_and_survive_a_reload(
    management, post, until, children
):
    """Sixty requests are sixty, whichever worker answered, before and after SIGHUP."""
    process, address, port = management("--workers", 2)
    until(lambda: get(port, "/v2/health/ready")[0] == 200)
    ask(post, address, 60)
    ask(post, address, 5, path="/v1/models/mood/predict", body=b'{"text": 1}')
    ask(post, address, 3, path="/v1/players-own-words", body=b"{}")
    good = {"route": "/model-service", "model": "mood", "version": "1", "status": "200"}
    assert requests(port, **good) == 60
    assert requests(port, route="/v1/models/{model}/predict", status="422") == 5
    assert requests(port, route="other", model="", status="404") == 3
    found = samples(port)
    version = ("model", "mood"), ("version", "1")
    assert found["hotseat_rows_total", *version] == 60
    assert 0 < found["hotseat_stage_seconds_total", *version[:1], ("stage", "run"),
                     version[1]] < 60  # fmt: skip
    assert found["hotseat_workers",] == found["hotseat_workers_ready",] == 2
    assert found["hotseat_requests_limit",] == 512
    # the companion stays; both workers are replaced
    before = children(process.pid)
    process.send_signal(signal.SIGHUP)
    until(lambda: len(set(before) & set(children(process.pid))) == 1
          and len(children(process.pid)) == 3)  # fmt: skip
    ask(post, address, 10)
    assert requests(port, **good) == 70
    assert samples(port)["hotseat_workers",] == 2


def test_events_are_counted(management, post, until, folder_registry):
    """A promotion is one event of each worker that serves the model."""
    from hotseat_registry import Reference

    _, address, port = management()
    ask(post, address, 1)
    folder_registry.promote(Reference("mood", version=2), by="ada")
    event = "hotseat_events_total", ("event", "version_changed"), ("model", "mood")

    def changed():
        ask(post, address, 1)
        return samples(port).get(event) == 1

    until(changed)
    assert requests(port, version="2") >= 1


def test_health_knows_of_stuck_and_ended_workers(management, until, children):
    """Live needs a worker that reports; a stopped one does not, and is not counted."""
    process, _, port = management()
    until(lambda: get(port, "/v2/health/ready")[0] == 200)
    companion, worker = sorted(children(process.pid))
    os.kill(worker, signal.SIGSTOP)
    until(lambda: get(port, "/v2/health/live")[0] == 503)
    status, body = get(port, "/v2/health/ready")
    assert (status, json.loads(body)) == (
        503, {"live": False, "ready": False, "workers": 0},
    )  # fmt: skip
    os.kill(worker, signal.SIGCONT)
    until(lambda: get(port, "/v2/health/ready")[0] == 200)
    os.kill(companion, signal.SIGKILL)

    def answers():
        try:
            return get(port, "/v2/health/live")[0] == 200
        except OSError:
            return False

    until(answers)
    assert worker in children(process.pid)


def test_health_answers_while_connections_and_queue_are_full(management, until):
    """The API itself refuses; the management port has neither limit."""
    _, address, port = management("--connections", 1, "--queue", 1)
    until(lambda: get(port, "/v2/health/ready")[0] == 200)
    held = [http.client.HTTPConnection(address, timeout=20) for _ in range(8)]
    for connection in held:
        connection.connect()
    done, statuses = threading.Event(), []

    def flood():
        while not done.is_set():
            statuses.append(get(address, "/v1/models")[0])

    threads = [threading.Thread(target=flood) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        health = [get(port, "/v2/health/ready")[0] for _ in range(50)]
        until(lambda: len(statuses) > 20)
    finally:
        done.set()
        for thread in threads:
            thread.join()
        for connection in held:
            connection.close()
    assert set(statuses) == {503}
    assert set(health) == {200}
    until(lambda: samples(port)["hotseat_requests_refused_total",] == len(statuses))


def test_the_port_answers_its_own_names_and_paths_alone(management):
    _, _, port = management()
    assert get(port, "/metrics", host="game.example")[0] == 403
    assert get(port, "/v1/models")[0] == 404
    connection = http.client.HTTPConnection(port, timeout=20)
    connection.request("POST", "/metrics", b"")
    assert connection.getresponse().status == 405
    connection.close()
    accept = "application/openmetrics-text; version=1.0.0"
    assert get(port, "/metrics", accept=accept)[1].endswith("# EOF\n")


@pytest.mark.parametrize("address", ["99999", "localhost:", "x"])
def test_a_port_that_is_none_is_refused(serve, address):
    process, _ = serve("--port", 0, "--management", address)
    assert process.wait(30) == 1

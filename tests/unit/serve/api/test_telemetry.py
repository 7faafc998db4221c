"""What a request leaves in the log, and what it must not."""

import json
from dataclasses import replace

import pytest

from hotseat_registry import Reference
from hotseat_serve.api.messages import Request
from hotseat_serve.api.router import Router
from hotseat_serve.api.telemetry import Telemetry
from hotseat_serve.privacy.pseudonyms import Pseudonyms
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings

TRACE = f"00-{'a' * 32}-{'b' * 16}-01"


@pytest.fixture
def written():
    """The lines that were written."""
    return []


@pytest.fixture
def router(registry, publish, tmp_path, written):
    """A room with one model that logs."""
    publish()
    registry.promote(Reference("mood", version=1), by="ada")
    settings = Settings(cache=str(tmp_path / "cache"))
    telemetry = Telemetry(
        {"_X_AMZN_TRACE_ID": "Root=1-x"},
        lambda line: written.append(json.loads(line)),
        now=lambda: 1e9,
    )
    return Router(ModelCache(registry, settings), settings, telemetry=telemetry)


def ask(router, body, path="/v1/models/mood/predict", **headers):
    """Send a request."""
    data = json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return router.answer(Request("POST", path, data, named, "r-1"))


def test_metrics_are_in_the_namespace_of_the_deployment(registry, publish, written):
    """Deployments that share an account keep their metrics apart, events included."""
    publish()
    telemetry = Telemetry(
        {}, lambda line: written.append(json.loads(line)), namespace="Hotseat/prod"
    )
    telemetry.event("version_changed", {"model": "mood"})
    settings = Settings(default_model="mood")
    router = Router(ModelCache(registry, settings), settings, telemetry=telemetry)
    ask(router, {"text": "good"})
    blocks = [line["_aws"]["CloudWatchMetrics"] for line in written]
    assert len(blocks) == 2
    assert all(block["Namespace"] == "Hotseat/prod" for (block,) in blocks)


def test_a_function_counts_by_its_version_too(registry, publish, written):
    """A canary's alarm reads the errors of the new function version alone."""
    publish()
    telemetry = Telemetry(
        {"AWS_LAMBDA_FUNCTION_VERSION": "7"},
        lambda line: written.append(json.loads(line)),
    )
    settings = Settings(default_model="mood")
    router = Router(ModelCache(registry, settings), settings, telemetry=telemetry)
    for _ in range(2):
        ask(router, {"text": "good"})
    for line in written:
        assert line["function_version"] == "7"
        _, by_function = line["_aws"]["CloudWatchMetrics"]
        assert by_function["Dimensions"] == [["model", "function_version"]]
        names = [metric["Name"] for metric in by_function["Metrics"]]
        assert names == ["requests", "errors"]


def test_a_request_is_one_line_that_is_its_metrics_too(router, written):
    """Model, version, variant, stages, cold, and CloudWatch's own block around them."""
    ask(router, {"inputs": ["good", "bad"]})
    ask(router, {"text": "good"})
    first, second = written
    assert (first["model"], first["version"], first["variant"]) == ("mood", "1", "fp32")
    assert (first["rows"], first["status"], first["cold"]) == (2, 200, 1)
    assert (second["cold"], second["errors"], second["requests"]) == (0, 0, 1)
    assert (first["request_id"], first["xray_trace_id"]) == ("r-1", "Root=1-x")
    (block,) = first["_aws"]["CloudWatchMetrics"]
    assert first["_aws"]["Timestamp"] == 1e12
    for metric in block["Metrics"]:
        value = first[metric["Name"]]
        assert value >= 0
    for names in block["Dimensions"]:
        assert all(isinstance(first[name], str) for name in names)
    stages = sum(first[name] for name in ("load", "read", "run", "write"))
    assert stages <= first["latency"] * 1.01


def test_a_refusal_names_its_code(router, written):
    """What went wrong can be counted, and only a 5xx is an error."""
    assert ask(router, {}).status == 422
    assert ask(router, {}, path="/v1/models/nobody/predict").status == 404
    assert [line["code"] for line in written] == ["invalid_input", "model_not_found"]
    assert [line["errors"] for line in written] == [0, 0]


def test_nothing_that_a_player_said_or_is_stands_in_the_log(router, written):
    """Neither inputs nor player_id, however the request ends."""
    for body in ({"text": "my secret"}, {"text": 7}, {"inputs": ["my secret"]}):
        ask(router, {**body, "player_id": "ada-lovelace"})
    assert "secret" not in json.dumps(written)
    assert "lovelace" not in json.dumps(written)


def test_a_player_is_a_pseudonym(router, written):
    """The same player has the same under one secret, and another under another."""
    for letter in (b"1", b"1", b"2"):
        pseudonyms = Pseudonyms(letter * 32, now=lambda: 1e9)
        router.telemetry = replace(router.telemetry, pseudonyms=pseudonyms)
        ask(router, {"text": "good", "player_id": "ada"})
    first, again, other = (line["player"] for line in written)
    assert first == again != other
    assert len(first) == 16


def test_sampled_inputs_are_shapes(router, written):
    """Where sampling is on, a share of requests shows the form of its inputs alone."""
    draws = iter([0.05, 0.5])
    router.telemetry = replace(router.telemetry, sample=0.1, random=lambda: next(draws))
    for _ in range(2):
        ask(router, {"inputs": ["Meet me at 5!", {"text": "a", "no such name": 7}]})
    assert written[0]["inputs"] == ["xxxx xx xx 0!", {"text": "x", "x": 1}]
    assert "inputs" not in written[1]


def test_a_trace_is_passed_on(router, written):
    """A valid traceparent comes back and its id is logged; another is ignored."""
    answer = ask(router, {"text": "good"}, traceparent=TRACE)
    assert answer.headers["traceparent"] == TRACE
    assert written[0]["trace_id"] == "a" * 32
    answer = ask(router, {"text": "good"}, traceparent="nonsense")
    assert "traceparent" not in answer.headers
    assert "trace_id" not in written[1]


def test_a_caller_who_has_left_is_not_worked_for(router):
    """Deadline-Ms, the platform's remaining time and our own limit: 504, retryable."""
    late = ask(router, {"text": "good"}, deadline_ms="0")
    assert late.status == 504
    assert json.loads(late.body)["retryable"] is True
    request = Request("POST", "/model-service", b'{"text": "good"}', {}, "r", 40.0)
    assert router.answer(request).status == 504
    assert router.answer(request._replace(remaining_ms=30_000.0)).status == 200
    assert ask(router, {"text": "good"}, deadline_ms="soon").status == 422
    assert ask(router, {"text": "good"}, deadline_ms="60000").status == 200
    v2 = Request("GET", "/v2", b"", {"deadline-ms": "0"}, "r")
    assert json.loads(router.answer(v2).body).keys() == {"error"}


def test_what_happens_to_versions_is_a_metric(router, written):
    """A version that does not open is one line with the metric and the reason."""
    router.models.notify("registry_refused", {"model": "mood", "why": "a flipped byte"})
    (line,) = written
    (block,) = line["_aws"]["CloudWatchMetrics"]
    assert block["Metrics"] == [{"Name": "registry_refused", "Unit": "Count"}]
    assert (line["registry_refused"], line["level"]) == (1, "ERROR")
    assert line["why"] == "a flipped byte"


@pytest.mark.parametrize("limit", ["deadline", "platform", "own"])
def test_no_caller_makes_a_line_an_error(router, written, limit):
    """A time that is over is a 504 and no error of ours: a caller can make it pass."""
    request = Request("POST", "/model-service", b'{"text": "good"}', {}, "r")
    if limit == "deadline":
        request = request._replace(headers={"deadline-ms": "0"})
    elif limit == "platform":
        request = request._replace(remaining_ms=10.0)
    else:
        settings = replace(router.settings, max_ms=1)
        ticks = iter(range(0, 10**12, 10**7))
        router = Router(
            router.models,
            settings,
            telemetry=router.telemetry,
            clock=lambda: next(ticks),
        )
    assert router.answer(request).status == 504
    (line,) = written
    assert (line["errors"], line["level"]) == (0, "INFO")
    assert line["code"] == "deadline_exceeded"


def test_a_failure_of_ours_is_an_error(router, written, monkeypatch):
    """What the service answers with a 500 counts, and its line has the level ERROR."""
    monkeypatch.setattr(router.models, "get", lambda *_: 1 / 0)
    assert ask(router, {"text": "good"}).status == 500
    assert (written[0]["errors"], written[0]["level"]) == (1, "ERROR")


def test_a_line_stays_short(router, written):
    """Neither a large input nor a long path is repeated whole, whatever it is."""
    router.telemetry = replace(router.telemetry, sample=1.0, random=lambda: 0.0)
    ask(router, {"inputs": ["word " * 100] * 300})
    assert written[-1]["inputs"] == "too large to be logged"
    preflight = {"origin": "https://a.example", "access-control-request-method": "POST"}
    path = "/v1/\ud800" + "x" * 9_000
    for method in ("OPTIONS", "GET", "X" * 9_000):
        router.answer(Request(method, path, b"", preflight, "r"))
        assert len(json.dumps(written[-1])) < 2_500

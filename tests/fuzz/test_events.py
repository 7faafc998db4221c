"""Events of every front, changed at random: the handler answers each."""

import base64
import json

import pytest
from fronts import FRONTS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hotseat_registry import Reference
from hotseat_serve.adapters import api_gateway as events
from hotseat_serve.api.router import Router
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings

BODY = json.dumps({"text": "good"}).encode()
SEEDS = [
    *(front("POST", "/model-service", BODY, {"content-type": "application/json"})
      for front in FRONTS),
    *(front("POST", "/v2/models/mood/infer", BODY, {"accept-encoding": "gzip"})
      for front in FRONTS),
    *(front("GET", "/v1/models") for front in FRONTS),
    {"text": "good"},
    {"model": "mood", "version": 1, "input": {"text": "good"}},
    {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}},
    {"requestContext": {"routeKey": "$connect", "connectionId": "x"}},
]  # fmt: skip
odd = st.sampled_from(
    [None, True, False, 0, -1, 1.5, 1e308, 2**63, 2**64, "", "\0", "x" * 300, "../..",
     "\u202e", "\ud800", "é", "%", "%ff", "//", "$default", [], {}, [[]], [None], ["x"],
     {"a": {}}, {"": None}, base64.b64encode(BODY).decode(), "e30", "gzip", "HEAD"]
)  # fmt: skip

names = st.sampled_from(
    ["http", "elb", "headers", "path", "body", "multiValueHeaders", "version", "a"]
)


@st.composite
def changed(draw, value):
    """A value with some of its parts replaced, left out or added."""
    if draw(st.integers(0, 9)) == 0:
        return draw(odd)
    if isinstance(value, dict):
        parts = {
            key: draw(changed(part))
            for key, part in value.items()
            if draw(st.integers(0, 19))
        }
        if draw(st.integers(0, 9)) == 0:
            parts[draw(names)] = draw(odd)
        return parts
    if isinstance(value, list):
        return [draw(changed(part)) for part in value]
    return value


@pytest.fixture
def router(registry, publish, tmp_path):
    publish()
    registry.promote(Reference("mood", version=1), by="ada")
    chosen = Settings(cache=str(tmp_path / "cache"), refresh_seconds=60)
    return Router(ModelCache(registry, chosen), chosen)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from(SEEDS).flatmap(changed), st.sampled_from(["", "/ml", "//"]))
def test_any_event_is_read_and_answered(router, event, base):
    """What was read is a request, what is answered a JSON that Lambda can send."""
    request = events.parse_event(event, "r", None, base)
    if request is None:
        if events.is_warmup(event):
            return
        answer = router.answer(events.parse_direct_invocation(event, "r"))
        assert isinstance(json.loads(answer.body), dict)
        assert answer.status < 500
        return
    assert isinstance(request.body, bytes)
    assert isinstance(request.path, str)
    assert all(
        isinstance(text, str) for item in request.headers.items() for text in item
    )
    written = events.to_response(router.answer(request), event)
    assert type(written["statusCode"]) is int
    assert 200 <= written["statusCode"] < 500
    assert ("headers" in written) != ("multiValueHeaders" in written)
    json.loads(json.dumps(written))


@given(changed(SEEDS[0]) | odd)
def test_a_failure_can_be_written_for_any_event(event):
    """The last answer of all must not fail itself."""
    written = events.error_response(event, "r")
    assert (written.get("statusCode") or written["status"]) == 500

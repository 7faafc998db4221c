"""Requests reach the stage's models, and their live and followed versions alone."""

import hashlib

import orjson
import pytest

from hotseat_registry import Reference
from hotseat_serve.api.messages import Request
from hotseat_serve.api.router import Router
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings

BODY = orjson.dumps({"text": "good"})
INFER = orjson.dumps(
    {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["good"]}]}
)


@pytest.fixture
def room(registry, publish, tmp_path):
    """Three models: mood with old, live, beta and canary versions; chat; a secret."""
    for positive in (0.6, 0.7, 0.8, 0.9):
        publish(positive=positive)
    for model in ("chat", "secret"):
        publish(model=model)
        registry.promote(Reference(model, version=1), by="ada")
    for alias, version in (("live", 2), ("beta", 3), ("canary", 4)):
        registry.promote(Reference("mood", version=version), alias, by="ada")
    settings = Settings(
        cache=str(tmp_path / "cache"),
        downloads="*",
        models="mood#beta,chat",
        default_model="mood",
        refresh_seconds=2.0,
    )
    time = [0.0]
    router = Router(
        ModelCache(registry, settings, lambda: time[0], draw=lambda: 0.0), settings
    )

    def ask(path, body=b"", method=None):
        method = method or ("POST" if body else "GET")
        answer = router.answer(Request(method, path, body))
        return answer.status, orjson.loads(answer.body)

    ask.time, ask.router = time, router
    return ask


BEYOND = [
    ("/v1/models/{}", b""),
    ("/v1/models/{}/metadata", b""),
    ("/v1/models/{}/predict", BODY),
    ("/v1/models/{}/explain", BODY),
    ("/v1/models/{}:predict", orjson.dumps({"instances": ["good"]})),
    ("/v1/models/{}/versions/1/predict", BODY),
    ("/v1/models/{}/versions/live/predict", BODY),
    ("/v1/models/{}/versions/1:predict", orjson.dumps({"instances": ["good"]})),
    ("/v1/models/{}/versions/1", b""),
    ("/v1/models/{}/versions/live", b""),
    ("/v1/models/{}/versions/1/files/model.onnx", b""),
    ("/v2/models/{}", b""),
    ("/v2/models/{}/ready", b""),
    ("/v2/models/{}/config", b""),
    ("/v2/models/{}/stats", b""),
    ("/v2/models/{}/infer", INFER),
    ("/v2/models/{}/versions/1", b""),
    ("/v2/models/{}/versions/1/ready", b""),
    ("/v2/models/{}/versions/1/infer", INFER),
    ("/v2/models/{}/versions/1/stats", b""),
]


@pytest.mark.parametrize(("path", "body"), BEYOND)
def test_a_model_beyond_the_stage_is_not_there_on_any_route(room, path, body):
    """The answer for it is that for a name nobody published, but for the name."""
    status, secret = room(path.format("secret"), body)
    assert status == 404
    _, nobody = room(path.format("nobody"), body)
    text = orjson.dumps({**nobody, "request_id": ""}).replace(b"nobody", b"secret")
    assert orjson.dumps({**secret, "request_id": ""}) == text
    assert "secret" not in room.router.models._loaded


OLD = [
    ("/v1/models/mood/versions/{}/predict", BODY),
    ("/v1/models/mood/versions/{}/explain", BODY),
    ("/v1/models/mood/versions/{}:predict", orjson.dumps({"instances": ["good"]})),
    ("/v1/models/mood/versions/{}", b""),
    ("/v1/models/mood/versions/{}/files/model.onnx", b""),
    ("/v2/models/mood/versions/{}", b""),
    ("/v2/models/mood/versions/{}/ready", b""),
    ("/v2/models/mood/versions/{}/infer", INFER),
    ("/v2/models/mood/versions/{}/stats", b""),
]


@pytest.mark.parametrize(("path", "body"), OLD)
@pytest.mark.parametrize("version", ["1", "4", "canary", "9"])
def test_a_version_beyond_live_and_followed_is_not_there(room, path, body, version):
    """By its number, or by an alias that the stage does not follow."""
    if not version.isdigit() and ":" in path:
        path = path.replace("/versions/", "/labels/")
    assert room(path.format(version), body)[0] == 404


@pytest.mark.parametrize("version", ["2", "3", "live", "beta"])
def test_live_and_followed_versions_are_there_by_name_and_number(room, version):
    """What the aliases stand on may be named, and downloaded."""
    base = f"/v1/models/mood/versions/{version}"
    assert room(f"{base}/predict", BODY)[0] == 200
    _, document = room(base)
    number = document["manifest"]["version"]
    answer = room.router.answer(
        Request("GET", f"/v1/models/mood/versions/{number}/files/model.onnx")
    )
    digest = document["manifest"]["files"]["model.onnx"]["sha256"]
    assert hashlib.sha256(answer.body).hexdigest() == digest


def test_a_request_without_a_version_means_the_followed_alias(room):
    """`mood#beta` in the settings is what mood answers with; chat follows live."""
    assert room("/v1/models/mood/predict", BODY)[1]["version"] == 3
    assert room("/model-service", BODY)[1]["version"] == 3
    assert room("/v2/models/mood/infer", INFER)[1]["model_version"] == "3"
    assert room("/v1/models/chat/predict", BODY)[1]["version"] == 1


def test_the_lists_end_at_the_stage(room):
    """Catalogue, index, versions and statistics show no other name or number."""
    _, catalogue = room("/v1/models")
    assert [m["name"] for m in catalogue["models"]] == ["chat", "mood"]
    mood = catalogue["models"][1]
    assert mood["aliases"] == {"live": 2, "beta": 3}
    _, index = room("/v2/repository/index", b"{}")
    assert [item["name"] for item in index] == ["chat", "mood"]
    assert room("/v1/models/mood")[1]["versions"] == [2, 3]
    assert room("/v2/models/mood")[1]["versions"] == ["2", "3"]
    room("/v2/models/mood/infer", INFER)
    _, stats = room("/v2/models/stats")
    assert {item["name"] for item in stats["model_stats"]} == {"mood"}


def test_a_damaged_model_beyond_the_stage_is_not_named(room, registry):
    """The list of damaged models ends at the stage as well."""
    registry.store.delete("models/secret/head.json")
    registry.store.write("models/secret/head.json", b"broken")
    assert "damaged" not in room("/v1/models")[1]


def test_a_promoted_version_is_there_by_number_at_once(room, registry):
    """Another instance may have told a device of it before this one has read the head.

    The version before stays until this instance has followed.
    """
    assert room("/v1/models/mood/versions/live/predict", BODY)[1]["version"] == 2
    registry.promote(Reference("mood", version=4), by="ada")
    assert room("/v1/models/mood/versions/4")[0] == 200
    assert room("/v1/models/mood/versions/2")[0] == 200


def test_numbers_beyond_cost_the_registry_one_read(room, registry, monkeypatch):
    """Counting up numbers does not read the head for each request."""
    reads = []
    newest = registry.ledger.newest
    monkeypatch.setattr(
        registry.ledger, "newest", lambda *a, **k: reads.append(a) or newest(*a, **k)
    )
    for _ in range(10):
        assert room("/v1/models/mood/versions/1/predict", BODY)[0] == 404
    assert len(reads) == 2


def test_a_stage_may_open_every_number(registry, publish, tmp_path):
    """by_number reaches all versions of the stage's models, and no other model."""
    publish()
    publish(positive=0.8)
    publish(model="secret")
    registry.promote(Reference("mood", version=2), by="ada")
    settings = Settings(cache=str(tmp_path / "c"), models="mood", by_number=True)
    router = Router(ModelCache(registry, settings), settings)
    for path, status in (("mood/versions/1", 200), ("secret/versions/1", 404)):
        answer = router.answer(Request("POST", f"/v1/models/{path}/predict", BODY))
        assert answer.status == status
    assert orjson.loads(router.answer(Request("GET", "/v1/models/mood")).body)[
        "versions"
    ] == [1, 2]


def test_no_default_is_guessed_beyond_the_stage(registry, publish, tmp_path):
    """POST /model-service names no model that the stage does not have."""
    publish(model="secret")
    registry.promote(Reference("secret", version=1), by="ada")
    settings = Settings(cache=str(tmp_path / "c"), models="mood,chat")
    router = Router(ModelCache(registry, settings), settings)
    answer = router.answer(Request("POST", "/model-service", BODY))
    assert answer.status == 404
    assert b"secret" not in answer.body

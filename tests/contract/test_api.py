"""The HTTP API: what is asked and answered, good and bad."""

import json
from pathlib import Path

import httpx
import pytest

from hotseat_registry import Reference, layout
from hotseat_serve import problems
from hotseat_serve.app import create_app
from hotseat_serve.models import Models
from hotseat_serve.open import open_room
from hotseat_serve.room import Room
from hotseat_serve.settings import Settings

SPEC = Path(__file__).parents[2] / "sdk/spec"


@pytest.fixture
def settings(tmp_path):
    """A service that looks up aliases on every request."""
    return Settings(refresh_seconds=0, cache=str(tmp_path / "cache"))


@pytest.fixture
async def client(registry, settings):
    """A client of the application over an empty registry."""
    app = create_app(Room(Models(registry, settings), settings))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://game") as client:
        yield client


@pytest.fixture
def live(registry, publish):
    """Two versions, the first live."""
    publish(positive=0.9), publish(positive=0.8)
    registry.promote(Reference("mood", version=1), by="ada")
    return registry


@pytest.mark.usefixtures("live")
@pytest.mark.parametrize("route", ["/model-service", "/v1/models/mood/predict"])
@pytest.mark.parametrize(
    "body", [{"text": "good"}, {"input": "good"}, {"input": {"text": "good"}}]
)
async def test_one_input_is_answered_flat(client, route, body):
    """One text gives its label, scores, and which version of which model said it."""
    response = await client.post(route, json=body, headers={"x-request-id": "r-1"})
    assert response.status_code == 200
    answer = response.json()
    assert answer.pop("probability") == pytest.approx(0.9)
    assert answer.pop("scores") == pytest.approx({"negative": 0.1, "positive": 0.9})
    assert answer == {
        "label": "positive",
        "model": "mood",
        "version": 1,
        "variant": "fp32",
        "request_id": "r-1",
        "cold": True,
    }
    again = (await client.post(route, json=body)).json()
    assert "cold" not in again


@pytest.mark.usefixtures("live")
async def test_many_inputs_are_answered_in_order(client):
    """A list gives a list, in one request."""
    body = {"inputs": ["good", "bad", {"text": "good"}]}
    response = await client.post("/v1/models/mood/predict", json=body)
    labels = [item["label"] for item in response.json()["predictions"]]
    assert labels == ["positive", "negative", "positive"]


@pytest.mark.usefixtures("live")
async def test_a_version_or_alias_can_be_asked(client):
    """The path selects a version by number or by alias."""
    for name, version in (("2", 2), ("live", 1)):
        response = await client.post(
            f"/v1/models/mood/versions/{name}/predict", json={"text": "good"}
        )
        assert response.json()["version"] == version


async def test_a_roll_back_is_served_at_once(client, live):
    """After a promote and a roll back the answer names the version that is live."""
    for act, version in (
        (lambda: live.promote(Reference("mood", version=2), by="ada"), 2),
        (lambda: live.rollback("mood", by="ada"), 1),
    ):
        act()
        response = await client.post("/model-service", json={"text": "good"})
        assert response.json()["version"] == version


@pytest.mark.usefixtures("live")
async def test_the_catalogue_tells_what_is_there(client):
    """The catalogue lists models, and a model shows its card and signature."""
    catalogue = (await client.get("/v1/models")).json()
    short = {
        "name": "mood",
        "kind": "classification",
        "version": 1,
        "versions": [1, 2],
        "aliases": {"live": 1},
    }
    assert catalogue == {"models": [short]}
    card = (await client.get("/v1/models/mood")).json()
    assert short.items() <= card.items()
    assert card["card"].startswith("# mood")
    assert card["signature"]["inputs"][0]["max_bytes"] == 64


BAD = [
    (b'{"text": ""}', 422, "invalid_input", "/text"),
    (b'{"text": "  "}', 422, "invalid_input", "/text"),
    (b'{"text": 7}', 422, "invalid_input", "/text"),
    (b'{"text": null}', 422, "invalid_input", "/text"),
    (b'{"txet": "good"}', 422, "invalid_input", "/text"),
    (b'{"input": {"txet": "good"}}', 422, "invalid_input", "/input/text"),
    (b'{"input": 7}', 422, "invalid_input", "/input"),
    (b'{"inputs": []}', 422, "invalid_input", "/inputs"),
    (b'{"inputs": "good"}', 422, "invalid_input", "/inputs"),
    (b'{"inputs": ["good", 7]}', 422, "invalid_input", "/inputs/1"),
    (b'{"inputs": ["good", {"text": ""}]}', 422, "invalid_input", "/inputs/1/text"),
    (b'"good"', 422, "invalid_input", ""),
    (b'{"text": "\\ud800"}', 400, "invalid_json", None),
    (b'{"text": "' + b"x" * 65 + b'"}', 413, "too_large", "/text"),
    (b'{"text": "' + b"x" * 1_000_000 + b'"}', 413, "too_large", "/text"),
    (b'{"text": "' + b"x" * 6_000_000 + b'"}', 413, "too_large", None),
    (b'{"inputs": ["a","b","c","d","e","f","g","h","i","j","k"]}', 413, "too_large",
     None),
    (b"{", 400, "invalid_json", None),
    (b"", 400, "invalid_json", None),
    (b"\xff", 400, "invalid_json", None),
    (b"[" * 100_000, 400, "invalid_json", None),
]  # fmt: skip


@pytest.mark.usefixtures("live")
@pytest.mark.parametrize("route", ["/model-service", "/v1/models/mood/predict"])
@pytest.mark.parametrize(("body", "status", "code", "pointer"), BAD)
async def test_bad_input_is_named(client, route, body, status, code, pointer):
    """Bad input gets a problem that points at the first fault."""
    response = await client.post(route, content=body)
    problem = response.json()
    assert (response.status_code, problem["status"]) == (status, status)
    assert response.headers["content-type"] == "application/problem+json"
    assert (problem["code"], problem.get("pointer")) == (code, pointer)
    assert problem["retryable"] is False
    assert problem["request_id"]
    assert problem["detail"]


@pytest.mark.usefixtures("live")
@pytest.mark.parametrize(
    ("method", "route", "status", "code"),
    [
        ("POST", "/v1/models/nobody/predict", 404, "model_not_found"),
        ("POST", "/v1/models/NO/predict", 404, "model_not_found"),
        ("POST", "/v1/models/mood/versions/9/predict", 404, "version_not_found"),
        ("POST", "/v1/models/mood/versions/canary/predict", 404, "version_not_found"),
        ("GET", "/v1/models/nobody", 404, "model_not_found"),
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/model-service", 405, "method_not_allowed"),
    ],
)
async def test_what_is_not_there_is_named(client, method, route, status, code):
    """An unknown route, model or version is a problem of its own."""
    body = {"text": "good"} if method == "POST" else None
    response = await client.request(method, route, json=body)
    assert (response.status_code, response.json()["code"]) == (status, code)


async def test_a_service_without_a_model_says_so(client):
    """An empty registry is alive, not ready, and answers that no model is there."""
    assert (await client.get("/v2/health/live")).json() == {"live": True}
    ready = await client.get("/v2/health/ready")
    assert ready.status_code == 503
    assert ready.json() == {"ready": False, "live": True}
    response = await client.post("/model-service", json={"text": "good"})
    assert (response.status_code, response.json()["code"]) == (404, "model_not_found")


async def test_a_damaged_version_is_not_served(client, registry, publish):
    """With no good version to fall back on, the caller may try again."""
    manifest = publish()
    key = layout.blob(manifest.files["model.onnx"].sha256)
    registry.store.objects[key] = b"\0" + registry.store.objects[key][1:]
    registry.promote(Reference("mood", version=1), by="ada")
    response = await client.post("/model-service", json={"text": "good"})
    assert (response.status_code, response.json()["retryable"]) == (503, True)
    assert "memory://" not in response.text


@pytest.mark.usefixtures("live")
async def test_a_bug_is_a_problem_without_its_traceback(client, monkeypatch):
    """What nobody foresaw is answered as internal, with the request's id."""
    monkeypatch.setattr(Models, "get", lambda *_: 1 / 0)
    response = await client.post("/model-service", json={"text": "good"})
    assert (response.status_code, response.json()["code"]) == (500, "internal")
    assert "ZeroDivision" not in response.text


def test_the_table_of_problems_is_the_sdks_too():
    """errors.json and the server's table say the same."""
    rows = json.loads((SPEC / "errors.json").read_text())
    spec = {row["code"]: (row["status"], row["retryable"]) for row in rows}
    table = {code: (k.status, k.retryable) for code, k in problems.KINDS.items()}
    assert spec == table


def test_the_committed_openapi_document_is_the_applications(settings):
    """openapi.json is what the application writes: `make spec` brings it up to date."""
    document = json.loads((SPEC / "openapi.json").read_text())
    assert document == create_app(open_room(settings)).openapi()

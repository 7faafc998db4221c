"""The HTTP API: what is asked and answered, good and bad."""

import json
from pathlib import Path

import httpx
import onnx
import pytest
from onnx import TensorProto, helper

from hotseat_registry import (
    Input,
    Manifest,
    Output,
    Reference,
    Signature,
    Variant,
    layout,
)
from hotseat_serve import problems
from hotseat_serve.adapters.fastapi_app import create_app
from hotseat_serve.api.factory import create_router
from hotseat_serve.api.router import Router
from hotseat_serve.kinds.options import MAX_SEED
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings

SPEC = Path(__file__).parents[3] / "sdk/spec"


@pytest.fixture
def settings(tmp_path):
    """A service that looks up aliases on every request."""
    return Settings(refresh_seconds=0, cache=str(tmp_path / "cache"))


@pytest.fixture
async def client(registry, settings):
    """A client of the application over an empty registry."""
    app = create_app(Router(ModelCache(registry, settings), settings))
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
    listed = {key: value for key, value in short.items() if key != "versions"}
    named = {"id": "mood", "object": "model", "created": 0, "owned_by": "hotseat"}
    # the second half is for OpenAI's clients
    assert catalogue == {"models": [listed], "object": "list", "data": [named]}
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


def unknown(name, pointer, near=None, known=()):
    """Return the warning of an unknown field."""
    meant = f"did you mean {near!r}?" if near else f"the fields are {known}"
    said = {
        "code": "unknown_field",
        "detail": f"unknown field {name!r} is ignored; {meant}",
        "pointer": pointer,
    }
    return {**said, "suggestion": near} if near else said


REQUEST = "'input', 'inputs', 'options', 'player_id', 'explain'"
OPTIONS = "'temperature', 'seed', 'level', 'strict', 'operating_point' and 4 more"
WARNED = [
    ({"text": "good", "lang": "en"}, unknown(
        "lang", "/lang", known="'text', 'input', 'inputs', 'options', 'player_id'")),
    ({"text": "good", "optoins": {}}, unknown("optoins", "/optoins", "options")),
    ({"input": "good", "lang": "en"}, unknown("lang", "/lang", known=REQUEST)),
    ({"input": {"text": "good", "Text": "bad"}},
     unknown("Text", "/input/Text", "text")),
    ({"input": "good", "options": {"heat": 1}},
     unknown("heat", "/options/heat", known=OPTIONS)),
    ({"input": "good", "options": {"a/b~c": 1}},
     unknown("a/b~c", "/options/a~1b~0c", known=OPTIONS)),
]  # fmt: skip


@pytest.mark.usefixtures("live")
@pytest.mark.parametrize("route", ["/model-service", "/v1/models/mood/predict"])
@pytest.mark.parametrize(("body", "warning"), WARNED)
async def test_an_unknown_field_is_answered_with_a_warning(
    client, route, body, warning
):
    """In the input, beside it or in the options: a newer client goes on working."""
    response = await client.post(route, json=body)
    assert response.status_code == 200
    assert response.json()["label"] == "positive"
    assert response.json()["warnings"] == [warning]
    strict = {**body, "options": {**body.get("options", {}), "strict": True}}
    problem = await client.post(route, json=strict)
    assert (problem.status_code, problem.json()["code"]) == (422, "invalid_input")
    assert problem.json()["pointer"] == warning["pointer"]
    assert problem.json()["detail"] == f"{warning['detail']} (options.strict)"


@pytest.mark.usefixtures("live")
async def test_an_answer_without_a_warning_has_no_list_of_them(client):
    """`player_id` and options that are known are no reason for one."""
    options = {"seed": 1, "strict": True, "level": None}
    for body in ({"text": "good"}, {"input": "good"}, {"inputs": ["good"]}):
        asked = {**body, "options": options, "player_id": "p-1"}
        response = await client.post("/v1/models/mood/predict", json=asked)
        assert response.status_code == 200
        assert "warnings" not in response.json()


@pytest.mark.usefixtures("live")
async def test_warnings_of_many_inputs_stand_once_at_the_top(client):
    """At most 20 of them, each with its row's pointer, and how many more there are."""
    many = {"inputs": [{"text": "good", "lang": "en"}] * 3, "input": "x"}
    found = (await client.post("/model-service", json=many)).json()["warnings"]
    assert [one["pointer"] for one in found] == [
        "/input", *(f"/inputs/{row}/lang" for row in range(3))
    ]  # fmt: skip
    assert found[0]["code"] == "ignored_field"
    wide = {"text": "good", **{f"field{n}": n for n in range(50)}}
    found = (await client.post("/model-service", json=wide)).json()["warnings"]
    assert len(found) == 21
    assert found[-1]["detail"] == "30 more warnings are left out"


@pytest.mark.usefixtures("live")
async def test_every_way_to_ask_warns_alike(client):
    """KServe's version 1 too, and an explanation of the caller's own input alone."""
    body = {"instances": [{"text": "good", "lang": "en"}], "signature_name": "x"}
    found = (await client.post("/v1/models/mood:predict", json=body)).json()
    assert [one["pointer"] for one in found["warnings"]] == [
        "/signature_name", "/instances/0/lang",
    ]  # fmt: skip
    body = {"input": {"text": "good day", "lang": "en"}}
    found = (await client.post("/v1/models/mood/explain", json=body)).json()
    assert [one["pointer"] for one in found["warnings"]] == ["/input/lang"]
    assert len(found["parts"]) == 2


@pytest.mark.usefixtures("live")
@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"txt": "good"}, "expected 'text', got 'txt'"),
        ({"input": {"txt": "good"}}, "expected 'text' at /input, got 'txt'"),
        ({}, "expected 'text', got no field"),
        ({"options": {}}, "expected 'text', got no field"),
        ({"text": 7}, "expected a string at /text, got a number"),
        ({"inputs": ["good", None]}, "expected a string at /inputs/1, got null"),
        ({"inputs": {}},
         "expected a list of one or more inputs at /inputs, got an empty object"),
        ({"text": "good", "options": []},
         "expected an object at /options, got an empty list"),
        ({"text": "good", "options": {"strict": 1}},
         "expected true or false at /options/strict, got a number"),
        ({"text": "good", "options": {"seed": 1.5}},
         f"expected a whole number from 0 to {MAX_SEED} at /options/seed, got 1.5"),
        ({"text": "good", "player_id": 7},
         "expected a string at /player_id, got a number"),
    ],
)  # fmt: skip
async def test_a_refusal_says_what_was_expected_where_and_what_came(
    client, body, detail
):
    """In JSON's words, and never with the value itself."""
    response = await client.post("/v1/models/mood/predict", json=body)
    assert (response.status_code, response.json()["detail"]) == (422, detail)


async def test_a_number_that_json_cannot_write_is_null_with_a_warning(
    client, registry, tmp_path
):
    """NaN and infinity of a model are not passed off as an answer."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])
    value = helper.make_tensor_value_info("value", TensorProto.FLOAT, ["n"])
    log = helper.make_node("Log", ["x"], ["value"])
    model = helper.make_model(
        helper.make_graph([log], "log", [x], [value]),
        opset_imports=[helper.make_opsetid("", 17)], ir_version=9,
    )  # fmt: skip
    onnx.save(model, tmp_path / "log.onnx")
    signature = Signature(
        (Input("x", "FP32", (-1,), "tensor"),), (Output("value", "FP32", (-1,)),)
    )
    variants = (Variant("fp32", "model.onnx"),)
    registry.publish(
        Manifest("log", "regression", signature, variants, "fp32"),
        {"model.onnx": tmp_path / "log.onnx"}, by="ada",
    )  # fmt: skip
    registry.promote(Reference("log", version=1), by="ada")
    body = {"inputs": [1, 0, -1]}
    found = (await client.post("/v1/models/log/predict", json=body)).json()
    assert found["predictions"] == [{"value": 0.0}, {"value": None}, {"value": None}]
    assert [(w["code"], w["pointer"]) for w in found["warnings"]] == [
        ("not_finite", "/inputs/1"), ("not_finite", "/inputs/2"),
    ]  # fmt: skip
    strict = {**body, "options": {"strict": True}}
    response = await client.post("/v1/models/log/predict", json=strict)
    assert (response.status_code, response.json()["pointer"]) == (422, "/inputs/1")


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
    monkeypatch.setattr(ModelCache, "get", lambda *_: 1 / 0)
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
    assert document == create_app(create_router(settings)).openapi()

"""Two doors, one room: the fast handler and FastAPI answer alike."""

import base64
import json
from types import SimpleNamespace
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hotseat_registry import Reference
from hotseat_serve import event as events
from hotseat_serve.app import create_app
from hotseat_serve.models import Models
from hotseat_serve.room import Room
from hotseat_serve.settings import Settings

GOOD = {"inputs": [{"name": "text", "shape": [2], "datatype": "BYTES",
                    "data": ["good", "bad"]}]}  # fmt: skip

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "text",
                    "input",
                    "inputs",
                    "data",
                    "name",
                    "shape",
                    "id",
                    "options",
                    "player_id",
                ]
            )
            | texts,
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
bodies = (
    json_values.map(lambda value: json.dumps(value).encode())
    | st.binary(max_size=40)
    | st.builds(
        lambda change: json.dumps({**GOOD, **change}).encode(),
        st.dictionaries(st.sampled_from(["id", "outputs", "parameters", "inputs"]),
                        json_values, max_size=2),
    )
    | st.builds(
        lambda key, value: json.dumps(
            {"inputs": [{**GOOD["inputs"][0], key: value}]}
        ).encode(),
        st.sampled_from(["name", "shape", "datatype", "data", "parameters"]),
        json_values,
    )
)  # fmt: skip
paths = st.sampled_from(
    [
        "/model-service", "/v1/models", "/v1/models/mood", "/v1/models/mood:predict",
        "/v1/models/mood/predict", "/v1/models/mood/versions/2/predict",
        "/v1/models/mood/explain", "/v1/models/mood/versions/live/explain",
        "/v1/models/mood/versions/live/predict", "/v1/models/nobody/predict",
        "/v2", "/v2/", "/v2/health/live", "/v2/health/ready", "/v2/models/mood",
        "/v2/models/mood/ready", "/v2/models/mood/config", "/v2/models/mood/infer",
        "/v2/models/mood/versions/1/infer", "/v2/models/mood/versions/9/infer",
        "/v2/models/mood/versions/x y/infer", "/v2/models/nobody/infer",
        "/v2/repository/index", "/v2/nothing", "/nothing", "/", "/v1/models/m%2fx",
    ]
)  # fmt: skip
methods = st.sampled_from(["POST", "POST", "POST", "GET", "PUT", "DELETE", "OPTIONS"])
headers = st.sampled_from(
    [{}, {}, {"content-encoding": "gzip"}, {"content-encoding": "br"},
     {"accept-encoding": "gzip"}, {"deadline-ms": "99999"}, {"deadline-ms": "soon"},
     {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"},
     {"origin": "https://game.example"}, {"origin": "https://stranger.example"},
     {"origin": "https://game.example", "access-control-request-method": "POST"},
     {"origin": "https://stranger.example", "access-control-request-method": "POST"},
     {"inference-header-content-length": "3"},
     {"inference-header-content-length": "x"}]
)  # fmt: skip


@pytest.fixture
def room(registry, publish, tmp_path):
    """A room with two versions of mood."""
    publish(), publish(positive=0.8)
    registry.promote(Reference("mood", version=1), by="ada")
    chosen = Settings(
        cache=str(tmp_path / "cache"),
        max_body_bytes=5000,
        origins="https://game.example, https://other.example",
    )
    return Room(Models(registry, chosen), chosen)


def through_handler(room, method, path, body, given):
    """Ask as API Gateway's REST API does, and unpack what it would send on."""
    event = {
        "httpMethod": method,
        "path": path,
        "headers": {**given, "Host": "game"},
        "requestContext": {"stage": "prod"},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }
    answer = events.write(room.answer(events.read(event, "r-1")))
    data = answer["body"]
    data = base64.b64decode(data) if answer["isBase64Encoded"] else data.encode()
    return answer["statusCode"], data, answer["headers"]


@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(methods, paths, bodies, headers)
@example(
    "OPTIONS", "/model-service", b"",
    {"origin": "https://game.example", "access-control-request-method": "POST"},
)  # fmt: skip
def test_both_doors_answer_alike(room, method, path, body, given):
    """Status, body and headers are equal for any request, and never a 5xx for bad."""
    path = quote(path, safe="/:%")
    status, data, back = through_handler(room, method, path, body, given)
    client = SimpleNamespace(app=create_app(room))
    transport = httpx.ASGITransport(client.app, raise_app_exceptions=False)

    async def ask():
        async with httpx.AsyncClient(transport=transport, base_url="http://game") as c:
            request = c.build_request(
                method, path, content=body, headers={**given, "x-request-id": "r-1"}
            )
            if "accept-encoding" not in given:
                del request.headers["accept-encoding"]
            response = await c.send(request, stream=True)
            return response, b"".join([part async for part in response.aiter_raw()])

    import asyncio

    response, other = asyncio.run(ask())
    assert (response.status_code, other) == (status, data)
    for name in back:
        assert response.headers[name] == back[name]
    assert status < 500
    if "json" in back.get("content-type", "") and "content-encoding" not in back:
        json.loads(data)


def test_the_application_documents_every_route_of_the_room(room):
    """A route that is documented is answered, and one that is not is unknown."""
    document = create_app(room).openapi()
    for path, methods in document["paths"].items():
        parts = path.strip("/").replace("{model}", "mood").replace("{version}", "1")
        acts = room._find(parts.split("/"))
        assert {method.upper() for method in methods} == set(acts), path
    assert len(document["paths"]) == 24

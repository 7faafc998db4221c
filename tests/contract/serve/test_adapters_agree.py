"""The Lambda handler, the ASGI application and FastAPI give the same answers."""

import asyncio
import json
from urllib.parse import quote

import httpx
import pytest
from fronts import FRONTS, unpacked
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hotseat_registry import Reference
from hotseat_serve.adapters import api_gateway as events
from hotseat_serve.adapters.asgi import Application
from hotseat_serve.adapters.fastapi_app import create_app
from hotseat_serve.api.messages import Request
from hotseat_serve.api.router import Router
from hotseat_serve.runtime.model_cache import ModelCache
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
        "/v2/repository/index", "/v2/nothing", "/v1/models/", "/v1//models",
        "/nothing", "/", "/v1/models/m%2fx",
    ]
)  # fmt: skip
methods = st.sampled_from(["POST", "POST", "POST", "GET", "HEAD", "PUT", "DELETE",
                           "OPTIONS"])  # fmt: skip
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
def router(registry, publish, tmp_path):
    """A router with two versions of mood."""
    publish(), publish(positive=0.8)
    registry.promote(Reference("mood", version=1), by="ada")
    chosen = Settings(
        cache=str(tmp_path / "cache"),
        max_body_bytes=5000,
        origins="https://game.example, https://other.example",
    )
    return Router(ModelCache(registry, chosen), chosen)


@pytest.fixture
def applications(router):
    """The ASGI applications of a local server."""
    return Application(router, threads=1), create_app(router)


def through_handler(router, front, method, path, body, given):
    """Ask as a front of AWS does, and unpack what it would send on."""
    event = front(method, path, body, given)
    request = events.parse_event(event, "r-1")
    return unpacked(events.to_response(router.answer(request), event))


async def through_asgi(app, method, path, body, given):
    """Ask an ASGI application."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://game") as c:
        request = c.build_request(
            method, path, content=body, headers={**given, "x-request-id": "r-1"}
        )
        if "accept-encoding" not in given:
            del request.headers["accept-encoding"]
        response = await c.send(request, stream=True)
        data = b"".join([part async for part in response.aiter_raw()])
        return response.status_code, data, response.headers


@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.sampled_from(FRONTS), methods, paths, bodies, headers)
@example(
    FRONTS[0], "OPTIONS", "/model-service", b"",
    {"origin": "https://game.example", "access-control-request-method": "POST"},
)  # fmt: skip
@example(FRONTS[0], "HEAD", "/v1/models", b"", {})
@example(FRONTS[0], "HEAD", "/v2/models/nobody", b"", {"accept-encoding": "gzip"})
@example(FRONTS[0], "OPTIONS", "/v2/health/live", b"", {})
def test_all_adapters_answer_alike(
    router, applications, front, method, path, body, given
):
    """Status, body and headers are equal for any request, and never a 5xx for bad."""
    path = quote(path, safe="/:%")
    status, data, back = through_handler(router, front, method, path, body, given)
    for app in applications:
        code, other, shown = asyncio.run(through_asgi(app, method, path, body, given))
        assert (code, other) == (status, data)
        for name in back:
            assert shown[name] == back[name]
    assert status < 500
    if method == "HEAD":
        assert data == b""
    elif "json" in back.get("content-type", "") and "content-encoding" not in back:
        json.loads(data)


@pytest.mark.parametrize(
    "path", ["/v2/health/live", "/v2/health/ready", "/v1/models", "/v1/models/mood",
             "/v2", "/v2/models/mood", "/v2/models/mood/config"]
)  # fmt: skip
def test_head_answers_what_get_does_without_a_body(router, path):
    """Monitors ask so: equal status and headers, the length of what is not sent."""
    request = Request("GET", path, request_id="r-1")
    got, head = router.answer(request), router.answer(request._replace(method="HEAD"))
    assert (head.status, head.body) == (got.status, b"")
    assert head.headers == {**got.headers, "content-length": str(len(got.body))}


@pytest.mark.parametrize(
    ("path", "allow"),
    [("/v1/models", "GET, HEAD, OPTIONS"), ("/model-service", "OPTIONS, POST"),
     ("/v2/models/mood/infer", "OPTIONS, POST")],
)  # fmt: skip
def test_options_and_a_wrong_method_name_the_right_ones(router, path, allow):
    """A plain OPTIONS is answered, which a browser's preflight of no one is too."""
    asked = router.answer(Request("OPTIONS", path))
    assert (asked.status, asked.body, asked.headers["allow"]) == (204, b"", allow)
    refused = router.answer(Request("DELETE", path))
    assert (refused.status, refused.headers["allow"]) == (405, allow)
    assert router.answer(Request("OPTIONS", "/nothing")).status == 404


@pytest.mark.parametrize(
    "path", ["/v1/models/", "//v1/models", "/v1//models", "/v1/models//"]
)
def test_slashes_too_many_change_nothing(router, path):
    """A base URL that ends in a slash, and a path that does."""
    assert router.answer(Request("GET", path)).status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/\ud800"), ("GET", "/v2/\ud800"), ("\ud800", "/v1/models"),
     ("GET", "/v1/models/\ud800"), ("GET", "/v1/models/%ed%a0%80")],
)  # fmt: skip
def test_a_path_that_is_no_unicode_is_unknown(router, method, path):
    """Half of a surrogate pair cannot be written into any answer."""
    answer = router.answer(Request(method, path))
    assert answer.status in {404, 405}
    json.loads(answer.body)


@pytest.mark.parametrize("path", ["/model-service", "/v2/models/mood/infer"])
def test_a_byte_order_mark_is_skipped(router, path):
    """Windows' editors and .NET write one before JSON."""
    body = {"text": "good"} if path == "/model-service" else GOOD
    data = b"\xef\xbb\xbf" + json.dumps(body).encode()
    assert router.answer(Request("POST", path, data)).status == 200


def test_listed_origins_and_packing_are_both_named_in_vary(router):
    """A cache looks at both."""
    request = Request("POST", "/model-service", b'{"text": "good"}', {}, "a" * 1500)
    answer = router.answer(request)
    assert answer.headers["vary"] == "accept-encoding, origin"
    small = router.answer(Request("GET", "/v2/health/live"))
    assert small.headers["vary"] == "origin"


def test_the_application_documents_every_route_of_the_router(router):
    """A route that is documented is answered, and one that is not is unknown."""
    document = create_app(router).openapi()
    for path, methods in document["paths"].items():
        parts = path.strip("/").replace("{model}", "mood").replace("{version}", "1")
        acts = router._find(parts.split("/"))
        assert {method.upper() for method in methods} == set(acts), path
    assert len(document["paths"]) == 29

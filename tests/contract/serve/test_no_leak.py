"""Planted secrets in every place of good and bad requests: none comes out anywhere.

Neither in log lines, metrics and spans, in records of the loggers, in errors, warnings
and explanations of any route, nor in a file of the service.
"""

import itertools
import json
import logging
from urllib.parse import quote

import pytest
from tests import small_models

pytest.importorskip("opentelemetry.sdk")
pytest.importorskip("prometheus_client")
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from hotseat_serve.api.messages import Request
from hotseat_serve.api.observers import Observers
from hotseat_serve.local.metrics import Metrics, MetricsFolder
from hotseat_serve.local.tracing import Tracing

SECRETS = (
    "ada.lovelace@example.org", "+49 30 12345678", "13812345678",
    "4111 1111 1111 1111", "11010519491231002X", "2001:db8::ff00:42:8329",
    "00:1B:44:11:3A:B7", "AKIA" + "IOSFODNN7EXAMPLE",
    "d3b07384d113edec49eaa6238ad5ff00", "https://shop.example.com/order/7",
    "GB82WEST12345698765432",
)  # fmt: skip
GOOD = {
    "words": {"text": "good"},
    "table": {"hours": 3.0, "level": 2.0},
    "moves": {"board": [[0] * 7] * 6},
    "arrays": {"x": [[1.0]]},
}
VERBS = ("predict", "explain", "generate", "versions/1/predict")
HEADERS = (
    "deadline-ms", "traceparent", "content-encoding", "content-type", "accept-encoding",
    "x-request-id", "inference-header-content-length", "origin", "authorization",
    "user-agent", "if-none-match", "range",
)  # fmt: skip


@pytest.fixture(scope="module")
def lines():
    """The log lines of the service."""
    return []


@pytest.fixture(scope="module")
def spans():
    """What the service's tracing exports."""
    return InMemorySpanExporter()


@pytest.fixture(scope="module")
def exposition():
    """What a scrape of the service's metrics gives."""
    folder = MetricsFolder()
    yield lambda: b"".join(p.read_bytes() for p in sorted(folder.path.iterdir()))
    folder.close()


@pytest.fixture(scope="module")
def router(tmp_path_factory, lines, spans, exposition):
    """Models of every kind; each request is sampled, counted, traced; texts masked."""
    assert exposition() == b""
    folder = tmp_path_factory.mktemp("leak")
    router = small_models.router(folder, write=lines.append, mask="*", downloads="*")
    tracing = Tracing(SimpleSpanProcessor(spans))
    router.telemetry = Observers((router.telemetry, Metrics(0), tracing))
    yield router
    tracing.close()


def places(model, secret):
    """Yield bodies with a secret in every field, name, option and type of value."""
    good = GOOD[model]
    yield {**good, "player_id": secret}
    yield {**good, secret: 1}
    yield {secret: good}
    yield {**good, "options": {secret: secret}}
    yield {**good, "options": {"level": secret}}
    yield {**good, "options": secret}
    yield {"inputs": [good, {**good, secret: secret}]}
    yield {"inputs": secret}
    yield {"instances": [secret], "parameters": {secret: secret}}
    for name in good:
        yield {**good, name: secret}
        yield {**good, name: {secret: secret}}
        yield {**good, name: [secret, [secret]]}
        yield {**good, name: f"so, {secret} ok"}
    yield secret
    yield [secret]


def tensors(model, secret):
    """Yield bodies of the Open Inference Protocol."""
    slot = {"name": "text", "datatype": "BYTES", "shape": [1], "data": [secret]}
    yield {"inputs": [slot]}
    yield {"id": "7", "inputs": [{**slot, "name": secret}]}
    yield {"inputs": [{**slot, "datatype": secret}]}
    yield {"inputs": [{**slot, "shape": secret}]}
    yield {"inputs": [{**slot, "parameters": {secret: secret}}], "outputs": [secret]}
    yield {"inputs": [slot], "outputs": [{"name": secret}], "parameters": secret}
    yield {"inputs": {secret: model}}


def requests(secret):
    """Yield every request that holds a secret somewhere."""
    for model, verb in itertools.product(GOOD, VERBS):
        for body in places(model, secret):
            yield f"/v1/models/{model}/{verb}", json.dumps(body).encode(), {}
    for model in GOOD:
        for body in tensors(model, secret):
            yield f"/v2/models/{model}/infer", json.dumps(body).encode(), {}
    body = json.dumps({"text": "good"}).encode()
    for name in HEADERS:
        yield "/v1/models/words/predict", body, {name: secret}
    # names are tokens (RFC 9110), of which a secret may be one
    yield "/v1/models/words/predict", body, {secret.replace(" ", "-"): "1"}
    yield "/v1/models/words/predict", body, {f"x-{secret}": secret}
    yield "/v1/models/words/predict", body, {
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "tracestate": f"game={secret.replace(',', '')}",
        "baggage": f"player={secret}",
    }  # fmt: skip
    yield "/v1/models/words/predict", secret.encode(), {}
    yield "/v1/models/words/predict", b'{"text": "' + secret.encode(), {}
    for path in (
        f"/{secret}", f"/v1/models/{secret}/predict", f"/v2/models/{secret}",
        f"/v1/models/words/{secret}", f"/v1/models/words/versions/{secret}/predict",
        f"/v1/models/words/versions/1/files/{secret}", f"/{quote(secret)}",
        f"/v1/models/{quote(secret)}/predict", f"/v1/models/words/{quote(secret)}",
    ):  # fmt: skip
        yield path, body, {}


def twins(secret):
    """Return the forms in which a secret could come out."""
    forms = {secret, json.dumps(secret)[1:-1], secret.replace(" ", "")}
    return forms | {secret.upper(), quote(secret), secret.replace(" ", "-")}


@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_comes_out(router, lines, spans, secret, caplog):
    """Whatever the route, the place and the answer's status."""
    statuses = set()
    caplog.set_level(logging.DEBUG)
    for path, body, headers in requests(secret):
        for method in ("POST", "GET", secret.upper()):
            lines.clear()
            spans.clear()
            caplog.clear()
            request = Request(method, path, body, headers, "r-1")
            answer = router.answer(request)
            statuses.add(answer.status)
            shown = [
                answer.body.decode("utf-8", "replace"),
                json.dumps(dict(answer.headers)),
                *(line.decode() for line in lines),
                caplog.text,
                *(span.to_json() for span in spans.get_finished_spans()),
            ]
            for form, text in itertools.product(twins(secret), shown):
                assert form not in text, (method, path, body[:200], headers, text[:500])
    assert {200, 404, 422} <= statuses


def test_no_metric_holds_a_secret(router, exposition):
    """Labels are routes, models and codes, of a short list."""
    router.answer(Request("POST", "/v1/models/words/predict", b"{}", {}, "r-1"))
    counted = exposition()
    assert b"hotseat_request_seconds" in counted
    for secret in SECRETS:
        for form in twins(secret):
            assert form.encode() not in counted


def test_no_file_of_the_service_holds_a_secret(router):
    """Golden rows, caches and copies of versions: nothing of a request is written."""
    folder = router.settings.cache_folder.parent
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    for path, secret in itertools.product(files, SECRETS):
        assert secret.encode() not in path.read_bytes()

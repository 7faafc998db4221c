"""`hotseat serve --traces`: spans as a collector of OpenTelemetry receives them."""

import gzip
import http.client
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytest.importorskip("opentelemetry.sdk")
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def collector():
    """Receives OTLP over HTTP; yields its address, its resources and spans."""
    resources, spans = [], []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            for part in ExportTraceServiceRequest.FromString(body).resource_spans:
                resources.append(attributes_of(part.resource))
                for scope in part.scope_spans:
                    spans.extend(scope.spans)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", resources, spans
    server.shutdown()
    thread.join()
    server.server_close()


def attributes_of(thing):
    return {
        pair.key: getattr(pair.value, pair.value.WhichOneof("value"))
        for pair in thing.attributes
    }


@pytest.fixture
def traced(serve, collector):
    """The address of a server that exports to the collector, with these variables."""

    def start(*arguments, **variables):
        env = {
            **os.environ,
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector[0],
            "OTEL_BSP_SCHEDULE_DELAY": "50",
            **variables,
        }
        return serve("--port", 0, "--traces", *arguments, env=env)

    return start


def ask(address, path, body, **headers):
    connection = http.client.HTTPConnection(address, timeout=20)
    connection.request("POST", path, body, headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_request_is_a_span_under_its_callers(traced, collector, until):
    _, (address,) = traced()
    _, resources, spans = collector
    caller = f"00-{TRACE}-{PARENT}-01"
    path = "/v1/models/mood/predict"
    assert ask(address, path, b'{"text": "good"}', traceparent=caller) == 200
    until(lambda: len(spans) == 2)
    request = next(span for span in spans if span.kind == Span.SPAN_KIND_SERVER)
    run = next(span for span in spans if span is not request)
    assert request.name == "POST /v1/models/{model}/predict"
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, PARENT)
    attributes = attributes_of(request)
    assert attributes.pop("hotseat.request_id")
    assert attributes == {
        "http.request.method": "POST", "http.route": "/v1/models/{model}/predict",
        "http.response.status_code": 200, "hotseat.model": "mood", "hotseat.version": 1,
        "hotseat.variant": attributes["hotseat.variant"], "hotseat.rows": 1,
    }  # fmt: skip
    assert (run.name, run.parent_span_id) == ("model", request.span_id)
    assert run.trace_id == request.trace_id
    assert (
        request.start_time_unix_nano <= run.start_time_unix_nano
        <= run.end_time_unix_nano <= request.end_time_unix_nano
    )  # fmt: skip
    assert resources[0]["service.name"] == "hotseat"


def test_errors_are_named_and_a_caller_that_is_not_sampled_makes_no_span(
    traced, collector, until
):
    process, (address,) = traced("--workers", 2, OTEL_SERVICE_NAME="arena")
    _, resources, spans = collector
    unsampled = f"00-{TRACE}-{PARENT}-00"
    path = "/v1/models/mood/predict"
    assert ask(address, path, b'{"text": "good"}', traceparent=unsampled) == 200
    assert ask(address, path, b'{"text": 1}') == 422
    assert ask(address, "/own/words", b"{}") == 404
    until(lambda: len(spans) == 2)
    process.terminate()
    process.wait(20)
    bad, missing = sorted(spans, key=lambda span: -len(span.name))
    assert attributes_of(bad)["error.type"] == "invalid_input"
    assert bad.status.code != Status.STATUS_CODE_ERROR  # the caller's fault
    assert (missing.name, attributes_of(missing)["error.type"]) == ("POST", "not_found")
    assert {resource["service.name"] for resource in resources} == {"arena"}
    assert len(spans) == 2


def test_what_is_left_is_sent_at_the_end(traced, collector):
    """A server that stops loses no span, with the default delay of five seconds."""
    process, (address,) = traced(OTEL_BSP_SCHEDULE_DELAY="60000")
    ask(address, "/v1/models/mood/predict", b'{"text": "good"}')
    process.terminate()
    process.wait(20)
    assert len(collector[2]) == 2

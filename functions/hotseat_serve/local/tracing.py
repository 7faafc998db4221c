"""Traces by OpenTelemetry: a span for each request, and one for its model.

Both are made once the answer is ready, from the times that the request noted, so a
request that is not sampled costs little. The caller's ``traceparent`` (W3C Trace
Context) is the parent. Exporter, sampler and resource follow OpenTelemetry's own
variables (``OTEL_EXPORTER_OTLP_ENDPOINT``, ``OTEL_TRACES_SAMPLER``, ...).
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import (
    TraceContextTextMapPropagator,
)

from hotseat_serve.api.messages import Answer, Request
from hotseat_serve.api.route_templates import OTHER, template_of
from hotseat_serve.api.telemetry import OTHER_METHOD, method_of
from hotseat_serve.kinds.request_context import RequestContext

_BEFORE_RUN = ("load", "read")
_PARENT = "traceparent"
_W3C = TraceContextTextMapPropagator()


class Tracing:
    """Makes spans: an `Observer`. Create it after the fork: it starts a thread."""

    def __init__(
        self,
        processor: SpanProcessor | None = None,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        resource = Resource.create()
        if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
            resource = resource.merge(Resource({SERVICE_NAME: "hotseat"}))
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(
            processor or BatchSpanProcessor(OTLPSpanExporter())
        )
        self._tracer = self._provider.get_tracer("hotseat_serve")
        self._now = now

    def request(
        self, request: Request, context: RequestContext, answer: Answer
    ) -> None:
        """Make the spans of a request (semantic conventions for HTTP 1.23)."""
        end = self._now()
        start = end - (context.clock() - context.started)
        route, method = template_of(request.path), method_of(request.method)
        attributes: dict[str, Any] = {
            "http.request.method": method,
            "http.response.status_code": answer.status,
            "hotseat.request_id": request.request_id,
        }
        if route != OTHER:
            attributes["http.route"] = route
        if context.version:
            attributes |= {
                "hotseat.model": context.model,
                "hotseat.version": context.version,
                "hotseat.variant": context.variant,
                "hotseat.rows": context.rows,
            }
        if context.problem_code:
            attributes["error.type"] = context.problem_code
        verb = "HTTP" if method == OTHER_METHOD else method
        span = self._tracer.start_span(
            verb if route == OTHER else f"{verb} {route}",
            # tracestate holds what other vendors wrote, or anything else
            context=_W3C.extract({_PARENT: request.headers.get(_PARENT, "")}),
            kind=SpanKind.SERVER,
            attributes=attributes,
            start_time=start,
        )
        if span.is_recording():
            if answer.status >= 500:
                span.set_status(Status(StatusCode.ERROR))
            if "run" in context.stages:
                began = start + sum(context.stages.get(s, 0) for s in _BEFORE_RUN)
                run = self._tracer.start_span(
                    "model",
                    context=set_span_in_context(span),
                    attributes={"hotseat.model": context.model},
                    start_time=began,
                )
                run.end(began + context.stages["run"])
        span.end(end)

    def event(self, name: str, fields: Mapping[str, Any]) -> None:
        """Ignore what is no request."""

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()

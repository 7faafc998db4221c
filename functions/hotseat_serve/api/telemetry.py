"""Write one JSON line for each request: its log and its metrics.

The line is CloudWatch's embedded metric format (docs.aws.amazon.com, "Specification:
Embedded metric format"): CloudWatch derives metrics from it, without a further request.
It contains the shape of inputs only with sampling; a player's id only as a keyed
pseudonym. Of the caller's texts it has the method and the route, secrets masked.
"""

import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from hotseat_registry.dataclass import dataclass, field
from hotseat_serve.api.messages import Answer, Request
from hotseat_serve.kinds.request_context import RequestContext
from hotseat_serve.limits import extent

if TYPE_CHECKING:
    from hotseat_serve.privacy.pseudonyms import Pseudonyms

NAMESPACE = "Hotseat"
# version-format, trace-id, parent-id, flags: www.w3.org/TR/trace-context
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}\Z")
_CONTROL = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}
_MAX_SAMPLED = 32_000
"""Characters and elements of logged inputs, at most; CloudWatch's limit is 256 kB for
each line."""
_ROUTE_LENGTH = 200
"""Characters of a route in the log."""
_PLAIN_ROUTE = re.compile(r"[a-z/_-]*(?:\d{1,4}[a-z/_-]+)*\d{0,4}(?::[a-z]+)?\Z")
_MILLISECONDS = {"Unit": "Milliseconds"}
_COUNT = {"Unit": "Count"}
_REQUEST = {
    "Dimensions": [["model"], ["model", "version", "variant"]],
    "Metrics": [
        *({"Name": name, **_MILLISECONDS}
          for name in ("latency", "load", "read", "run", "write")),
        *({"Name": name, **_COUNT} for name in ("requests", "errors", "cold")),
    ],
}  # fmt: skip

_BY_FUNCTION = {
    "Dimensions": [["model", "function_version"]],
    "Metrics": [{"Name": name, **_COUNT} for name in ("requests", "errors")],
}
"""By the version of Lambda's function, which a canary's alarm reads."""


def trace_of(headers: Mapping[str, str]) -> str | None:
    """Return the caller's traceparent if it is valid."""
    traceparent = headers.get("traceparent")
    return traceparent if traceparent and _TRACEPARENT.match(traceparent) else None


def to_stdout(line: bytes) -> None:
    """Write a line to the output that Lambda and container runtimes read."""
    text = line.decode()
    if not text.isascii() or "\x7f" in text:
        text = text.translate(_CONTROL)  # JSON escapes only those under 32
    sys.stdout.write(text + "\n")


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Writes a line for each request. `env` is the environment, for X-Ray's id."""

    env: Mapping[str, str]
    write: Callable[[bytes], None] = to_stdout
    namespace: str = NAMESPACE
    sample: float = 0.0
    pseudonyms: "Pseudonyms | None" = None
    random: Callable[[], float] = lambda: 1.0
    now: Callable[[], float] = time.time
    _function_version: str | None = field(init=False)
    _metrics: Sequence[Mapping[str, Any]] = field(init=False)
    """The metrics that CloudWatch derives from each request's line."""

    def __post_init__(self) -> None:
        """Read what is the same for all requests."""
        version = self.env.get("AWS_LAMBDA_FUNCTION_VERSION")
        by_function = [_BY_FUNCTION] if version else []
        metrics = [
            {"Namespace": self.namespace, **item} for item in (_REQUEST, *by_function)
        ]
        object.__setattr__(self, "_function_version", version)
        object.__setattr__(self, "_metrics", metrics)

    def request(
        self, request: Request, context: RequestContext, answer: Answer
    ) -> None:
        """Write the line of a request."""
        stages = context.stages
        # a caller's own deadline must not raise an alarm
        is_service_fault = (
            answer.status >= 500 and context.problem_code != "deadline_exceeded"
        )
        line: dict[str, Any] = {
            "_aws": {
                "Timestamp": int(self.now() * 1000),
                "CloudWatchMetrics": self._metrics,
            },
            "level": "ERROR" if is_service_fault else "INFO",
            "message": "request",
            "request_id": request.request_id,
            "method": method_of(request.method),
            "route": _route(context.route),
            "status": answer.status,
            "model": context.model or "-",
            "version": str(context.version or "-"),
            "variant": context.variant or "-",
            "rows": context.rows,
            "latency": (context.clock() - context.started) / 1e6,
            "requests": 1,
            "errors": int(is_service_fault),
            "cold": int(context.cold),
        }
        for stage in ("load", "read", "run", "write"):
            if stage in stages:
                line[stage] = stages[stage] / 1e6
        if context.problem_code:
            line["code"] = context.problem_code
        if context.warnings.count:
            line["warnings"] = context.warnings.count
        if self._function_version:
            line["function_version"] = self._function_version
        trace = trace_of(request.headers)
        if trace is not None:
            line["trace_id"] = trace[3:35]
        xray = request.trace_id or self.env.get("_X_AMZN_TRACE_ID")
        if xray:
            line["xray_trace_id"] = xray
        if context.player and self.pseudonyms is not None:
            game = context.game or self.namespace
            line["player"] = self.pseudonyms.of(context.player, game)
        if self.sample and context.inputs is not None and self.random() < self.sample:
            line["inputs"] = self._shape(context)
        self.write(orjson.dumps(line))

    def _shape(self, context: RequestContext) -> Any:
        if context.signature is None:
            return "no version answered"
        if extent(context.inputs, _MAX_SAMPLED) > _MAX_SAMPLED:
            return "too large to be logged"
        # late: most stages sample nothing
        from hotseat_serve.privacy.shape import shape

        return shape(context.signature, context.inputs)

    def event(self, name: str, fields: Mapping[str, Any]) -> None:
        """Write an event outside a request, as a metric of count 1."""
        metric = {
            "Namespace": self.namespace,
            "Dimensions": [["model"]],
            "Metrics": [{"Name": name, **_COUNT}],
        }
        line = {
            "_aws": {
                "Timestamp": int(self.now() * 1000),
                "CloudWatchMetrics": [metric],
            },
            "level": "INFO" if name in _NEWS else "ERROR",
            "message": name,
            name: 1,
            **fields,
        }
        self.write(orjson.dumps(line))


OTHER_METHOD = "_OTHER"
_METHODS = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", ""}
)  # fmt: skip
_NEWS = frozenset({"version_changed", "version_decrypted"})
"""Events that are no fault."""


def method_of(method: str) -> str:
    """Return a request's method for logs and spans; `OTHER_METHOD` for an unknown one.

    OpenTelemetry's semantic conventions ask for that ("HTTP server"): any text may be
    sent as a method.
    """
    return method if method in _METHODS else OTHER_METHOD


def _short(text: str) -> str:
    """Return a caller's text for a log line: short, without surrogates."""
    return text[:_ROUTE_LENGTH].encode("utf-8", "replace").decode()


def _route(path: str) -> str:
    """Return a path for a log line; a part that looks like a secret is masked."""
    short = _short(path)
    if _PLAIN_ROUTE.match(short):
        return short
    from urllib.parse import unquote  # late

    from hotseat_serve.privacy.recognisers import mask

    return "/".join(mask(unquote(part)) for part in short.split("/"))

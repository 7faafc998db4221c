"""Convert Lambda's HTTP events to requests, and answers to responses.

Six sources send such events: a REST API (payload 1.0), an HTTP API (1.0 or 2.0), a
function URL (2.0), a load balancer with or without multi-value headers, and VPC Lattice
(1, 2).

Shapes: docs.aws.amazon.com/apigateway, "Lambda proxy integrations for REST APIs" and
"Create AWS Lambda proxy integrations for HTTP APIs"; docs.aws.amazon.com/lambda,
"Invoking Lambda function URLs"; docs.aws.amazon.com/elasticloadbalancing, "Use Lambda
functions as targets of an Application Load Balancer"; docs.aws.amazon.com/vpc-lattice,
"Lambda functions as targets in VPC Lattice".

An HTTP API decodes the path, the other sources do not. Names of models, versions and
files contain no ``%``, so the router can decode both without ambiguity.
"""

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import orjson
import pybase64

from hotseat_serve.access.gateway_caller import caller_of
from hotseat_serve.adapters.event_headers import headers_in
from hotseat_serve.adapters.response_stream import ResponseStream
from hotseat_serve.api.answer_size import (
    fits_balancer,
    fits_direct,
    fits_lambda,
    is_text,
)
from hotseat_serve.api.messages import PAGES, Answer, Request, strip_base_path
from hotseat_serve.problems import MEDIA_TYPE, Problem

if TYPE_CHECKING:
    from collections.abc import Callable

_API_PATHS = ("/v1/", "/v2", "/model-service", *PAGES)
_MAX_SEGMENTS = 16  # segments of a path mapping, at most
_WARMUP_SOURCES = ("serverless-plugin-warmup", "aws.events", "aws.scheduler")


def parse_event(
    event: Any,
    request_id: str,
    remaining_ms: float | None = None,
    base_path: str = "",
    *,
    streams: bool = False,
    trace_id: str = "",
) -> Request | None:
    """Return the request in an event, or None if it is no HTTP event. Never raises.

    `remaining_ms` is the platform's remaining time for this invocation, in
    milliseconds. `base_path` is the path of the API at the front. An unreadable event
    becomes a request with a `fault`. `streams` says whether answers are streamed;
    `trace_id` is X-Ray's header.
    """
    context = event.get("requestContext") if isinstance(event, dict) else None
    if not isinstance(context, dict):
        if not (isinstance(event, dict) and "is_base64_encoded" in event):
            return None
        event = _of_lattice(event)
        context = event["requestContext"]
    fits: Callable[[Answer], None] | None = fits_lambda
    streams = streams and can_stream(event)
    if streams:
        fits = None
    elif "elb" in context:
        fits = fits_balancer
    method_and_path = _method_and_path(event, context)
    if method_and_path is None:
        if "connectionId" not in context:
            return None
        why = Problem("not_found", "WebSocket events are not supported: use HTTP")
        return Request("", "/", b"", {}, request_id, remaining_ms, fault=why, fits=fits)
    method, path = method_and_path
    if base_path:
        path = strip_base_path(path, base_path)
    fault: Problem | None = None
    if not isinstance(method, str) or not method:
        fault = Problem("method_not_allowed", "the event names no HTTP method")
        method = ""
    try:
        body = _body(event)
    except Problem as problem:
        body, fault = b"", fault or problem
    return Request(
        method.upper(),
        path,
        body,
        headers_in(event),
        request_id,
        remaining_ms,
        None,
        fault,
        fits,
        caller_of(context)
        if "authorizer" in context or "identity" in context
        else None,
        streams,
        trace_id,
    )


def _method_and_path(
    event: dict[str, Any], context: dict[str, Any]
) -> tuple[Any, str] | None:
    """Return the method and the path inside the API, or None without them."""
    if "http" in context:
        http, template = context["http"], event.get("routeKey")
        if template == "$default" or not isinstance(template, str):
            template = None
        else:  # such as "ANY /v1/{proxy+}"
            template = template.partition(" ")[2]
        path = _path(event, context, event.get("rawPath"), template, staged=True)
        return http.get("method") if isinstance(http, dict) else None, path
    if "httpMethod" in event:
        # of the two sources of payload 1.0, only an HTTP API names the version
        staged, template = "version" in event, event.get("resource")
        path = _path(event, context, event.get("path"), template, staged=staged)
        return event["httpMethod"], path
    if "serviceNetworkArn" in context:
        target = event.get("path")
        path = target.partition("?")[0] if isinstance(target, str) else "/"
        return event.get("method"), path
    return None


def _of_lattice(event: dict[str, Any]) -> dict[str, Any]:
    """Convert a VPC Lattice event of version 1 to version 2."""
    return {
        **event,
        "path": event.get("raw_path"),
        "isBase64Encoded": event["is_base64_encoded"],
        "requestContext": {"serviceNetworkArn": ""},
    }


def _path(
    event: dict[str, Any],
    context: dict[str, Any],
    path: Any,
    template: Any,
    *,
    staged: bool,
) -> str:
    """Return the path inside the API, without a domain's path mapping or the stage.

    A REST API behind a custom domain sends the mapping before the path; an HTTP API's
    path begins with its stage, and with some mappings too. The matched route shows
    where the API's own path begins; without one, the stage name is removed.
    """
    if not isinstance(path, str) or not path:
        return "/"
    if isinstance(template, str) and template[:1] == "/":
        inside = _matched(path, template, event.get("pathParameters"))
        if inside is not None:
            return inside
    stage = context.get("stage")
    if staged and isinstance(stage, str) and stage != "$default":
        inside = strip_base_path(path, stage)
        # a stage may be named v1, and its mapping may already have removed it
        if inside.startswith(_API_PATHS) or not path.startswith(_API_PATHS):
            return inside
    return path


def _matched(path: str, template: str, parameters: Any) -> str | None:
    """Return the end of `path` that a route's template matched, or None.

    ``/{proxy+}`` with ``proxy`` = ``v1/models`` matched all but the start of
    ``/ml/v1/models``.
    """
    if "{" in template:
        if not isinstance(parameters, dict):
            return None
        for name, value in parameters.items():
            if not isinstance(value, str):
                return None
            template = template.replace(f"{{{name}+}}", value)
            template = template.replace(f"{{{name}}}", value)
    if path == template:
        return path
    template, start = unquote(template).rstrip("/"), 0
    for _ in range(_MAX_SEGMENTS):
        if unquote(path[start:]).rstrip("/") == template:
            return path[start:]
        start = path.find("/", start + 1)
        if start < 0:
            break
    return None


def _body(event: dict[str, Any]) -> bytes:
    """Return the body's bytes; raises `Problem` if they are damaged."""
    body = event.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):  # a test event whose JSON body is not a string
        return _json(body)
    encoded = event.get("isBase64Encoded")
    if encoded and str(encoded).lower() == "true":
        try:
            return pybase64.b64decode(body, validate=True)
        except ValueError:
            pass
        try:  # RFC 2045 breaks lines
            return pybase64.b64decode("".join(body.split()), validate=True)
        except ValueError as error:
            raise Problem(
                "invalid_json", f"isBase64Encoded is true, the body is not: {error}"
            ) from None
    return body.encode("utf-8", "surrogatepass")


def _json(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError as error:  # a number over 64 bits, half of a surrogate pair
        raise Problem("invalid_json", f"the body is not JSON: {error}") from None


def is_warmup(event: Any) -> bool:
    """Return whether an event only keeps the function warm.

    These are empty events, EventBridge schedules, and the events of
    serverless-plugin-warmup and lambda-warmer.
    """
    if event is None or event in ({}, [], ""):
        return True
    if not isinstance(event, dict) or "requestContext" in event:
        return False
    inner = event.get("Event")
    sources = [event, inner] if isinstance(inner, dict) else [event]
    if any(
        source_event.get("source") == _WARMUP_SOURCES[0]
        or (
            source_event.get("source") in _WARMUP_SOURCES
            and "detail-type" in source_event
        )
        for source_event in sources
    ):
        return True
    return event.get("warmer") is True and "input" not in event


def parse_direct_invocation(
    event: Any, request_id: str, remaining_ms: float | None = None
) -> Request:
    """Return the request in a direct invocation. Never raises.

    The event is the request's body; its ``model`` and ``version`` select the version.
    """
    path, fault = "/model-service", None
    if isinstance(event, dict) and isinstance(event.get("model"), str):
        path = f"/v1/models/{_segment(event['model'])}"
        if "version" in event:
            path += f"/versions/{_segment(str(event['version']))}"
        path += "/predict"
        event = {k: v for k, v in event.items() if k not in {"model", "version"}}
    try:
        body = _json(event)
    except Problem as problem:
        body, fault = b"", problem
    return Request(
        "POST", path, body, {}, request_id, remaining_ms, None, fault, fits_direct
    )


def _segment(name: str) -> str:
    """Quote a name as one path segment; an empty name stays a segment."""
    return quote(name.encode("utf-8", "replace"), safe="") or "%20"


def to_response(answer: Answer, event: Any = None) -> dict[str, Any]:
    """Return an answer in the format that the source of `event` expects."""
    headers, is_text_body = dict(answer.headers), is_text(answer)
    if is_text_body:
        try:
            body = answer.body.decode()
        except UnicodeDecodeError:
            is_text_body = False
    if not is_text_body:
        body = pybase64.b64encode(answer.body).decode()
    response: dict[str, Any] = {
        "statusCode": answer.status,
        "headers": headers,
        "body": body,
        "isBase64Encoded": not is_text_body,
    }
    if event is None:
        return response
    context, lists = event.get("requestContext"), event.get("multiValueHeaders")
    balancer = isinstance(context, dict) and "elb" in context
    if lists is not None and (balancer or not event.get("headers")):
        # a load balancer with multi-value headers accepts no others
        del response["headers"]
        response["multiValueHeaders"] = {k: [v] for k, v in headers.items()}
    if balancer:
        from http import HTTPStatus  # late: only load balancers need it

        phrase = HTTPStatus(answer.status).phrase
        response["statusDescription"] = f"{answer.status} {phrase}"
    return response


def can_stream(event: Any) -> bool:
    """Whether an event's source takes answers in pieces.

    REST APIs and function URLs do, if so configured; HTTP APIs, load balancers and VPC
    Lattice never do.
    """
    context = event.get("requestContext")
    if not isinstance(context, dict) or "elb" in context:
        return False
    if "http" in context:
        return ".lambda-url." in str(context.get("domainName"))
    return "httpMethod" in event and "version" not in event


def to_stream(answer: Answer) -> ResponseStream:
    """Return an answer as REST APIs and function URLs take it in pieces."""
    headers = {k: v for k, v in answer.headers.items() if k != "content-length"}
    prelude = orjson.dumps({"statusCode": answer.status, "headers": headers})
    chunks = answer.chunks
    if chunks is None:
        chunks = iter((answer.body,)) if answer.body else iter(())
    return ResponseStream(prelude, chunks)


def error_response(
    event: Any, request_id: str, *, streams: bool = False
) -> dict[str, Any] | ResponseStream:
    """Return the answer to an event that the adapter failed to process."""
    detail = "the service failed; its log says why under this request_id"
    document = Problem("internal", detail).to_json(request_id)
    if not isinstance(event, dict) or "requestContext" not in event:
        return document
    answer = Answer(500, orjson.dumps(document), {"content-type": MEDIA_TYPE})
    if streams and can_stream(event):
        return to_stream(answer)
    return to_response(answer, event)


def path_prefix(event: dict[str, Any], path: str) -> str:
    """Return the part before `path` in the address that the caller used."""
    context = event.get("requestContext") or {}
    http = context.get("http")
    full = http.get("path") if isinstance(http, dict) else context.get("path")
    if isinstance(full, str) and full.endswith(path):
        return full.removesuffix(path)
    return ""

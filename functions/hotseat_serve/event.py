"""API Gateway's events, version 1 (REST) and 2 (HTTP, function URLs), and back.

Shapes: docs.aws.amazon.com/apigateway, "Lambda proxy integrations for REST APIs" and
"Lambda proxy integrations for HTTP APIs".
"""

from collections.abc import Mapping
from typing import Any

import orjson
import pybase64

from hotseat_serve.request import Answer, Request


def read(
    event: Mapping[str, Any], request_id: str, left: float | None = None
) -> Request | None:
    """Return the request in an event, or None where it is no HTTP event.

    `left` are the milliseconds that the platform gives this invocation.
    """
    context = event.get("requestContext")
    if not isinstance(context, Mapping):
        return None
    if "http" in context:
        method, path = context["http"]["method"], event.get("rawPath") or "/"
        stage = context.get("stage", "$default")
        if stage != "$default":  # of an HTTP API's event only, the path has the stage
            path = path.removeprefix(f"/{stage}")
    elif "httpMethod" in event:
        method, path = event["httpMethod"], event.get("path") or "/"
    else:
        return None
    headers = {k.lower(): v for k, v in (event.get("headers") or {}).items()}
    body = event.get("body") or ""
    if event.get("isBase64Encoded"):
        data = pybase64.b64decode(body)
    else:
        data = body.encode("utf-8", "surrogatepass")
    return Request(method, path, data, headers, request_id, left)


def direct(event: Any, request_id: str, left: float | None = None) -> Request:
    """Return the request in a direct invocation.

    The event is what would be the body; ``model`` and ``version`` in it select.
    """
    path = "/model-service"
    if isinstance(event, Mapping) and isinstance(event.get("model"), str):
        path = f"/v1/models/{event['model']}"
        if "version" in event:
            path += f"/versions/{event['version']}"
        path += "/predict"
        event = {k: v for k, v in event.items() if k not in {"model", "version"}}
    return Request("POST", path, orjson.dumps(event), {}, request_id, left)


def write(answer: Answer) -> dict[str, Any]:
    """Return an answer as API Gateway takes it."""
    headers = dict(answer.headers)
    kind = headers.get("content-type", "")
    text = "json" in kind and "content-encoding" not in headers
    body = answer.body.decode() if text else pybase64.b64encode(answer.body).decode()
    return {
        "statusCode": answer.status,
        "headers": headers,
        "body": body,
        "isBase64Encoded": not text,
    }

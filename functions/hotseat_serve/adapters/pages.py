"""Render FastAPI's pages without a server, one request at a time."""

import asyncio
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from hotseat_serve.api.messages import Answer, Request

if TYPE_CHECKING:
    from fastapi import FastAPI


def render(app: "FastAPI", request: Request, root_path: str = "") -> Answer:
    """Return the application's answer (ASGI 3.0, asgi.readthedocs.io).

    `root_path` is the part before the path in the browser's address; the viewer needs
    it to find the document.
    """
    status, headers, body = 500, {}, bytearray()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": request.body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status = message["status"]
            headers = {
                name.decode("latin-1"): value.decode("latin-1")
                for name, value in message["headers"]
            }
        else:
            body.extend(message.get("body", b""))

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "https",
        "path": unquote(request.path),
        "raw_path": request.path.encode("utf-8", "replace"),
        "query_string": b"",
        "root_path": root_path,
        "headers": [
            (name.encode("utf-8", "replace"), value.encode("utf-8", "replace"))
            for name, value in request.headers.items()
        ],
        "server": None,
        "client": None,
    }
    asyncio.run(app(scope, receive, send))
    headers.pop("content-length", None)  # the caller sets the length
    return Answer(status, bytes(body), headers)

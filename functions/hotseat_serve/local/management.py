"""The management port: health and metrics, answered by a process of its own.

It shares no thread, no queue and no connection limit with the API, so it answers while
the workers are overloaded. ASGI (asgi.readthedocs.io, HTTP).
"""

from collections.abc import Callable

import orjson

from hotseat_serve.adapters.asgi import Receive, Scope, Send
from hotseat_serve.local.worker_table import WorkerTable

LIVE, READY, METRICS = "/v2/health/live", "/v2/health/ready", "/metrics"
_JSON = "application/json"
_NO_METRICS = (
    b"metrics need a package: pip install 'hotseat-platform[metrics]', then restart"
)

Exposition = Callable[[str], tuple[bytes, str]]
"""Returns metrics and their content type for an Accept header."""


class Management:
    """Answers health from the workers' reports, and metrics if `exposition` is set."""

    def __init__(
        self,
        table: WorkerTable,
        exposition: Exposition | None,
        accepts_host: Callable[[str], bool] = lambda _host: True,
    ) -> None:
        self._table, self._exposition = table, exposition
        self._accepts_host = accepts_host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1003})
            return
        status, body, kind = self._answer(scope)
        headers = [
            (b"content-type", kind.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
        ]
        await send(
            {"type": "http.response.start", "status": status, "headers": headers}
        )
        body = b"" if scope["method"] == "HEAD" else body
        await send({"type": "http.response.body", "body": body})

    def _answer(self, scope: Scope) -> tuple[int, bytes, str]:
        """Return status, body and content type."""
        headers = dict(scope["headers"])
        if not self._accepts_host(headers.get(b"host", b"").decode("latin-1")):
            return 403, b"the Host header is no address of this server", "text/plain"
        path = scope["path"].rstrip("/")
        if path not in {LIVE, READY, METRICS}:
            paths = {"paths": [LIVE, READY, METRICS]}
            return 404, orjson.dumps(paths), _JSON
        if scope["method"] not in {"GET", "HEAD"}:
            return 405, b"", _JSON
        if path == METRICS:
            if self._exposition is None:
                return 501, _NO_METRICS, "text/plain"
            accepted = headers.get(b"accept", b"").decode("latin-1")
            return 200, *self._exposition(accepted)
        workers = self._table.fresh()
        ready = any(worker.is_ready for worker in workers)
        good = ready if path == READY else bool(workers)
        body = {"live": bool(workers), "ready": ready, "workers": len(workers)}
        return 200 if good else 503, orjson.dumps(body), _JSON


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return

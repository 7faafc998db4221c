"""The playground's server: the page, moves of live, and the service itself.

One origin for all, so that the page needs no CORS and its Content-Security-Policy
allows nothing else.
"""

import gc
import json
import socket
import threading
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from hotseat_registry import LIVE, Reference, Registry, open_registry
from hotseat_registry.errors import RegistryError
from hotseat_serve.adapters.asgi import Application, Receive, Scope, Send
from hotseat_serve.adapters.bounded_server import Limits, Server
from hotseat_serve.adapters.host_rule import is_own_host
from hotseat_serve.api.factory import create_router
from hotseat_serve.settings import Settings
from hotseat_train.playground.parts import Part, plug_in

PAGE = Path(__file__).parent / "page"
VENDOR = PAGE / "vendor"
"""Made by `make playground`: the TypeScript SDK, and onnxruntime-web for the device."""
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
}
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
MEMORY_MB = 1769
"""Lambda's size with one whole core, for the cost of an answer."""
_BY = "a player of the playground"


class Playground:
    """An ASGI application: the page under ``/``, moves under ``/play``, the API."""

    def __init__(
        self, service: Application, registry: Registry, parts: Mapping[str, Part]
    ) -> None:
        self._service = service
        self._registry = registry
        self._parts = parts
        self._price = price()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope.get("path", "")
        if scope["type"] != "http" or path.startswith(("/v1", "/v2", "/model-service")):
            await self._service(scope, receive, send)
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        if not is_own_host(headers.get(b"host", b"").decode("latin-1")):
            await _answer(send, 403, b"another host", "text/plain")
        elif path == "/play/models":
            await _json(send, 200, self._models())
        elif path.startswith("/play/") and scope["method"] == "POST":
            # a header that no form sends: only the page's own scripts can move live
            own = headers.get(b"x-hotseat-playground") == b"1"
            status, body = (
                self._move(path) if own else (403, {"detail": "not the page"})
            )
            await _json(send, status, body)
        else:
            await self._file(path, send)

    def _models(self) -> dict[str, Any]:
        """Return models' versions, live ones and kinds, the price, and more parts."""
        models = {
            model: {
                "versions": self._registry.versions(model),
                "live": self._registry.aliases(model).get("live"),
                "kind": self._kind(model),
            }
            for model in self._registry.models()
        }
        return {"models": models, "price": self._price, "parts": [*self._parts]}

    def _kind(self, model: str) -> str | None:
        try:
            return self._registry.resolve(Reference(model, alias=LIVE)).kind
        except RegistryError:  # nothing is live yet
            return None

    def _move(self, path: str) -> tuple[int, dict[str, Any]]:
        """Do ``/play/promote/MODEL/VERSION`` or ``/play/rollback/MODEL``."""
        try:
            match path.split("/")[2:]:
                case ["promote", model, number] if number.isdigit():
                    self._registry.promote(
                        Reference(model, version=int(number)), by=_BY, because="played"
                    )
                case ["rollback", model]:
                    self._registry.rollback(model, by=_BY, because="played")
                case _:
                    return 404, {"detail": "no such move"}
        except (RegistryError, ValueError) as error:
            return 409, {"detail": str(error)}
        return 200, self._models()

    async def _file(self, path: str, send: Send) -> None:
        """Send a file of the page."""
        name = path.removeprefix("/") or "index.html"
        plugged = self._parts.get(name.removeprefix("plugged/").removesuffix(".js"))
        if plugged and name.startswith("plugged/") and name.endswith(".js"):
            await _answer(send, 200, plugged.script.read_bytes(), TYPES[".js"])
            return
        file = (PAGE / name).resolve()
        known = file.suffix in TYPES and file.is_relative_to(PAGE) and file.is_file()
        if not known:
            await _answer(send, 404, b"no such file", "text/plain")
            return
        await _answer(send, 200, file.read_bytes(), TYPES[file.suffix])


def price() -> dict[str, float] | None:
    """Return the dollars of a request and of a millisecond, if prices are installed."""
    for entry in entry_points(group="hotseat.prices"):
        try:
            cost = entry.load()
        except ImportError:  # of another release, or without its packages
            continue
        one, two = cost(1)[MEMORY_MB], cost(2)[MEMORY_MB]
        return {"request": (2 * one - two) / 1e6, "millisecond": (two - one) / 1e6}
    return None


def run(
    registry_uri: str, cache: Path, port: int, opened: Callable[[str], None]
) -> int:
    """Serve until Ctrl-C; `opened` is called with the address."""
    registry = open_registry(registry_uri)
    parts = plug_in(registry)
    settings = Settings(
        registry=registry_uri, cache=str(cache), downloads="*", refresh_seconds=0.5,
        log=False,
    )  # fmt: skip
    router = create_router(settings)
    service = Application(router, accepts_host=is_own_host)
    server = Server(Playground(service, registry, parts), Limits())
    service.is_crowded = lambda: server.is_crowded
    with socket.socket(socket.AF_INET, proto=socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
        opened(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        # beside the start: the first answer of each model is then quick
        threading.Thread(target=_warm, args=(router,), daemon=True).start()
        gc.freeze()
        server.run(sockets=[listener])
    return 0


def _warm(router: Any) -> None:
    for model in router.registry.models():
        router.models.get(Reference(model, alias=LIVE))


async def _json(send: Send, status: int, body: object) -> None:
    await _answer(send, status, json.dumps(body).encode(), "application/json")


async def _answer(send: Send, status: int, body: bytes, kind: str) -> None:
    headers = {
        "content-type": kind,
        "content-length": str(len(body)),
        "content-security-policy": POLICY,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-cache",
    }
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})

"""The ASGI adapter: serves the API on any ASGI server (asgi.readthedocs.io, HTTP).

The event loop reads, refuses and sends. Models run in a thread pool, so requests that
need no model are answered meanwhile. The event loop itself makes only answers that take
less time than handing them to a thread (`quick_routes`). FastAPI is imported only for
its pages.
"""

import asyncio
import logging
import os
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hotseat_serve.adapters.quick_routes import QuickRoutes
from hotseat_serve.api.messages import (
    PAGES,
    Answer,
    Request,
    close_chunks,
    strip_base_path,
    too_large,
)
from hotseat_serve.api.router import Router
from hotseat_serve.problems import Problem

if TYPE_CHECKING:
    from fastapi import FastAPI

log = logging.getLogger("hotseat.serve")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

FULL = "too many requests at once; try again"
LIVENESS_PATHS = frozenset({"/v2", "/v2/health/live"})
"""Answered on the event loop, because they use neither model nor registry."""
_ID = re.compile(r"[A-Za-z0-9._-]{1,128}\Z")
_PROBES = 2  # threads for /ready, separate from those for models
_FOREIGN_HOST = (
    "the Host header is no address of this server; hotseat serve --open accepts any"
)
_WITHOUT_BODY = frozenset({204, 304})


class ClientDisconnectedError(Exception):
    """The client disconnected before its request was complete."""


def default_threads() -> int:
    """Return the default number of parallel requests: one per core, from 2 to 8."""
    return max(2, min(8, os.cpu_count() or 1))


def headers_of(scope: Scope) -> dict[str, str]:
    """Return the headers; repeated ones are joined (RFC 9110, 5.3)."""
    pairs = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in scope["headers"]]
    headers = dict(pairs)
    if len(headers) < len(pairs):
        joined: dict[str, list[str]] = {}
        for name, value in pairs:
            joined.setdefault(name, []).append(value)
        headers = {
            name: ("; " if name == "cookie" else ", ").join(values)
            for name, values in joined.items()
        }
    return headers


def path_of(scope: Scope, base: str = "") -> str:
    """Return the percent-encoded path without query and `base`."""
    raw = scope.get("raw_path") or scope["path"].encode("utf-8", "replace")
    path: str = raw.decode("latin-1").partition("?")[0]
    if path[:1] != "/" and "://" in path:  # absolute form, as a proxy sends it
        path = "/" + path.partition("://")[2].partition("/")[2]
    return strip_base_path(path, base) if base else path


def request_id_of(headers: Mapping[str, str]) -> str:
    """Return the caller's X-Request-Id if it is safe, else a new one.

    It goes into logs and answers: 1 to 128 of ``A-Z a-z 0-9 . _ -``.
    """
    request_id = headers.get("x-request-id", "")
    return request_id if _ID.match(request_id) else uuid.uuid4().hex


class Application:
    """An ASGI 3.0 application that serves a router.

    `threads` answer at once, of which `parallel` (by default all) run a model while the
    others wait to be joined with them; `waiting` is the limit of requests in progress,
    including those that wait for a thread: further ones are refused with 503 and
    Retry-After. `is_crowded` returns whether the server has too many connections,
    `accepts_host` whether to answer a request with this Host header.
    """

    def __init__(
        self,
        router: Router,
        *,
        threads: int = 0,
        parallel: int = 0,
        waiting: int = 256,
        is_crowded: Callable[[], bool] = lambda: False,
        accepts_host: Callable[[str], bool] = lambda _host: True,
    ) -> None:
        self.router = router
        self._accepts_host = accepts_host
        self._waiting = waiting
        self.is_crowded = is_crowded
        self._running = 0
        # checks of tokens may read keys and limits
        self._quick = (
            QuickRoutes(router.models.may_wait)
            if router.settings.access != "tokens"
            else None
        )
        threads = threads or default_threads()
        self._parallel, self._in_pool = parallel or threads, 0
        self._pool = ThreadPoolExecutor(threads, "hotseat-answer")
        # a text holds its model until its end: its pieces must not wait for a thread
        # behind requests that wait for that model
        self._streams = ThreadPoolExecutor(threads, "hotseat-stream")
        self._probes = ThreadPoolExecutor(_PROBES, "hotseat-probe")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; never raises, except on cancellation."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] != "http":  # a WebSocket: closing it unopened is a 403
            await send({"type": "websocket.close", "code": 1003})
            return
        settings = self.router.settings
        path = path_of(scope, settings.base_path)
        request = request_head(scope, path, self.router.clock())
        if not self._accepts_host(request.headers.get("host", "")):
            problem = Problem("forbidden", _FOREIGN_HOST)
            await _send(send, self._faulty(request, problem))
            return
        if path.startswith(PAGES):
            await self._page(scope, path, receive, send)
            return
        try:
            answer = await self._answer(request, receive)
        except ClientDisconnectedError:
            return
        except asyncio.CancelledError:  # the server's time to stop is over
            answer = self._refused(request, "the server is stopping; try again")
        except Exception:
            log.exception("request %s failed", request.request_id)
            detail = "the service failed; its log says why under this request_id"
            answer = self._faulty(request, Problem("internal", detail))
        if answer.chunks is None:
            await _send(send, answer)
        else:
            await self._send_chunks(answer, answer.chunks, receive, send)

    async def _send_chunks(
        self, answer: Answer, chunks: Iterator[bytes], receive: Receive, send: Send
    ) -> None:
        """Send an answer in pieces, which are made in threads of their own.

        It ends early when the client is gone. After a failure of the iterator the body
        stays incomplete, and the server closes the connection: the status has been
        sent, and the client must not take the pieces for the whole.
        """
        loop = asyncio.get_running_loop()
        gone = asyncio.ensure_future(receive())  # the next message is the disconnect
        try:
            await send(_start_of(answer))
            while not gone.done():
                chunk = await loop.run_in_executor(self._streams, next, chunks, None)
                if chunk is None:
                    await send({"type": "http.response.body"})
                    return
                await send(
                    {"type": "http.response.body", "body": chunk, "more_body": True}
                )
        except Exception:
            log.exception("request %s broke off", answer.headers.get("x-request-id"))
        finally:
            gone.cancel()
            await loop.run_in_executor(self._streams, close_chunks, answer)

    async def _answer(self, request: Request, receive: Receive) -> Answer:
        router = self.router
        if (request.path.rstrip("/") or "/") in LIVENESS_PATHS:
            return router.answer(request)
        if self.is_full():
            return self._refused(request, FULL)
        self._running += 1
        try:
            request = await with_body(request, receive, router.settings.max_body_bytes)
            if request.fault is not None:
                return router.answer(request)
            quick = self._quick
            if quick is not None and quick.is_quick(request.path, request.body):
                answer, nanoseconds = self._timed(request)
            else:
                answer, nanoseconds = await self._in_thread(request)
            if quick is not None and answer.status == 200 and answer.chunks is None:
                quick.add(request.path, nanoseconds)
            return answer
        finally:
            self._running -= 1

    async def _in_thread(self, request: Request) -> tuple[Answer, int]:
        loop = asyncio.get_running_loop()
        if request.path.rstrip("/").endswith("/ready"):
            return await loop.run_in_executor(self._probes, self._timed, request)
        self._in_pool += 1
        try:
            return await loop.run_in_executor(self._pool, self._timed, request)
        finally:
            self._in_pool -= 1

    def is_full(self) -> bool:
        """Whether there is no room for another request."""
        return self._running >= self._waiting or self.is_crowded()

    def load(self) -> tuple[int, int, int]:
        """Return the requests in progress, those that wait to run, the limit."""
        waiting = max(self._in_pool - self._parallel, 0)
        return self._running, waiting, self._waiting

    async def is_ready(self) -> bool:
        """Whether the default model is open, or could be opened now."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._probes, self.router.game_api.ready)

    def _timed(self, request: Request) -> tuple[Answer, int]:
        """Return the router's answer, and the nanoseconds that it took."""
        began = time.perf_counter_ns()
        return self.router.answer(request), time.perf_counter_ns() - began

    def _faulty(self, request: Request, problem: Problem) -> Answer:
        """Return the router's answer for a problem, and log the request."""
        return self.router.answer(request._replace(body=b"", fault=problem))

    def _refused(self, request: Request, why: str) -> Answer:
        answer = self._faulty(request, Problem("unavailable", why))
        headers = {**answer.headers, "retry-after": "1"}
        return Answer(answer.status, answer.body, headers)

    async def _page(
        self, scope: Scope, path: str, receive: Receive, send: Send
    ) -> None:
        loop = asyncio.get_running_loop()
        app = await loop.run_in_executor(self._probes, lambda: self._app)
        base = self.router.settings.base_path.rstrip("/")
        inside = {**scope, "path": path, "raw_path": path.encode("latin-1")}
        if base and not scope.get("root_path"):
            inside["root_path"] = base
        await app(inside, receive, send)

    @cached_property
    def _app(self) -> "FastAPI":
        from hotseat_serve.adapters.fastapi_app import create_app

        app = create_app(self.router)
        app.openapi()  # cached by FastAPI; takes 100 ms
        return app

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            else:
                for pool in (self._pool, self._streams, self._probes):
                    pool.shutdown(wait=False, cancel_futures=True)
                await send({"type": "lifespan.shutdown.complete"})
                return


def request_head(scope: Scope, path: str, received: int | None = None) -> Request:
    """Return the request of a scope, without its body."""
    headers = headers_of(scope)
    return Request(
        scope["method"],
        path,
        b"",
        headers,
        request_id_of(headers),
        received=received,
        streams=True,
    )


async def with_body(request: Request, receive: Receive, limit: int) -> Request:
    """Return the request with its body, or with the fault of one over `limit` bytes.

    Raises `ClientDisconnectedError`.
    """
    try:
        body = await _body(request, receive, limit)
    except Problem as problem:
        return request._replace(fault=problem)
    return request._replace(body=body) if body else request


async def _body(request: Request, receive: Receive, limit: int) -> bytes:
    """Read the body; raises `Problem` as soon as it must exceed the limit."""
    length = request.headers.get("content-length", "")
    if length:
        if length.isascii() and length.isdecimal() and len(length) < 20:
            if int(length) > limit:
                raise too_large(int(length), limit)
        else:
            raise Problem("invalid_json", f"Content-Length {length!r} is no length")
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnectedError
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise Problem("too_large", f"the body has more than {limit} bytes")
        if not message.get("more_body", False):
            return b"".join((*parts, part)) if parts else part
        parts.append(part)


def _start_of(answer: Answer) -> dict[str, Any]:
    headers = [
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in answer.headers.items()
    ]
    if (
        "content-length" not in answer.headers
        and answer.status not in _WITHOUT_BODY
        and answer.chunks is None
    ):
        headers.append((b"content-length", b"%d" % len(answer.body)))
    return {"type": "http.response.start", "status": answer.status, "headers": headers}


async def _send(send: Send, answer: Answer) -> None:
    await send(_start_of(answer))
    await send({"type": "http.response.body", "body": answer.body})

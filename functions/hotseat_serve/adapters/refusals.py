"""Refuse requests for which there is no room, at little cost.

Under overload most requests are refused. A refusal through the application takes half
the time of a small answer, so the answers would become fewer the more requests come.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from hotseat_registry.dataclass import dataclass, field
from hotseat_serve.adapters.asgi import FULL, LIVENESS_PATHS, request_id_of
from hotseat_serve.api.messages import PAGES, Request, strip_base_path
from hotseat_serve.api.router import Router
from hotseat_serve.problems import Problem

log = logging.getLogger("hotseat.serve")

_PLACE = b"hotseat-request-id"
"""Stands for a request's id in prepared bytes."""
_BY_CALLER = frozenset({"origin", "traceparent"})
"""Headers on which an answer's own headers depend."""


@dataclass(slots=True)
class Refusals:
    """Answers 503 while `is_full`, and counts: one event a second."""

    router: Router
    is_full: Callable[[], bool]
    accepts_host: Callable[[str], bool]
    _count: int = 0
    _prepared: dict[bool, tuple[bytes, bytes]] = field(default_factory=dict)
    """Head and body, by whether they are of the inference protocol."""

    def answer(
        self, method: str, url: bytes, pairs: Sequence[tuple[bytes, bytes]]
    ) -> bytes | None:
        """Return the bytes of a 503, or None where the application has to answer.

        It does while there is room, and for health, pages, browsers of other origins.
        """
        if not self.is_full() or method == "HEAD":
            return None
        headers = {name.decode("latin-1"): v.decode("latin-1") for name, v in pairs}
        path = strip_base_path(
            url.partition(b"?")[0].decode("latin-1"), self.router.settings.base_path
        )
        if (
            (path.rstrip("/") or "/") in LIVENESS_PATHS
            or path.startswith(PAGES)
            or not _BY_CALLER.isdisjoint(headers)
            or not self.accepts_host(headers.get("host", ""))
        ):
            return None
        is_v2 = path.lstrip("/").startswith("v2")
        if is_v2 not in self._prepared:
            self._prepared[is_v2] = self._prepare("/v2" if is_v2 else "/")
        self._add()
        request_id = request_id_of(headers).encode()
        head, body = (
            part.replace(_PLACE, request_id) for part in self._prepared[is_v2]
        )
        return b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body)

    def _prepare(self, path: str) -> tuple[bytes, bytes]:
        """Return a refusal's head, without its length, and its body."""
        fault = Problem("unavailable", FULL)
        request = Request("POST", path, request_id=_PLACE.decode(), fault=fault)
        answer = self.router.answer(request, rehearsal=True)
        names = {**answer.headers, "retry-after": "1"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in names.items())
        return f"HTTP/1.1 503 Service Unavailable\r\n{lines}".encode(), answer.body

    def _add(self) -> None:
        if not self._count:
            asyncio.get_running_loop().call_later(1, self._report)
        self._count += 1

    def _report(self) -> None:
        count, self._count = self._count, 0
        log.warning("refused %d requests within a second: %s", count, FULL)
        if self.router.telemetry is not None:
            self.router.telemetry.event("requests_refused", {"count": count})

"""API Gateway on loopback, for tests alone: one stage of a deployed REST API.

What is asked is answered from what the account says at that moment: routes, keys,
usage plans, refusals, the alias and the image behind it. Which request it takes and
what event it makes: docs.aws.amazon.com/apigateway, "Lambda proxy integrations".
"""

import base64
import json
import threading
import time
import uuid
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from local_cloud.gateway.deployed_api import Deployed, Function, Plan, Route
from local_cloud.gateway.function_container import Sandbox

LARGEST = 10_000_000
"""Bytes that API Gateway takes."""


class Refused(Exception):  # noqa: N818 (it is an answer, no error)
    """The gateway answers itself; the argument is its kind of response."""


class Counted:
    """What a plan has left: a bucket of tokens, and the day's requests."""

    def __init__(self, plan: Plan, now: float) -> None:
        self._tokens, self._then, self._asked = float(plan.burst), now, 0

    def take(self, plan: Plan, now: float) -> None:
        """Count one request; raises `Refused`."""
        refilled = self._tokens + (now - self._then) * plan.rate
        self._tokens, self._then = min(float(plan.burst), refilled), now
        if self._asked >= plan.quota:
            raise Refused("QUOTA_EXCEEDED")
        if self._tokens < 1:
            raise Refused("THROTTLED")
        self._tokens -= 1
        self._asked += 1


class Gateway:
    """Answers requests of one stage; `start` runs an image."""

    def __init__(
        self,
        deployed: Deployed,
        account: str,
        start: Callable[[Function], Sandbox],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deployed, self._account = deployed, account
        self._start, self._now = start, now
        self._running: dict[str, Sandbox] = {}
        self._counted: dict[str, Counted] = {}
        self._lock = threading.Lock()

    def answer(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """Answer a request: status, headers, body."""
        request_id = str(uuid.uuid4())
        try:
            return self._answered(method, target, headers, body, request_id)
        except Refused as refused:
            status, told, template = self._deployed.refusal(str(refused))
            text = template.replace("$context.requestId", request_id)
            return status, {**told, "x-amzn-RequestId": request_id}, text.encode()

    def _answered(
        self,
        method: str,
        target: str,
        headers: dict[str, str],
        body: bytes,
        request_id: str,
    ) -> tuple[int, dict[str, str], bytes]:
        url = urlsplit(target)
        home = f"/{self._deployed.stage}"
        if not url.path.startswith(f"{home}/"):
            raise Refused("MISSING_AUTHENTICATION_TOKEN")
        path = url.path.removeprefix(home)
        route, proxy = find(self._deployed.routes(), method, path)
        if route.keyed:
            self._count(headers.get("x-api-key", ""))
        if len(body) > LARGEST:
            raise Refused("REQUEST_TOO_LARGE")
        if not self._deployed.allows(route.alias, route, self._account):
            raise Refused("API_CONFIGURATION_ERROR")
        binary = self._deployed.binary()
        raw = is_binary(headers.get("content-type", ""), binary)
        event = {
            "resource": route.resource,
            "path": path,
            "httpMethod": method,
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "queryStringParameters": dict(parse_qsl(url.query)) or None,
            "pathParameters": {"proxy": proxy} if proxy else None,
            "stageVariables": None,
            "requestContext": {
                "accountId": self._account,
                "apiId": self._deployed.api,
                "httpMethod": method,
                "path": url.path,
                "protocol": "HTTP/1.1",
                "requestId": request_id,
                "resourcePath": route.resource,
                "stage": self._deployed.stage,
            },
            "body": (base64.b64encode(body) if raw else body).decode() or None,
            "isBase64Encoded": raw,
        }
        told = self._invoked(route.alias, json.dumps(event).encode())
        data = told["body"].encode()
        # a REST API decodes for whom the first of what he accepts is binary
        if told.get("isBase64Encoded") and is_binary(
            headers.get("accept", "").split(",")[0], binary
        ):
            data = base64.b64decode(data)
        return told["statusCode"], told["headers"], data

    def _count(self, key: str) -> None:
        plan = self._deployed.plan(key)
        if plan is None:
            raise Refused("INVALID_API_KEY")
        with self._lock:
            now = self._now()
            self._counted.setdefault(plan.id, Counted(plan, now)).take(plan, now)

    def _invoked(self, alias: str, event: bytes) -> dict[str, Any]:
        try:
            told = json.loads(self._sandbox(alias).invoke(event))
        except TimeoutError:
            raise Refused("INTEGRATION_TIMEOUT") from None
        except OSError:
            raise Refused("INTEGRATION_FAILURE") from None
        if "statusCode" not in told:  # the runtime's word for a crash
            raise Refused("INTEGRATION_FAILURE")
        found: dict[str, Any] = told
        return found

    def _sandbox(self, alias: str) -> Sandbox:
        """Return what runs the version that the alias points to; start it if need be.

        What ran another version ends, as Lambda lets it.
        """
        function = self._deployed.function(alias)
        with self._lock:
            running = self._running.get(alias)
            if running is None or running.function != function:
                self._running[alias] = self._start(function)
                if running is not None:
                    running.stop()
            return self._running[alias]

    def versions(self) -> dict[str, str]:
        """Which of Lambda's versions answered last, by model."""
        return {box.model: box.function.version for box in self._running.values()}

    def memory(self) -> dict[str, int]:
        """What memory those have, in MB."""
        return {box.model: box.function.memory_mb for box in self._running.values()}

    def close(self) -> None:
        """End all that runs."""
        for sandbox in self._running.values():
            sandbox.stop()


def find(routes: list[Route], method: str, path: str) -> tuple[Route, str]:
    """Return the route of a path and what its proxy part took; the longest wins."""
    best: tuple[int, Route, str] | None = None
    for route in routes:
        if route.method not in {"ANY", method}:
            continue
        base = route.resource.removesuffix("{proxy+}")
        if base != route.resource:
            fits, rest = path.startswith(base) and path != base, path[len(base) :]
        else:
            fits, rest = path == base, ""
        # a whole path before a proxy of the same length
        weight = 2 * len(base) + (not rest)
        if fits and (best is None or weight > best[0]):
            best = weight, route, rest
    if best is None:
        raise Refused("MISSING_AUTHENTICATION_TOKEN")
    return best[1], best[2]


def is_binary(kind: str, binary: list[str]) -> bool:
    """Whether a media type is among those that are no text."""
    named = kind.split(";", maxsplit=1)[0].strip().lower()
    return named in binary or ("*/*" in binary)


def serve(gateway: Gateway, port: int) -> ThreadingHTTPServer:
    """Serve on loopback, in threads; close it with `shutdown`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            length = int(self.headers.get("content-length", 0))
            # API Gateway passes names as they came; HTTP/2's are small
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, told, data = gateway.answer(
                self.command, self.path, headers, self.rfile.read(length)
            )
            self.send_response(status)
            for name, value in told.items():
                if name.lower() != "content-length":
                    self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = _do  # noqa: N815 (its base's names)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server

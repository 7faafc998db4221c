"""API Gateway on loopback, for tests alone: one stage of a deployed REST API.

Each request is answered from the account as it is at that moment: routes, keys, usage
plans, gateway responses, the alias and its image. Which requests are accepted and how
their events look: docs.aws.amazon.com/apigateway, "Lambda proxy integrations".
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

from local_cloud.gateway.authorizers import Authorizers, Denied
from local_cloud.gateway.deployed_api import DeployedApi, Function, Plan, Route
from local_cloud.gateway.environments import Environments, ThrottledError
from local_cloud.gateway.function_container import FunctionContainer

MAX_BODY_BYTES = 10_000_000
"""API Gateway's limit."""


class GatewayResponse(Exception):  # noqa: N818 (the name of the answer in API Gateway)
    """API Gateway answers without the function; the argument is the response type."""


class Usage:
    """The use of a plan: its token bucket and the requests of the day."""

    def __init__(self, plan: Plan, now: float) -> None:
        self._tokens, self._updated_at, self._requests = float(plan.burst), now, 0

    def count(self, plan: Plan, now: float) -> None:
        """Count one request; raises `GatewayResponse`."""
        refilled = self._tokens + (now - self._updated_at) * plan.rate
        self._tokens, self._updated_at = min(float(plan.burst), refilled), now
        if self._requests >= plan.quota:
            raise GatewayResponse("QUOTA_EXCEEDED")
        if self._tokens < 1:
            raise GatewayResponse("THROTTLED")
        self._tokens -= 1
        self._requests += 1


class Gateway:
    """Answers the requests of one stage; `start` runs an image."""

    def __init__(
        self,
        deployed: DeployedApi,
        account: str,
        start: Callable[[Function], FunctionContainer],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deployed, self._account = deployed, account
        self._start, self._now = start, now
        self._environments: dict[str, Environments] = {}
        self._usage: dict[str, Usage] = {}
        self._lock = threading.Lock()
        self.authorizers = Authorizers(deployed, account, start, now)

    def answer(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """Answer a request: status, headers, body."""
        request_id = str(uuid.uuid4())
        try:
            return self._respond(method, target, headers, body, request_id)
        except GatewayResponse as response:
            status, extra, template = self._deployed.gateway_response(str(response))
            text = template.replace("$context.requestId", request_id)
            return status, {**extra, "x-amzn-RequestId": request_id}, text.encode()

    def _respond(
        self,
        method: str,
        target: str,
        headers: dict[str, str],
        body: bytes,
        request_id: str,
    ) -> tuple[int, dict[str, str], bytes]:
        url = urlsplit(target)
        prefix = f"/{self._deployed.stage}"
        if not url.path.startswith(f"{prefix}/"):
            raise GatewayResponse("MISSING_AUTHENTICATION_TOKEN")
        path = url.path.removeprefix(prefix)
        route, proxy = find_route(self._deployed.routes(), method, path)
        request = {
            "resource": route.resource,
            "path": path,
            "httpMethod": method,
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "queryStringParameters": dict(parse_qsl(url.query)) or None,
            "pathParameters": {"proxy": proxy} if proxy else None,
            "stageVariables": None,
        }
        context = {
            "accountId": self._account,
            "apiId": self._deployed.api,
            "httpMethod": method,
            "path": url.path,
            "protocol": "HTTP/1.1",
            "requestId": request_id,
            "resourcePath": route.resource,
            "stage": self._deployed.stage,
        }
        key = headers.get("x-api-key", "")
        if route.authorizer:
            try:
                caller, named = self.authorizers.ask(route.authorizer, request, context)
            except Denied as denied:
                raise GatewayResponse(str(denied)) from None
            context = {**context, "authorizer": caller}
            if self._deployed.key_source() == "AUTHORIZER":
                key = named
        if route.keyed:
            self._count_request(key)
        if len(body) > MAX_BODY_BYTES:
            raise GatewayResponse("REQUEST_TOO_LARGE")
        if not self._deployed.allows(route.alias, route, self._account):
            raise GatewayResponse("API_CONFIGURATION_ERROR")
        binary = self._deployed.binary()
        binary_body = is_binary(headers.get("content-type", ""), binary)
        event = {
            **request,
            "requestContext": context,
            "body": (base64.b64encode(body) if binary_body else body).decode() or None,
            "isBase64Encoded": binary_body,
        }
        answer = self._invoke(route.alias, json.dumps(event).encode())
        data = answer["body"].encode()
        # a REST API decodes a body if the first accepted media type is binary
        if answer.get("isBase64Encoded") and is_binary(
            headers.get("accept", "").split(",")[0], binary
        ):
            data = base64.b64decode(data)
        return answer["statusCode"], answer["headers"], data

    def _count_request(self, key: str) -> None:
        plan = self._deployed.plan(key)
        if plan is None:
            raise GatewayResponse("INVALID_API_KEY")
        with self._lock:
            now = self._now()
            self._usage.setdefault(plan.id, Usage(plan, now)).count(plan, now)

    def _invoke(self, alias: str, event: bytes) -> dict[str, Any]:
        try:
            function = self._deployed.function(alias)
            with self._lock:
                environments = self._environments.setdefault(
                    alias, Environments(self._start)
                )
            answer: dict[str, Any] = json.loads(environments.invoke(function, event))
        except ThrottledError:
            raise GatewayResponse("API_CONFIGURATION_ERROR") from None
        except TimeoutError:
            raise GatewayResponse("INTEGRATION_TIMEOUT") from None
        except OSError:
            raise GatewayResponse("INTEGRATION_FAILURE") from None
        if "statusCode" not in answer:  # the runtime's answer after a crash
            raise GatewayResponse("INTEGRATION_FAILURE")
        return answer

    def versions(self) -> dict[str, str]:
        """Return the Lambda version that was started last, by model."""
        return {one.model: one.function.version for one in self._last()}

    def memory(self) -> dict[str, int]:
        """Return the memory of those versions in MB, by model."""
        return {one.model: one.function.memory_mb for one in self._last()}

    def container(self, model: str) -> FunctionContainer:
        """Return the environment that was started last for a model."""
        return next(one for one in self._last() if one.model == model)

    def environments(self) -> dict[str, int]:
        """Return how many environments run, by model."""
        found = {}
        for environments in self._environments.values():
            if environments.last is not None:
                found[environments.last.model] = environments.count
        return found

    def _last(self) -> list[FunctionContainer]:
        listed = [one.last for one in self._environments.values()]
        return [last for last in listed if last is not None]

    def stop_idle(self) -> None:
        """Stop all idle environments, as Lambda does after a while."""
        for environments in self._environments.values():
            environments.close()

    def close(self) -> None:
        """Stop all containers."""
        for environments in self._environments.values():
            environments.close()
        self.authorizers.close()


def find_route(routes: list[Route], method: str, path: str) -> tuple[Route, str]:
    """Return the longest matching route, and the value of its proxy part."""
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
        raise GatewayResponse("MISSING_AUTHENTICATION_TOKEN")
    return best[1], best[2]


def is_binary(kind: str, binary: list[str]) -> bool:
    """Return whether a media type is one of the binary ones."""
    named = kind.split(";", maxsplit=1)[0].strip().lower()
    return named in binary or ("*/*" in binary)


def serve(gateway: Gateway, port: int) -> ThreadingHTTPServer:
    """Serve on loopback, in threads; close it with `shutdown`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            length = int(self.headers.get("content-length", 0))
            # API Gateway passes names as they are sent; HTTP/2's are lowercase
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, answered, data = gateway.answer(
                self.command, self.path, headers, self.rfile.read(length)
            )
            self.send_response(status)
            for name, value in answered.items():
                if name.lower() != "content-length":
                    self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = _do  # noqa: N815 (the base class's names)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server

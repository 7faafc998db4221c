"""Lambda authorizers of a REST API: asked, their answers cached, their policy obeyed.

docs.aws.amazon.com/apigateway, "Use API Gateway Lambda authorizers": the identity
sources are the key of the cache, a request without one of them is 401 without a call,
an answer holds for all methods that its policy names, and an error whose text is
"Unauthorized" is 401.
"""

import json
import threading
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from local_cloud.gateway.deployed_api import Authorizer, DeployedApi, Function
from local_cloud.gateway.function_container import FunctionContainer

MAX_POLICY_BYTES = 8_192
"""Of an answer's policy, about (quotas of API Gateway)."""


class Denied(Exception):  # noqa: N818 (it is API Gateway's answer, named by its type)
    """The request is answered with a gateway response; the argument is its type."""


class Authorizers:
    """Asks the authorizers of one stage; each runs in one environment."""

    def __init__(
        self,
        deployed: DeployedApi,
        account: str,
        start: Callable[[Function], FunctionContainer],
        now: Callable[[], float],
    ) -> None:
        self._deployed, self._account = deployed, account
        self._start, self._now = start, now
        self._running: dict[str, FunctionContainer] = {}
        self._answers: dict[tuple[str, ...], tuple[float, dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self.invocations = 0
        """How often a function was invoked; requests beyond it took a cached answer."""

    def ask(
        self, identity: str, request: Mapping[str, Any], context: Mapping[str, Any]
    ) -> tuple[dict[str, Any], str]:
        """Return ``requestContext.authorizer`` and the API key; raises `Denied`."""
        authorizer = self._deployed.authorizer(identity)
        sources = [request["headers"].get(name, "") for name in authorizer.headers]
        if not all(sources):
            raise Denied("UNAUTHORIZED")
        arn = (
            f"arn:aws:execute-api:{self._deployed.region}:{self._account}:"
            f"{self._deployed.api}/{self._deployed.stage}/"
            f"{request['httpMethod']}{request['path']}"
        )
        event = {
            "type": "REQUEST", "methodArn": arn, **request, "requestContext": context,
        }  # fmt: skip
        key = (identity, *sources)
        # one at a time: requests of a new caller that come together ask once
        with self._lock:
            until, answer = self._answers.get(key, (float("-inf"), {}))
            if self._now() >= until:
                answer = self._invoke(authorizer, event)
                self._answers[key] = self._now() + authorizer.ttl_s, answer
        return read_answer(answer, arn)

    def running(self) -> list[FunctionContainer]:
        """Return the environments that run."""
        return list(self._running.values())

    def recycle(self) -> None:
        """Stop all environments and drop all answers, as Lambda does after a while."""
        with self._lock:
            self._answers.clear()
            for container in self._running.values():
                container.stop()
            self._running.clear()

    close = recycle

    def _invoke(
        self, authorizer: Authorizer, event: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the function's answer; raises `Denied`."""
        if not self._deployed.allows_authorizer(authorizer, self._account):
            raise Denied("AUTHORIZER_CONFIGURATION_ERROR")
        self.invocations += 1
        try:
            container = self._container(authorizer)
            answer = json.loads(container.invoke(json.dumps(event).encode()))
        except OSError:
            raise Denied("AUTHORIZER_FAILURE") from None
        if not isinstance(answer, dict):
            raise Denied("AUTHORIZER_CONFIGURATION_ERROR")
        if answer.get("errorMessage") == "Unauthorized":
            raise Denied("UNAUTHORIZED")
        if "errorMessage" in answer:
            raise Denied("AUTHORIZER_FAILURE")
        return answer

    def _container(self, authorizer: Authorizer) -> FunctionContainer:
        function = self._deployed.function(authorizer.function)
        running = self._running.get(authorizer.id)
        if running is None or running.function != function:
            if running is not None:
                running.stop()
            self._running[authorizer.id] = self._start(function)
        return self._running[authorizer.id]


def read_answer(answer: Mapping[str, Any], arn: str) -> tuple[dict[str, Any], str]:
    """Return the context and the key of an answer, if its policy lets `arn` pass.

    Raises `Denied`. A context holds texts, numbers and booleans, which arrive as texts.
    """
    policy, context = answer.get("policyDocument"), answer.get("context", {})
    principal, key = answer.get("principalId"), answer.get("usageIdentifierKey", "")
    if (
        not isinstance(principal, str)
        or not isinstance(policy, dict)
        or len(json.dumps(policy)) > MAX_POLICY_BYTES
        or not isinstance(context, dict)
        or not all(isinstance(v, str | int | float) for v in context.values())
        or not isinstance(key, str)
    ):
        raise Denied("AUTHORIZER_CONFIGURATION_ERROR")
    if not permits(policy, arn):
        raise Denied("ACCESS_DENIED")
    texts = {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in context.items()
    }
    return {**texts, "principalId": principal, "integrationLatency": 0}, key


def permits(policy: Mapping[str, Any], arn: str) -> bool:
    """Return whether a policy lets API Gateway invoke a method; a denial wins."""
    allowed = False
    for statement in _listed(policy.get("Statement", ())):
        if set(statement) - {"Sid", "Effect", "Action", "Resource"}:
            raise NotImplementedError(f"a statement with {sorted(statement)}")
        if not any(
            fnmatchcase("execute-api:invoke", action.lower())
            for action in _listed(statement["Action"])
        ) or not any(fnmatchcase(arn, item) for item in _listed(statement["Resource"])):
            continue
        if statement["Effect"] != "Allow":
            return False
        allowed = True
    return allowed


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]

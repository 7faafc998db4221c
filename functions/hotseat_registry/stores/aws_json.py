"""Calls to AWS services that take JSON, without boto3: Secrets Manager and KMS.

docs.aws.amazon.com, "AWS JSON protocol": the target in a header, the body an object.
"""

import http.client
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from hotseat_registry.errors import StoreError
from hotseat_registry.stores.connections import Connections
from hotseat_registry.stores.credentials import CredentialSource, region
from hotseat_registry.stores.sigv4 import sign

_MAX_ANSWER = 1 << 17
_ENDPOINTS = {"secretsmanager": "SECRETS_MANAGER", "kms": "KMS"}
"""What the environment variable of a service's endpoint ends in."""
_TRIES = 3
_AGAIN = frozenset({429, 500, 502, 503, 504})


class AwsError(StoreError):
    """A service's answer that is an error; `kind` is its name."""

    def __init__(self, what: str, kind: str) -> None:
        super().__init__(f"{what}: {kind}")
        self.kind = kind


def call(
    service: str,
    target: str,
    body: Mapping[str, Any],
    env: Mapping[str, str],
    *,
    what: str,
    place: str = "",
) -> dict[str, Any]:
    """Return the answer to a call, made up to three times.

    `target` is the protocol's ("TrentService.Decrypt"), `place` the region (default:
    the environment's). Raises `StoreError` that begins with `what`, and of it
    `AwsError` where the service refused.
    """
    for left in reversed(range(_TRIES)):
        try:
            status, answer = _once(service, target, body, env, place or region(env))
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            if left:
                continue
            raise StoreError(f"{what}: {error!r}") from None
        if status == 200:
            return answer
        if status not in _AGAIN or not left:
            kind = str(answer.get("__type", status)).rpartition("#")[2]
            raise AwsError(what, kind)
        time.sleep(0.1)
    raise AssertionError  # the last try returns or raises


def secret_value(name: str, env: Mapping[str, str]) -> bytes:
    """Return the text of a secret in Secrets Manager, by its name or ARN.

    docs.aws.amazon.com, "GetSecretValue". Raises `StoreError`.
    """
    what = f"Secrets Manager, {name}"
    place = name.split(":")[3] if name.startswith("arn:") else ""
    answer = call(
        "secretsmanager",
        "secretsmanager.GetSecretValue",
        {"SecretId": name},
        env,
        what=what,
        place=place,
    )
    try:
        return str(answer["SecretString"]).encode()
    except KeyError:
        raise StoreError(f"{what}: it is no text") from None


def _once(
    service: str,
    target: str,
    body: Mapping[str, Any],
    env: Mapping[str, str],
    place: str,
) -> tuple[int, dict[str, Any]]:
    endpoint = env.get(f"AWS_ENDPOINT_URL_{_ENDPOINTS[service]}") or env.get(
        "AWS_ENDPOINT_URL"
    )
    url = urlsplit(endpoint or f"https://{service}.{place}.amazonaws.com")
    data = json.dumps(body).encode()
    headers = sign(
        "POST", url.netloc, "/", "", data,
        {"content-type": "application/x-amz-json-1.1", "x-amz-target": target},
        CredentialSource(env, time.time).current(), place, service, datetime.now(UTC),
    )  # fmt: skip
    connection, _ = Connections(url.netloc, secure=url.scheme == "https").acquire()
    try:
        connection.request("POST", "/", data, headers)
        response = connection.getresponse()
        received = response.read(_MAX_ANSWER)
        if response.status != 200 and not received.startswith(b"{"):
            # a proxy's own page, or XML
            return response.status, {"__type": f"{response.status} {response.reason}"}
        answer = json.loads(received)
        if not isinstance(answer, dict):
            raise http.client.HTTPException("the answer is no object")
        return response.status, answer
    finally:
        connection.close()

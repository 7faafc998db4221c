"""Token buckets in a DynamoDB table, for functions that share no memory.

One UpdateItem takes a token, two where the bucket was not full. Requests are signed
here, without boto3, as those to the registry's bucket are. An item expires by the
table's TTL once its bucket is full.
"""

import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from hotseat_registry.stores.connections import Connections
from hotseat_registry.stores.credentials import CredentialSource, region
from hotseat_registry.stores.sigv4 import sign
from hotseat_serve.access.buckets import Limit

log = logging.getLogger("hotseat.serve")

_TARGET = "DynamoDB_20120810.UpdateItem"
_FAILED = "ConditionalCheckFailedException"
_FULL = (
    "attribute_not_exists(full_at) OR full_at <= :now",
    "SET full_at = :next, expires = :expires",
)
_PARTIAL = (
    "full_at > :now AND full_at <= :latest",
    "SET full_at = full_at + :cost, expires = :expires",
)
_BACK = ("attribute_exists(full_at)", "SET full_at = full_at - :cost")


class DynamoBuckets:
    """Buckets in the table `table`: partition key `bucket` (string), TTL `expires`.

    A table that cannot be reached limits nobody: the request is answered, and the log
    says so. `forget` drops connections and credentials before a snapshot.
    """

    def __init__(
        self,
        table: str,
        env: Mapping[str, str] = os.environ,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._table = table
        self._now = now
        self._region = region(env)
        endpoint = env.get("AWS_ENDPOINT_URL_DYNAMODB") or env.get("AWS_ENDPOINT_URL")
        url = urlsplit(endpoint or f"https://dynamodb.{self._region}.amazonaws.com")
        self._host = url.netloc
        self._connections = Connections(url.netloc, secure=url.scheme == "https")
        self._credentials = CredentialSource(env, now)

    def take(self, name: str, limit: Limit, count: int = 1) -> float:
        """See `Buckets.take`."""
        try:
            return self._take(name, limit, count)
        except Exception as error:  # noqa: BLE001 (whatever a network can send)
            log.warning(
                "no limit for %.80s: the table does not answer: %s", name, error
            )
            return 0.0

    def give_back(self, name: str, limit: Limit, count: int) -> None:
        """See `Buckets.give_back`."""
        try:
            self._update(name, *_BACK, {":cost": count * limit.interval})
        except Exception as error:  # noqa: BLE001 (whatever a network can send)
            log.warning("%.80s does not get its rest back: %s", name, error)

    def forget(self) -> None:
        """Drop all connections and the credentials."""
        self._connections.forget()
        self._credentials.forget()

    def _take(self, name: str, limit: Limit, count: int) -> float:
        now, cost = self._now(), count * limit.interval
        latest = now + limit.span - limit.interval
        values = {
            ":now": now, ":latest": latest, ":cost": cost, ":next": now + cost,
            ":expires": int(now + limit.span + cost) + 3_600,
        }  # fmt: skip
        # most players are below the limit, and their bucket is full
        full_at = self._update(name, *_FULL, values)
        if full_at is not None and full_at <= latest:
            full_at = self._update(name, *_PARTIAL, values)
        if full_at is None:
            return 0.0
        return max(0.001, full_at - latest)  # others were faster: a moment at least

    def _update(
        self, name: str, condition: str, change: str, values: Mapping[str, float]
    ) -> float | None:
        """Update a bucket; return None, or when it is full if the condition fails."""
        names = f"{condition} {change}".replace(",", " ").split()
        used = {
            key: {"N": repr(round(value, 6))}
            for key, value in values.items()
            if key in names
        }
        answer = self._send(
            {
                "TableName": self._table,
                "Key": {"bucket": {"S": name}},
                "ConditionExpression": condition,
                "UpdateExpression": change,
                "ExpressionAttributeValues": used,
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        )
        if not str(answer.get("__type", "")).endswith(_FAILED):
            return None
        item = answer.get("Item") or {}
        return float(item["full_at"]["N"]) if "full_at" in item else 0.0

    def _send(self, request: Mapping[str, Any]) -> dict[str, Any]:
        body = json.dumps(request).encode()
        while True:
            headers = sign(
                "POST", self._host, "/", "", body,
                {"content-type": "application/x-amz-json-1.0", "x-amz-target": _TARGET},
                self._credentials.current(), self._region, "dynamodb",
                datetime.fromtimestamp(self._now(), UTC),
            )  # fmt: skip
            connection, used = self._connections.acquire()
            try:
                connection.request("POST", "/", body, headers)
                response = connection.getresponse()
                answer: dict[str, Any] = json.loads(response.read(1 << 20))
            except BaseException as error:
                connection.close()
                if used and isinstance(error, OSError):
                    continue  # the server closed it while it was idle
                raise
            self._connections.release(connection, response)
            kind = str(answer.get("__type", ""))
            if response.status == 200 or kind.endswith(_FAILED):
                return answer
            raise RuntimeError(f"{response.status} {kind or answer}")

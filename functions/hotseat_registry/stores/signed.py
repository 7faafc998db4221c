"""A bucket for a function that starts cold: reading only, and without boto3.

Importing boto3 and making a client costs more than the rest of a cold start. Reading
takes three requests (GetObject, ListObjectsV2, and for a credential's renewal one to
the container's agent), signed with AWS Signature Version 4
(docs.aws.amazon.com, "Create a signed AWS API request"); one suite holds this store and
`S3Store` to the same answers.
"""

import http.client
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO
from urllib.parse import quote, urlencode, urlsplit
from xml.etree import ElementTree as ET

from hotseat_registry.errors import IntegrityError, NotFoundError, StoreError
from hotseat_registry.stores.connections import Connection, Connections
from hotseat_registry.stores.credentials import (
    Credentials,
    CredentialSource,
    region,
)
from hotseat_registry.stores.sigv4 import sign
from hotseat_registry.stores.store import (
    MAX_OBJECT_BYTES,
    OBJECT_TOO_LARGE,
    OnBytes,
    Stored,
    ignore_bytes,
)

_TRIES = 4
_PIECE = 1 << 20
_AGAIN = frozenset({429, 500, 502, 503, 504})
_READ_ONLY = "{uri} is open for reading; publish and promote with `hotseat`"


def available(env: Mapping[str, str]) -> bool:
    """Whether the environment has what this store needs, as in Lambda."""
    keyed = "AWS_ACCESS_KEY_ID" in env and "AWS_SECRET_ACCESS_KEY" in env
    return bool(region(env)) and (keyed or "AWS_CONTAINER_CREDENTIALS_FULL_URI" in env)


class SignedStore:
    """Keys are keys below the prefix of ``s3://bucket/prefix``.

    Safe for several threads: each request has a connection to itself, and a few idle
    ones are kept. Raises `StoreError` for whatever writes. `forget` drops connections
    and credentials, because a snapshot of the process must hold neither.
    """

    def __init__(
        self,
        uri: str,
        env: Mapping[str, str] = os.environ,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        self.uri = uri.rstrip("/")
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._now = now
        self._sleep = sleep
        self._region = region(env)
        endpoint = env.get("AWS_ENDPOINT_URL_S3") or env.get("AWS_ENDPOINT_URL")
        if endpoint:  # a bucket in the path, as every S3-shaped server takes it
            url = urlsplit(endpoint)
            self._base = f"{url.path.rstrip('/')}/{bucket}"
        else:
            url = urlsplit(f"https://{bucket}.s3.{self._region}.amazonaws.com")
            self._base = ""
        self._host = url.netloc
        self._connections = Connections(url.netloc, secure=url.scheme == "https")
        self._credentials = CredentialSource(env, now)

    def read(self, key: str, *, unless: str | None = None) -> Stored | None:
        """See `Store.read`."""
        headers = {"if-none-match": unless} if unless else {}
        with self._response(key, {}, headers) as response:
            if response.status == 304:
                response.read()
                return None
            data = _whole(response)
            return Stored(data, response.headers["ETag"] or "")

    def list(self, prefix: str) -> Iterator[str]:
        """See `Store.list`."""
        for page, space in self._pages({"prefix": self._prefix + prefix}):
            for item in page.iter(f"{space}Contents"):
                key = item.findtext(f"{space}Key") or ""
                yield key.removeprefix(self._prefix)

    def folders(self, prefix: str) -> Iterator[str]:
        """See `Store.folders`."""
        place = self._prefix + prefix
        for page, space in self._pages({"prefix": place, "delimiter": "/"}):
            for item in page.iter(f"{space}CommonPrefixes"):
                found = item.findtext(f"{space}Prefix") or ""
                yield found.removeprefix(place).rstrip("/")

    def download(
        self, key: str, file: IO[bytes], on_bytes: OnBytes = ignore_bytes
    ) -> None:
        """See `Store.download`."""
        with self._response(key, {}, {}) as response:
            while piece := response.read(_PIECE):
                file.write(piece)
                on_bytes(len(piece))
            if response.length:
                raise StoreError("the answer ended in the middle")

    def write(self, key: str, data: bytes, *, replacing: str | None = None) -> str:
        """Refuse."""
        del key, data, replacing
        raise StoreError(_READ_ONLY.format(uri=self.uri))

    def delete(self, key: str, *, replacing: str | None = None) -> None:
        """Refuse."""
        del key, replacing
        raise StoreError(_READ_ONLY.format(uri=self.uri))

    def upload(self, key: str, path: Path, on_bytes: OnBytes = ignore_bytes) -> bool:
        """Refuse."""
        del key, path, on_bytes
        raise StoreError(_READ_ONLY.format(uri=self.uri))

    def forget(self) -> None:
        """Drop all connections, those in use when they are given back, and the key."""
        self._connections.forget()
        self._credentials.forget()

    def _pages(self, query: dict[str, str]) -> Iterator[tuple[ET.Element, str]]:
        """Yield the pages of a listing, and the namespace of their tags."""
        query = {"list-type": "2", **query}
        while True:
            with self._response("", query, {}) as response:
                page = ET.fromstring(_whole(response))  # noqa: S314 (S3's own, over TLS)
            space = page.tag.partition("}")[0] + "}" if "}" in page.tag else ""
            yield page, space
            after = page.findtext(f"{space}NextContinuationToken")
            if not after:
                return
            query["continuation-token"] = after

    @contextmanager
    def _response(
        self, key: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> Iterator[http.client.HTTPResponse]:
        """Send a signed GET; narrow what goes wrong to the registry's own errors."""
        what = f"{self.uri}, {key or 'list'}"
        path = f"{self._base}/{quote(self._prefix + key if key else '', safe='/-_.~')}"
        listed = urlencode(sorted(query.items()), quote_via=quote, safe="-_.~")
        connection = None
        try:
            connection, response = self._sent(path, listed, headers)
            try:
                self._check(response, key)
            except NotFoundError:  # an answer like any other, read to its end
                self._connections.release(connection, response)
                connection = None
                raise
            yield response
            self._connections.release(connection, response)
            connection = None
        except (NotFoundError, IntegrityError):
            raise
        except Exception as error:  # whatever a network or a server can send
            raise StoreError(f"{what}: {error or type(error).__name__}") from error
        finally:
            if connection is not None:
                # what is left of an answer must not be read as the next
                connection.close()

    def _check(self, response: http.client.HTTPResponse, key: str) -> None:
        if response.status in {200, 304}:
            return
        code = _code(response.read(MAX_OBJECT_BYTES))
        if response.status == 404 and code != "NoSuchBucket":
            raise NotFoundError(f"{self.uri} has no {key}")
        raise StoreError(f"{response.status} {code}")

    def _sent(
        self, path: str, query: str, headers: Mapping[str, str]
    ) -> tuple[Connection, http.client.HTTPResponse]:
        """Send until there is an answer that needs no other try."""
        for left in reversed(range(_TRIES)):
            try:
                connection, response = self._once(path, query, headers)
                if response.status not in _AGAIN or not left:
                    return connection, response
                connection.close()
            except (OSError, http.client.HTTPException):
                if not left:
                    raise
            # full jitter, from the system's chance: nothing seeded outlives a snapshot
            wait = 0.05 * 2 ** (_TRIES - left) * random.SystemRandom().random()
            self._sleep(wait)
        raise AssertionError  # the last try returns or raises

    def _once(
        self, path: str, query: str, headers: Mapping[str, str]
    ) -> tuple[Connection, http.client.HTTPResponse]:
        signed = signed_headers(
            self._host,
            path,
            query,
            headers,
            self._credentials.current(),
            self._region,
            datetime.fromtimestamp(self._now(), UTC),
        )
        target = f"{path}?{query}" if query else path
        while True:
            connection, cached = self._connections.acquire()
            try:
                connection.request("GET", target, headers=signed)
                return connection, connection.getresponse()
            except (OSError, http.client.HTTPException):
                connection.close()
                if not cached:
                    raise
                # the server closed it while it was idle: try another at once
            except BaseException:
                connection.close()
                raise


def signed_headers(
    host: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    credentials: Credentials,
    region: str,
    now: datetime,
) -> dict[str, str]:
    """Return the headers of a GET to S3, signed with Signature Version 4."""
    return sign("GET", host, path, query, b"", headers, credentials, region, "s3", now)


def _whole(response: http.client.HTTPResponse) -> bytes:
    """Return a small answer; raises `StoreError` for a large or a broken one."""
    data = response.read(MAX_OBJECT_BYTES + 1)
    if len(data) > MAX_OBJECT_BYTES:
        raise StoreError(OBJECT_TOO_LARGE)
    if response.length:
        raise StoreError("the answer ended in the middle")
    return data


def _code(body: bytes) -> str:
    """Return the code in one of S3's error documents."""
    try:
        return ET.fromstring(body).findtext("Code") or ""  # noqa: S314
    except ET.ParseError:
        return ""

"""A bucket for a function that starts cold: reading only, and without boto3.

Importing boto3 and making a client costs more than the rest of a cold start. Reading
takes three requests (GetObject, ListObjectsV2, and for a credential's renewal one to
the container's agent), signed with AWS Signature Version 4
(docs.aws.amazon.com, "Create a signed AWS API request"); one suite holds this store and
`S3Store` to the same answers.
"""

import hashlib
import hmac
import http.client
import json
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlencode, urlsplit
from xml.etree import ElementTree as ET

from hotseat_registry.errors import NotFoundError, StoreError
from hotseat_registry.stores.store import Moved, Stored, nobody

_TRIES = 4
_SECONDS = 10.0
_PIECE = 1 << 20
_EMPTY = hashlib.sha256(b"").hexdigest()
_AGAIN = frozenset({429, 500, 502, 503, 504})
_READ_ONLY = "{uri} is open for reading; publish and promote with `hotseat`"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key, and until when it may be used (seconds since 1970)."""

    key: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    until: float = float("inf")


def available(env: Mapping[str, str]) -> bool:
    """Whether the environment has what this store needs, as in Lambda."""
    keyed = "AWS_ACCESS_KEY_ID" in env and "AWS_SECRET_ACCESS_KEY" in env
    return bool(_region(env)) and (keyed or "AWS_CONTAINER_CREDENTIALS_FULL_URI" in env)


class SignedStore:
    """Keys are keys below the prefix of ``s3://bucket/prefix``.

    Raises `StoreError` for whatever writes. Nothing is kept between calls but the
    connection and credentials that have an end, and `forget` drops those too: a
    snapshot of the process must hold neither.
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
        self._env = env
        self._now = now
        self._sleep = sleep
        self._region = _region(env)
        given = env.get("AWS_ENDPOINT_URL_S3") or env.get("AWS_ENDPOINT_URL")
        if given:  # a bucket in the path, as every S3-shaped server takes it
            end = urlsplit(given)
            self._base = f"{end.path.rstrip('/')}/{bucket}"
        else:
            end = urlsplit(f"https://{bucket}.s3.{self._region}.amazonaws.com")
            self._base = ""
        self._secure, self._host = end.scheme == "https", end.netloc
        self._credentials: Credentials | None = None
        self._connection: http.client.HTTPConnection | None = None

    def read(self, key: str, *, unless: str | None = None) -> Stored | None:
        """See `Store.read`."""
        headers = {"if-none-match": unless} if unless else {}
        with self._asked(key, {}, headers) as answer:
            if answer.status == 304:
                answer.read()
                return None
            return Stored(answer.read(), answer.headers["ETag"])

    def list(self, prefix: str) -> Iterator[str]:
        """See `Store.list`."""
        query = {"list-type": "2", "prefix": self._prefix + prefix}
        while True:
            with self._asked("", query, {}) as answer:
                page = ET.fromstring(answer.read())  # noqa: S314 (S3's own, over TLS)
            space = page.tag.partition("}")[0] + "}" if "}" in page.tag else ""
            for item in page.iter(f"{space}Contents"):
                key = item.findtext(f"{space}Key") or ""
                yield key.removeprefix(self._prefix)
            after = page.findtext(f"{space}NextContinuationToken")
            if not after:
                return
            query["continuation-token"] = after

    def download(self, key: str, file: IO[bytes], moved: Moved = nobody) -> None:
        """See `Store.download`."""
        with self._asked(key, {}, {}) as answer:
            while piece := answer.read(_PIECE):
                file.write(piece)
                moved(len(piece))
            if answer.length:
                raise StoreError(f"{self.uri}, {key}: the answer ended in the middle")

    def write(self, key: str, data: bytes, *, replacing: str | None = None) -> str:
        """Refuse."""
        del key, data, replacing
        raise StoreError(_READ_ONLY.format(uri=self.uri))

    def delete(self, key: str, *, replacing: str | None = None) -> None:
        """Refuse."""
        del key, replacing
        raise StoreError(_READ_ONLY.format(uri=self.uri))

    def upload(self, key: str, path: Path, moved: Moved = nobody) -> bool:
        """Refuse."""
        del key, path, moved
        raise StoreError(_READ_ONLY.format(uri=self.uri))

    def forget(self) -> None:
        """Drop the connection and the credentials."""
        self._credentials = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _asked(
        self, key: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> Iterator[http.client.HTTPResponse]:
        """Send a signed GET; narrow what goes wrong to the registry's own errors."""
        what = f"{self.uri}, {key or 'list'}"
        path = f"{self._base}/{quote(self._prefix + key if key else '', safe='/-_.~')}"
        asked = urlencode(sorted(query.items()), quote_via=quote, safe="-_.~")
        try:
            answer = self._tried(path, asked, headers)
            self._check(answer, key, what)
            yield answer
        except (OSError, http.client.HTTPException, ET.ParseError) as error:
            self.forget()
            raise StoreError(f"{what}: {error or type(error).__name__}") from error
        except BaseException:
            self.forget()  # what is left of an answer must not be read as the next
            raise

    def _check(self, answer: http.client.HTTPResponse, key: str, what: str) -> None:
        if answer.status in {200, 304}:
            return
        code = _code(answer.read())
        if answer.status == 404 and code != "NoSuchBucket":
            raise NotFoundError(f"{self.uri} has no {key}")
        raise StoreError(f"{what}: {answer.status} {code}")

    def _tried(
        self, path: str, query: str, headers: Mapping[str, str]
    ) -> http.client.HTTPResponse:
        """Send until there is an answer that is not worth another try."""
        for left in reversed(range(_TRIES)):
            try:
                answer = self._sent(path, query, headers)
                if answer.status not in _AGAIN or not left:
                    return answer
                answer.read()
            except (OSError, http.client.HTTPException):
                self.forget()
                if not left:
                    raise
            # full jitter, from the system's chance: nothing seeded outlives a snapshot
            wait = 0.05 * 2 ** (_TRIES - left) * random.SystemRandom().random()
            self._sleep(wait)
        raise AssertionError  # the last try returns or raises

    def _sent(
        self, path: str, query: str, headers: Mapping[str, str]
    ) -> http.client.HTTPResponse:
        signed = signed_headers(
            self._host,
            path,
            query,
            headers,
            self._current(),
            self._region,
            datetime.fromtimestamp(self._now(), UTC),
        )
        if self._connection is None:
            kind = (
                http.client.HTTPSConnection
                if self._secure
                else http.client.HTTPConnection
            )
            self._connection = kind(self._host, timeout=_SECONDS)
        target = f"{path}?{query}" if query else path
        self._connection.request("GET", target, headers=signed)
        return self._connection.getresponse()

    def _current(self) -> Credentials:
        """Return credentials that hold for another minute."""
        env = self._env
        if "AWS_ACCESS_KEY_ID" in env:
            return Credentials(
                env["AWS_ACCESS_KEY_ID"],
                env["AWS_SECRET_ACCESS_KEY"],
                env.get("AWS_SESSION_TOKEN"),
            )
        kept = self._credentials
        if kept is None or self._now() > kept.until - 60:
            kept = self._credentials = self._from_agent()
        return kept

    def _from_agent(self) -> Credentials:
        """Ask the container's agent, as functions restored from a snapshot must."""
        end = urlsplit(self._env["AWS_CONTAINER_CREDENTIALS_FULL_URI"])
        token = self._env.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
        agent = http.client.HTTPConnection(end.netloc, timeout=_SECONDS)
        try:
            agent.request("GET", end.path or "/", headers={"Authorization": token})
            answer = agent.getresponse()
            given: Any = json.loads(answer.read())
            until = datetime.fromisoformat(given["Expiration"]).timestamp()
            return Credentials(
                given["AccessKeyId"], given["SecretAccessKey"], given["Token"], until
            )
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"the credentials' agent answered no key: {error}"
            ) from error
        finally:
            agent.close()


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
    stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    named = {
        "host": host,
        "x-amz-content-sha256": _EMPTY,
        "x-amz-date": stamp,
        **({"x-amz-security-token": credentials.token} if credentials.token else {}),
        **headers,
    }
    names = sorted(named)
    listed = ";".join(names)
    lines = "".join(f"{name}:{named[name].strip()}\n" for name in names)
    request = f"GET\n{path}\n{query}\n{lines}\n{listed}\n{_EMPTY}"
    scope = f"{day}/{region}/s3/aws4_request"
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
    key = f"AWS4{credentials.secret}".encode()
    for part in (day, region, "s3", "aws4_request", text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    named["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credentials.key}/{scope}, "
        f"SignedHeaders={listed}, Signature={key.hex()}"
    )
    return named


def _region(env: Mapping[str, str]) -> str:
    return env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or ""


def _code(body: bytes) -> str:
    """Return the code in one of S3's error documents."""
    try:
        return ET.fromstring(body).findtext("Code") or ""  # noqa: S314
    except ET.ParseError:
        return ""

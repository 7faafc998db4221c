"""A bucket, or a prefix inside one, as a store; the only module that knows boto3.

Writes are conditional: ``If-None-Match: *`` creates, ``If-Match`` swaps (S3 has both
since November 2024), so two writers never overwrite each other.
"""

import base64
import hashlib
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import boto3
from boto3.exceptions import S3UploadFailedError
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from hotseat_registry.errors import (
    ConflictError,
    NotFoundError,
    RegistryError,
    StoreError,
)
from hotseat_registry.stores.store import (
    MAX_OBJECT_BYTES,
    OBJECT_TOO_LARGE,
    OnBytes,
    Stored,
    ignore_bytes,
)

_MISSING = {"NoSuchKey", "404", "NotFound"}
_LOST = {"PreconditionFailed", "412"}
_UNCHANGED = {"304", "NotModified"}
_RACE = {"ConditionalRequestConflict", "409"}
_TRIES = 8
# few and small pieces: they are all in memory at once, whatever a blob's size
_TRANSFER = TransferConfig(
    multipart_threshold=8 << 20,
    multipart_chunksize=8 << 20,
    max_concurrency=4,
    max_io_queue=32,
)


class S3Store:
    """Keys are keys below the prefix of ``s3://bucket/prefix``.

    `kms_key` (default HOTSEAT_KMS_KEY) encrypts what is written; without it the
    bucket's own setting holds.
    """

    def __init__(self, uri: str, s3: Any = None, kms_key: str | None = None) -> None:
        kms_key = kms_key or os.environ.get("HOTSEAT_KMS_KEY")
        self._encryption = (
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key}
            if kms_key
            else {}
        )
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        self.uri = uri.rstrip("/")
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._s3 = s3 or client()
        # boto3's own transfer has no argument for it; a bucket's policy may demand it
        for operation in ("PutObject", "CompleteMultipartUpload"):
            self._s3.meta.events.register(
                f"provide-client-params.s3.{operation}",
                _create_once,
                unique_id=f"hotseat-{operation}",
            )

    def read(self, key: str, *, unless: str | None = None) -> Stored | None:
        """See `Store.read`."""
        condition = {"IfNoneMatch": unless} if unless else {}
        with self._translated_errors(key):
            try:
                got = self._s3.get_object(**self._at(key), **condition)
            except ClientError as error:
                if _code(error) in _UNCHANGED:
                    return None
                raise
            data = got["Body"].read(MAX_OBJECT_BYTES + 1)
            if len(data) > MAX_OBJECT_BYTES:
                raise StoreError(f"{self.uri}, {key}: {OBJECT_TOO_LARGE}")
            return Stored(data, got["ETag"])

    def write(self, key: str, data: bytes, *, replacing: str | None = None) -> str:
        """See `Store.write`."""
        condition = {"IfMatch": replacing} if replacing else {"IfNoneMatch": "*"}
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()

        def put() -> str:
            written = self._s3.put_object(
                **self._at(key),
                Body=data,
                ChecksumSHA256=digest,
                **condition,
                **self._encryption,
            )
            return str(written["ETag"])

        with self._translated_errors(key):
            try:
                return _retry_race(put)
            except ClientError as error:
                if replacing and _code(error) in _MISSING:  # no object, no match
                    raise ConflictError(f"{key} was removed meanwhile") from error
                raise

    def delete(self, key: str, *, replacing: str | None = None) -> None:
        """See `Store.delete`."""
        condition = {"IfMatch": replacing} if replacing else {}
        with self._translated_errors(key):
            try:
                self._s3.delete_object(**self._at(key), **condition)
            except ClientError as error:
                if _code(error) not in _MISSING:
                    raise

    def list(self, prefix: str) -> Iterator[str]:
        """See `Store.list`."""
        pages = self._s3.get_paginator("list_objects_v2")
        with self._translated_errors(prefix):
            for page in pages.paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix
            ):
                for item in page.get("Contents", []):
                    yield item["Key"].removeprefix(self._prefix)

    def folders(self, prefix: str) -> Iterator[str]:
        """See `Store.folders`."""
        pages = self._s3.get_paginator("list_objects_v2")
        place = self._prefix + prefix
        with self._translated_errors(prefix):
            for page in pages.paginate(
                Bucket=self._bucket, Prefix=place, Delimiter="/"
            ):
                for item in page.get("CommonPrefixes", []):
                    yield item["Prefix"].removeprefix(place).rstrip("/")

    def upload(self, key: str, path: Path, on_bytes: OnBytes = ignore_bytes) -> bool:
        """See `Store.upload`."""
        with self._translated_errors(key):
            try:
                self._s3.head_object(**self._at(key))
            except ClientError as error:
                if _code(error) not in _MISSING:
                    raise
            else:
                return False
            try:
                _retry_race(lambda: self._upload(key, path, on_bytes))
            except ClientError as error:
                if _code(error) not in _LOST:
                    raise
                return False  # somebody else has stored the same bytes meanwhile
        return True

    def _upload(self, key: str, path: Path, on_bytes: OnBytes) -> str:
        """Upload a file in parts; raises `ClientError`."""
        try:
            self._s3.upload_file(
                str(path),
                self._bucket,
                self._prefix + key,
                ExtraArgs={"ChecksumAlgorithm": "SHA256", **self._encryption},
                Callback=on_bytes,
                Config=_TRANSFER,
            )
        except S3UploadFailedError as error:
            if isinstance(error.__context__, ClientError):
                raise error.__context__ from None
            raise
        return key

    def download(
        self, key: str, file: IO[bytes], on_bytes: OnBytes = ignore_bytes
    ) -> None:
        """See `Store.download`."""
        with self._translated_errors(key):
            self._s3.download_fileobj(
                self._bucket,
                self._prefix + key,
                file,
                Callback=on_bytes,
                Config=_TRANSFER,
            )

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + key}

    @contextmanager
    def _translated_errors(self, key: str) -> Iterator[None]:
        """Narrow what boto3 raises to the registry's own errors."""
        with translated_errors(f"{self.uri}, {key}"):
            try:
                yield
            except ClientError as error:
                if _code(error) in _LOST:
                    raise ConflictError(
                        f"{key} was written by somebody else"
                    ) from error
                if _code(error) in _MISSING:
                    raise NotFoundError(f"{self.uri} has no {key}") from error
                raise


def _create_once(params: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add the condition of a creation to a write that has no other."""
    if "IfMatch" in params or "IfNoneMatch" in params:
        return params
    return {**params, "IfNoneMatch": "*"}


def client(service: str = "s3", region: str | None = None) -> Any:
    """Return an AWS client that retries throttling; raises `StoreError`."""
    try:
        return boto3.client(
            service,
            region_name=region,
            config=Config(
                retries={"mode": "standard", "max_attempts": 5},
                connect_timeout=5,
                read_timeout=30,
                max_pool_connections=64,  # what `parallel` may have under way
            ),
        )
    except BotoCoreError as error:  # no region, a broken profile ...
        raise StoreError(f"{service}: {error}") from error


@contextmanager
def translated_errors(what: str) -> Iterator[None]:
    """Narrow what boto3 raises to `StoreError`."""
    try:
        yield
    except ClientError as error:
        message = error.response.get("Error", {}).get("Message", "")
        raise StoreError(f"{what}: {_code(error)} {message}") from error
    except RegistryError:
        raise
    except Exception as error:  # boto3, botocore and urllib3 share no base class
        raise StoreError(f"{what}: {error or type(error).__name__}") from error


def _retry_race(put: Callable[[], str]) -> str:
    """Repeat a write that S3 gave up because another was under way (409)."""
    for left in reversed(range(_TRIES)):
        try:
            return put()
        except ClientError as error:
            if _code(error) not in _RACE or not left:
                raise
            time.sleep(random.uniform(0, 0.1 * (_TRIES - left)))  # noqa: S311
    raise AssertionError  # the last try returns or raises


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))

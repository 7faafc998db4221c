"""Stores of bytes with one behaviour: a folder, a bucket, memory."""

import os
from pathlib import Path

from hotseat_registry.errors import StoreError
from hotseat_registry.stores.store import OnBytes, Store, Stored, ignore_bytes

__all__ = ["OnBytes", "Store", "Stored", "ignore_bytes", "open_store"]


def open_store(uri: str, *, reading: bool = False) -> Store:
    """Open ``s3://bucket/prefix``, ``file://folder`` or a plain path.

    For `reading` alone a bucket is opened without boto3, where the environment has
    what that takes. Raises `StoreError` for any other scheme.
    """
    scheme, mark, rest = uri.partition("://")
    if mark and scheme == "s3":
        if reading:
            from hotseat_registry.stores import signed

            if signed.available(os.environ):
                return signed.SignedStore(uri)
        from hotseat_registry.stores.s3 import S3Store

        return S3Store(uri)
    if mark and scheme != "file":
        raise StoreError(f"{uri!r}: a registry is s3://bucket/prefix or file://folder")
    from hotseat_registry.stores.folder import FolderStore

    return FolderStore(Path(rest if mark else uri))

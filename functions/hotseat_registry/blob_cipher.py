r"""Encrypt files in chunks, and decrypt them in memory: AES-256-GCM.

::

    8 bytes      the magic bytes ``HSENC1\0\0``
    48 bytes     the SHA-256 of the content, encrypted
    1 MiB + 16   each chunk of the content, encrypted; the last may be shorter

The key of a file is derived from the version's data key by HKDF-SHA-256 (RFC 5869) with
its model and name. The nonce of a record is its kind and its number, so that none
repeats under a key: a data key encrypts each name once. Records are bound to model,
file name, digest, number, and whether they are the last (STREAM: Hoang, Reyhanitabar,
Rogaway, Vizar, "Online Authenticated-Encryption and its Nonce-Reuse
Misuse-Resistance", 2015). So a chunk that was changed, moved, or left out at the end is
refused, and so is a file under another name or of another model.

Imported only where a version is encrypted: cryptography takes 25 ms to import.
"""

import hashlib
import io
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hotseat_registry.errors import IntegrityError

MAGIC = b"HSENC1\0\0"
KEY_BYTES = 32
CHUNK = 1 << 20
_TAG = 16
_HEADER = len(MAGIC) + 32 + _TAG
_CHUNK, _LAST, _DIGEST = b"\0", b"\1", b"\2"
"""The kinds of a record."""
_NO_DIGEST = bytes(32)


class FileCipher:
    """Encrypts and decrypts one file of a version; `data_key` has 32 bytes."""

    def __init__(self, data_key: bytes, model: str, name: str) -> None:
        self.name = name
        self._what = f"{model}\0{name}\0".encode()
        derived = HKDF(
            hashes.SHA256(), KEY_BYTES, salt=None, info=b"hotseat file\0" + self._what
        )
        self._aead = AESGCM(derived.derive(data_key))

    def encrypt(self, source: BinaryIO, target: Path) -> None:
        """Encrypt an open file into another, a chunk at a time; raises `OSError`."""
        digest = _digest(source)
        source.seek(0)
        with target.open("wb") as into:
            into.write(MAGIC)
            into.write(self._seal(_DIGEST, 0, digest, _NO_DIGEST))
            for number, (kind, chunk) in enumerate(_chunks(source)):
                into.write(self._seal(kind, number, chunk, digest))

    def decrypt(self, path: Path) -> bytes:
        """Return the content of an encrypted file, in memory.

        Raises `IntegrityError` for bytes that are not exactly those of this file.
        """
        try:
            with path.open("rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:  # ValueError: it is empty
            raise IntegrityError(f"{self.name} cannot be read: {error}") from None
        return self.decrypt_bytes(memoryview(mapped))

    def decrypt_bytes(self, data: bytes | memoryview) -> bytes:
        """Return the content of the bytes of an encrypted file; see `decrypt`."""
        if len(data) < _HEADER + _TAG or bytes(data[: len(MAGIC)]) != MAGIC:
            raise IntegrityError(
                f"{self.name} is no encrypted file, or it was cut: its first bytes are "
                "not those of the format"
            )
        try:
            digest = self._open(_DIGEST, 0, data[len(MAGIC) : _HEADER], _NO_DIGEST)
        except InvalidTag:
            raise IntegrityError(
                f"{self.name} does not decrypt: it is of another version, model or "
                "name, or its first bytes were changed"
            ) from None
        # one buffer of the whole size, which `getvalue` gives out without a copy
        content = io.BytesIO()
        starts = range(_HEADER, len(data), CHUNK + _TAG)
        size = len(data) - _HEADER - len(starts) * _TAG
        content.truncate(max(size, 0))
        if size > 0:
            content.seek(size - 1)
            content.write(b"\0")
        with content.getbuffer() as buffer:
            for number, at in enumerate(starts):
                self._open_chunk(data, number, at, digest, buffer)
        return content.getvalue()

    def _open_chunk(
        self,
        data: bytes | memoryview,
        number: int,
        at: int,
        digest: bytes,
        buffer: memoryview,
    ) -> None:
        """Decrypt the chunk at `at` into its place; raises `IntegrityError`."""
        sealed = data[at : at + CHUNK + _TAG]
        kind = _LAST if at + len(sealed) == len(data) else _CHUNK
        place = buffer[number * CHUNK : number * CHUNK + len(sealed) - _TAG]
        try:
            self._aead.decrypt_into(
                _nonce(kind, number), sealed, self._bound(kind, number, digest), place
            )
        except (InvalidTag, ValueError):  # ValueError: shorter than its tag
            count = -(-(len(data) - _HEADER) // (CHUNK + _TAG))
            raise IntegrityError(
                f"{self.name} does not decrypt: chunk {number + 1} of {count} was "
                "changed, moved, or is followed by others that are missing"
            ) from None

    def _seal(self, kind: bytes, number: int, data: bytes, digest: bytes) -> bytes:
        return self._aead.encrypt(
            _nonce(kind, number), data, self._bound(kind, number, digest)
        )

    def _open(
        self, kind: bytes, number: int, data: bytes | memoryview, digest: bytes
    ) -> bytes:
        return self._aead.decrypt(
            _nonce(kind, number), data, self._bound(kind, number, digest)
        )

    def _bound(self, kind: bytes, number: int, digest: bytes) -> bytes:
        """Return what a record is bound to (associated data)."""
        return MAGIC + self._what + digest + kind + number.to_bytes(8, "big")


def encrypted_size(size: int) -> int:
    """Return the bytes of the encrypted file of a content of `size` bytes."""
    chunks = max(1, -(-size // CHUNK))
    return _HEADER + size + chunks * _TAG


def _nonce(kind: bytes, number: int) -> bytes:
    return kind + number.to_bytes(11, "big")


def _digest(file: BinaryIO) -> bytes:
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK):
        digest.update(chunk)
    return digest.digest()


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Yield each chunk with its kind; an empty file is one empty chunk."""
    chunk = file.read(CHUNK)
    while following := file.read(CHUNK):
        yield _CHUNK, chunk
        chunk = following
    yield _LAST, chunk

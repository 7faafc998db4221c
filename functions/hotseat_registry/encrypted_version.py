"""Encrypt the files of a version for publishing; read those of one in memory."""

import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

from hotseat_registry.dataclass import dataclass
from hotseat_registry.encrypted_file import EncryptedFile
from hotseat_registry.encryption import CARD
from hotseat_registry.errors import IntegrityError, RefusedError
from hotseat_registry.manifest import Manifest
from hotseat_registry.names import Reference
from hotseat_registry.wrapping_keys import WrappingKey, unwrap


def encrypt(
    manifest: Manifest, files: Mapping[str, Path], key: WrappingKey, folder: Path
) -> tuple[Manifest, dict[str, Path]]:
    """Return the manifest and the files of the same version, encrypted in `folder`.

    The card, which may quote rows, becomes one of the files. Raises `IntegrityError`
    for a file of the card's name, `RefusedError` for a language model, and what the
    key raises.
    """
    from hotseat_registry.blob_cipher import FileCipher

    if manifest.signature.text is not None:
        raise RefusedError(
            f"{manifest.model}: the tokenizer of a language model is read from its "
            "file, so it cannot be encrypted: publish it without --encrypt"
        )
    if CARD in files:
        raise IntegrityError(f"{CARD} is the encrypted card's name: rename the file")
    data_key, encryption = key.new(manifest.model)
    encrypted: dict[str, Path] = {}
    for number, (name, path) in enumerate(sorted(files.items())):
        encrypted[name] = folder / f"{number}{PurePath(name).suffix}"
        cipher = FileCipher(data_key, manifest.model, name)
        with path.open("rb") as file:
            cipher.encrypt(file, encrypted[name])
    if manifest.card:
        encrypted[CARD] = folder / CARD
        cipher = FileCipher(data_key, manifest.model, CARD)
        cipher.encrypt(io.BytesIO(manifest.card.encode()), encrypted[CARD])
    return replace(manifest, encryption=encryption, card=""), encrypted


@dataclass(frozen=True, slots=True)
class Decrypted:
    """The decrypted files of a version, and the time that it took."""

    files: Mapping[str, EncryptedFile]
    size: int
    """Bytes of the contents."""
    key_ms: float
    """Milliseconds until the data key was unwrapped, with the import."""
    milliseconds: float
    """Milliseconds of the decryption alone."""

    def to_event(self, reference: Reference) -> dict[str, Any]:
        """Return the fields of the event `version_decrypted`."""
        return {
            "model": reference.model,
            "version": reference.version,
            "bytes": self.size,
            "key_ms": round(self.key_ms, 1),
            "decrypt_ms": round(self.milliseconds, 1),
        }

    def file(self, name: str, path: Path) -> EncryptedFile:
        """Return another file of the version, not decrypted yet."""
        some = next(iter(self.files.values()))
        file = EncryptedFile(path, some.model, name, some.data_key)
        file.release()  # it is read once
        return file

    def release(self) -> None:
        """Drop the decrypted contents."""
        for file in self.files.values():
            file.release()


def decrypt(
    manifest: Manifest, paths: Mapping[str, Path], places: Sequence[str]
) -> Decrypted:
    """Decrypt files of a version in memory with one of the keys at `places`.

    Raises `NoKeyError` without the right key, `IntegrityError` for changed bytes.
    """
    assert manifest.encryption is not None
    started = time.perf_counter()
    data_key = unwrap(manifest.model, manifest.reference, manifest.encryption, places)
    from hotseat_registry import blob_cipher as _blob_cipher  # with the import's time

    del _blob_cipher
    has_key = time.perf_counter()
    files = {
        name: EncryptedFile(path, manifest.model, name, data_key)
        for name, path in paths.items()
    }
    try:
        size = sum(len(file.read_bytes()) for file in files.values())
    except IntegrityError as error:
        raise IntegrityError(f"{manifest.reference}: {error}") from None
    return Decrypted(
        files,
        size,
        1e3 * (has_key - started),
        1e3 * (time.perf_counter() - has_key),
    )

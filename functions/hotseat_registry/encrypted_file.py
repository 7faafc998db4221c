"""One encrypted file of a version, read as a plain one is."""

import base64
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Self

from hotseat_registry.dataclass import dataclass, field


@dataclass(slots=True)
class EncryptedFile:
    """A file that is decrypted when it is read, as a `Path` is read.

    What was read is kept until `release`, and not after it. Raises `IntegrityError`
    for bytes that are not the file's.
    """

    path: Path
    """The encrypted file."""
    model: str
    name: str
    data_key: bytes = field(repr=False)
    _content: bytes | None = field(default=None, repr=False)
    _keeps: bool = True

    @property
    def suffix(self) -> str:
        """See `PurePath.suffix`."""
        return PurePath(self.name).suffix

    def read_bytes(self) -> bytes:
        """See `Path.read_bytes`."""
        from hotseat_registry.blob_cipher import FileCipher

        if self._content is not None:
            return self._content
        content = FileCipher(self.data_key, self.model, self.name).decrypt(self.path)
        if self._keeps:
            self._content = content
        return content

    def read_text(self, encoding: str) -> str:
        """See `Path.read_text`."""
        return self.read_bytes().decode(encoding)

    def release(self) -> None:
        """Drop the decrypted content."""
        self._content, self._keeps = None, False

    def to_json(self) -> dict[str, str]:
        """Return what `from_json` reads, with the key: for a pipe, never for a file."""
        key = base64.b64encode(self.data_key).decode()
        return {"path": str(self.path), "model": self.model, "name": self.name,
                "key": key}  # fmt: skip

    @classmethod
    def from_json(cls, value: Mapping[str, str]) -> Self:
        """Return the file that `to_json` described."""
        key = base64.b64decode(value["key"])
        return cls(Path(value["path"]), value["model"], value["name"], key)

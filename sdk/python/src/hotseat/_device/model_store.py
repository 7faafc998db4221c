"""A folder with the files of downloaded versions.

::

    <model>/<number>/<file>         a complete file of a version
    <model>/<number>/<file>.part    an incomplete one
    <model>/<alias or number>.json  the version in use, written last
    <model>/signed-head             the newest signed head that was accepted

Only the user can write the folders, because these JSON files decide which version
answers offline. A rename replaces such a file, so a killed process leaves the last good
version in use. Every use checks the digests: if two processes write the same part, one
of them starts again, and a damaged file is never run.
"""

import contextlib
import hashlib
import json
import os
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from hotseat._device.bundle import Bundle, File, Reference, check_digest
from hotseat._device.folder import cache_folder
from hotseat._device.signed_head import Seen
from hotseat.errors import ConfigError, HotseatError


@dataclass(frozen=True, slots=True)
class ModelStore:
    """A folder of versions. Methods raise `ConfigError` if it is not writable."""

    root: Path

    @classmethod
    def at(cls, folder: str | os.PathLike[str] | None, base_url: str) -> "ModelStore":
        """Return a store in a folder; default: the user's folder for this service."""
        if folder is not None:
            return cls(Path(folder))
        service = hashlib.sha256(base_url.encode()).hexdigest()[:16]
        store = cls(cache_folder() / service)
        with contextlib.suppress(OSError):  # missing, or owned by another user
            if store.root.stat().st_mode & 0o077:
                store.root.chmod(0o700)
        return store

    def folder_of(self, bundle: Bundle) -> Path:
        """Return the folder of a version's files."""
        return self.root / bundle.requested_as / str(bundle.version)

    def have(self, bundle: Bundle, file: File) -> int:
        """Return the number of bytes stored of a file."""
        whole = self.folder_of(bundle) / file.name
        for path in (whole, _part(whole)):
            with contextlib.suppress(OSError):
                size = path.stat().st_size
                if size <= file.size:
                    if path != whole and size == file.size:
                        path.replace(whole)
                    return size
                path.unlink()  # longer than the file: damaged
        if file.size == 0:
            self.add(bundle, file, b"")
        return 0

    def add(self, bundle: Bundle, file: File, piece: bytes) -> int:
        """Append a piece to an incomplete file; return its size."""
        whole = self.folder_of(bundle) / file.name
        part = _part(whole)
        try:
            for place in (self.root, part.parent.parent, part.parent):
                place.mkdir(mode=0o700, parents=True, exist_ok=True)
            with part.open("ab") as opened:
                opened.write(piece)
                size = opened.tell()
            if size >= file.size:
                part.replace(whole)
        except OSError as error:
            raise ConfigError(f"{self.root} cannot be written: {error}") from None
        return size

    def check(self, bundle: Bundle) -> None:
        """Raise `TransportError` unless a version is complete and undamaged."""
        for file in bundle.files:
            check_digest(self.folder_of(bundle) / file.name, file)

    def note(self, reference: Reference, bundle: Bundle) -> None:
        """Record the version in use."""
        noted = self.noted(reference)
        if noted and noted.document == bundle.document:
            return  # a folder shipped with the game may be read-only
        path = self._note(reference)
        part = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
        try:
            part.write_text(json.dumps(dict(bundle.document)), "utf-8")
            part.replace(path)
        except OSError as error:
            raise ConfigError(f"{self.root} cannot be written: {error}") from None

    def noted(self, reference: Reference) -> Bundle | None:
        """Return the version in use, or None."""
        try:
            document = json.loads(self._note(reference).read_text("utf-8"))
            return Bundle.read(document, reference.model)
        except (OSError, ValueError, TypeError, RecursionError, HotseatError):
            return None

    def seen_head(self, model: str, trust_name: str) -> Seen | None:
        """Return the newest signed head that was accepted under these keys, or None."""
        try:
            value = json.loads(self._head(model).read_text("utf-8"))
            if value["trust"] != trust_name:
                return None  # after a rotation the memory begins anew
            return Seen(int(value["sequence"]), str(value["digest"]))
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None

    def keep_head(self, model: str, trust_name: str, seen: Seen) -> None:
        """Remember a signed head, so that an older one is refused from now on."""
        if self.seen_head(model, trust_name) == seen:
            return
        path = self._head(model)
        part = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
        value = {
            "trust": trust_name, "sequence": seen.sequence, "digest": seen.digest
        }  # fmt: skip
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            part.write_text(json.dumps(value), "utf-8")
            part.replace(path)
        except OSError as error:
            raise ConfigError(f"{self.root} cannot be written: {error}") from None

    def _head(self, model: str) -> Path:
        return self.root / model / "signed-head"

    def _note(self, reference: Reference) -> Path:
        return self.root / reference.model / f"{reference.version}.json"

    def remove_unused(self, model: str) -> None:
        """Remove the versions of a model that are not in use."""
        folder = self.root / model
        named = {
            str(bundle.version)
            for path in folder.glob("*.json")
            if (bundle := self.noted(Reference(model, path.stem)))
        }
        for path in folder.iterdir():
            if path.is_dir() and path.name.isdigit() and path.name not in named:
                # on Windows, open files stay until the next refresh
                shutil.rmtree(path, ignore_errors=True)


def _part(whole: Path) -> Path:
    return whole.with_name(f"{whole.name}.part")

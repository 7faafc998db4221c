"""Files of versions in a folder: whole ones by their names, others as parts.

::

    <model>/<number>/<file>         of one version
    <model>/<number>/<file>.part    of it, what has come so far
    <model>/<alias or number>.json  the version that is to be used, noted last

Folders are made for the user alone: whoever writes the notes says which version
answers without the service. A note is replaced by a rename, so a process that is killed
at any moment leaves what was good before. Every use checks the digests: of two
processes that write the same part one has to begin again, and nothing damaged is
ever run.
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
from hotseat.errors import ConfigError, HotseatError


@dataclass(frozen=True, slots=True)
class ModelStore:
    """One folder. Every method raises `ConfigError` where it cannot be written."""

    root: Path

    @classmethod
    def at(cls, folder: str | os.PathLike[str] | None, base_url: str) -> "ModelStore":
        """Return a store in a folder, by default one for this service of this user."""
        if folder is not None:
            return cls(Path(folder))
        service = hashlib.sha256(base_url.encode()).hexdigest()[:16]
        store = cls(cache_folder() / service)
        with contextlib.suppress(OSError):  # not there yet, or another's
            if store.root.stat().st_mode & 0o077:
                store.root.chmod(0o700)
        return store

    def folder_of(self, bundle: Bundle) -> Path:
        """Return where a version's files lie."""
        return self.root / bundle.requested_as / str(bundle.version)

    def have(self, bundle: Bundle, file: File) -> int:
        """Return how many of a file's bytes are here."""
        whole = self.folder_of(bundle) / file.name
        for path in (whole, _part(whole)):
            with contextlib.suppress(OSError):
                size = path.stat().st_size
                if size <= file.size:
                    if path != whole and size == file.size:
                        path.replace(whole)
                    return size
                path.unlink()  # longer than it may be: it is none of it
        if file.size == 0:
            self.add(bundle, file, b"")
        return 0

    def add(self, bundle: Bundle, file: File, piece: bytes) -> int:
        """Put a piece at the end of a file's part; return how much is here now."""
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
        """Raise `TransportError` unless all of a version is here and right."""
        for file in bundle.files:
            check_digest(self.folder_of(bundle) / file.name, file)

    def note(self, reference: Reference, bundle: Bundle) -> None:
        """Note the version to use from now on."""
        noted = self.noted(reference)
        if noted and noted.document == bundle.document:
            return  # a folder that came with the game may be one to read only
        path = self._note(reference)
        part = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
        try:
            part.write_text(json.dumps(dict(bundle.document)), "utf-8")
            part.replace(path)
        except OSError as error:
            raise ConfigError(f"{self.root} cannot be written: {error}") from None

    def noted(self, reference: Reference) -> Bundle | None:
        """Return the version that was noted, if there is one."""
        try:
            document = json.loads(self._note(reference).read_text("utf-8"))
            return Bundle.read(document, reference.model)
        except (OSError, ValueError, TypeError, RecursionError, HotseatError):
            return None

    def _note(self, reference: Reference) -> Path:
        return self.root / reference.model / f"{reference.version}.json"

    def remove_unused(self, model: str) -> None:
        """Let go of the versions of a model that no note names."""
        folder = self.root / model
        named = {
            str(found.version)
            for path in folder.glob("*.json")
            if (found := self.noted(Reference(model, path.stem)))
        }
        for path in folder.iterdir():
            if path.is_dir() and path.name.isdigit() and path.name not in named:
                # what Windows still has open stays until the next time
                shutil.rmtree(path, ignore_errors=True)


def _part(whole: Path) -> Path:
    return whole.with_name(f"{whole.name}.part")

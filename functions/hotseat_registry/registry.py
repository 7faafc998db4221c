"""A registry: versions that never change, aliases that move over them."""

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from hotseat_registry import layout, ledger
from hotseat_registry.errors import (
    AliasMovedError,
    AliasNotFoundError,
    ConflictError,
    IntegrityError,
    ModelNotFoundError,
    NotFoundError,
    VersionNotFoundError,
)
from hotseat_registry.ledger import Entry, Move
from hotseat_registry.manifest import File, Manifest
from hotseat_registry.names import LIVE, Reference, check_name
from hotseat_registry.stores import Store, open_store

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Head:
    """Where a model's aliases stand, and the tag that names this state."""

    entry: Entry
    tag: str


def _now() -> datetime:
    return datetime.now(UTC)


class Registry:
    """Publish, resolve, fetch, promote, roll back; over any store.

    Every method may raise `StoreError` when the store cannot be reached.
    """

    def __init__(self, store: Store, clock: Callable[[], datetime] = _now) -> None:
        self.store = store
        self._clock = clock

    # Publishing

    def publish(
        self, manifest: Manifest, files: Mapping[str, Path], *, by: str
    ) -> Manifest:
        """Make a version of `files` and return its manifest, numbered.

        The files go first, the manifest last: until it is there nobody sees the
        version, and then all of it is there. Numbers have no gaps, however many
        publish at once.

        Raises `IntegrityError` when the manifest names a file that is not given.
        """
        check_name(manifest.model)
        named = {variant.file for variant in manifest.variants}
        named |= {manifest.golden} if manifest.golden else set()
        if missing := named - set(files):
            raise IntegrityError(f"{manifest.model}: no file {min(missing)!r}")
        described = {name: _describe(path) for name, path in files.items()}
        for name, path in files.items():
            self.store.upload(layout.blob(described[name].sha256), path)
        number = max(self.versions(manifest.model), default=0)
        while True:
            number += 1
            version = replace(
                manifest,
                version=number,
                files=described,
                published_at=self._time(),
                published_by=by,
            )
            key = layout.manifest(manifest.model, number)
            try:
                self.store.write(key, version.to_bytes())
            except ConflictError:
                continue  # somebody took the number: the next one is free or taken
            return version

    # Asking

    def models(self) -> list[str]:
        """Return the names of all models that have a version, sorted."""
        keys = self.store.list(layout.MODELS)
        return sorted({key.split("/")[1] for key in keys if "/versions/" in key})

    def versions(self, model: str) -> list[int]:
        """Return the numbers of a model's versions, ascending."""
        keys = self.store.list(layout.versions(check_name(model)))
        return sorted(map(layout.number, keys))

    def head(self, model: str, *, unless: Head | None = None) -> Head:
        """Return where the aliases of `model` stand; one request.

        With `unless`, an unchanged head is returned without being sent again.
        Raises `AliasNotFoundError` when no alias was ever set.
        """
        key = layout.head(check_name(model))
        try:
            stored = self.store.read(key, unless=unless.tag if unless else None)
        except NotFoundError:
            raise AliasNotFoundError(
                f"{model} has no aliases: promote a version first"
            ) from None
        if stored is None:
            assert unless is not None
            return unless
        return Head(Entry.from_bytes(stored.data, key), stored.tag)

    def aliases(self, model: str) -> dict[str, int]:
        """Return where each alias of `model` stands."""
        try:
            return dict(self.head(model).entry.aliases)
        except AliasNotFoundError:
            return {}

    def number(self, reference: Reference) -> int:
        """Return the version number that `reference` means now.

        Raises `AliasNotFoundError` or `ModelNotFoundError`; a number is returned
        as it is.
        """
        if reference.version is not None:
            return reference.version
        aliases = self.aliases(reference.model)
        if reference.alias in aliases:
            return aliases[reference.alias]
        known = self.versions(reference.model)
        if not known:
            raise ModelNotFoundError(
                f"no model {reference.model!r} in {self.store.uri}"
            )
        raise AliasNotFoundError(
            f"{reference.model} has no alias {reference.alias!r} "
            f"({_list(sorted(aliases), 'aliases')}; {_list(known, 'versions')})"
        )

    def resolve(self, reference: Reference) -> Manifest:
        """Return the manifest of the version that `reference` means now.

        Raises `NotFoundError` or `IntegrityError`.
        """
        number = self.number(reference)
        key = layout.manifest(reference.model, number)
        try:
            stored = self.store.read(key)
        except NotFoundError:
            known = self.versions(reference.model)
            if not known:
                raise ModelNotFoundError(
                    f"no model {reference.model!r} in {self.store.uri}"
                ) from None
            raise VersionNotFoundError(
                f"{reference.model} has no version {number} "
                f"({_list(known, 'versions')})"
            ) from None
        assert stored is not None
        manifest = Manifest.from_bytes(stored.data, key)
        if (manifest.model, manifest.version) != (reference.model, number):
            raise IntegrityError(f"{key} holds the manifest of {manifest.reference}")
        return manifest

    def history(self, model: str) -> list[Entry]:
        """Return every move of the model's aliases, oldest first, chain checked.

        Raises `IntegrityError` when the chain is broken.
        """
        try:
            newest = self.head(model).entry
        except AliasNotFoundError:
            return []
        entries = [self._entry(model, n) for n in range(1, newest.sequence)]
        entries.append(newest)
        ledger.check(entries)
        return entries

    # Fetching

    def fetch(
        self, manifest: Manifest, into: Path, names: Iterable[str] | None = None
    ) -> dict[str, Path]:
        """Bring files of a version into the folder `into` and return their paths.

        Each lies under its digest and is checked on every call, so what is there
        already is not fetched again and what was damaged is.
        Raises `IntegrityError` when the store's bytes are not what they should be.
        """
        paths = {}
        for name in manifest.files if names is None else names:
            file = manifest.files[name]
            path = into / file.sha256[:2] / f"{file.sha256}{Path(name).suffix}"
            if not (path.exists() and _describe(path).sha256 == file.sha256):
                self._download(file, path, f"{manifest.reference}, {name}")
            paths[name] = path
        return paths

    def verify(self, reference: Reference) -> Manifest:
        """Fetch every file of a version and check its digest.

        Raises `IntegrityError` naming the first that is damaged or missing.
        """
        manifest = self.resolve(reference)
        with tempfile.TemporaryDirectory() as folder:
            self.fetch(manifest, Path(folder))
        return manifest

    # Moving

    def promote(
        self,
        reference: Reference,
        alias: str = LIVE,
        *,
        by: str,
        because: str | None = None,
    ) -> Entry:
        """Move `alias` to a version and return the ledger's entry of it.

        Raises `NotFoundError` when the version is not there and `AliasMovedError`
        when somebody moved an alias of the model meanwhile.
        """
        check_name(alias, "alias")
        after = self.resolve(reference).version
        head = self._head(reference.model)
        return self._move(
            head, Move(reference.model, alias, after, self._time(), by, because)
        )

    def rollback(
        self,
        model: str,
        alias: str = LIVE,
        *,
        steps: int = 1,
        by: str,
        because: str | None = None,
    ) -> Entry:
        """Move `alias` to where it stood `steps` moves ago; a move like any other.

        Raises as `promote` does, and `RefusedError` when it never stood elsewhere.
        """
        head = self._head(model)
        _, after = self.plan_rollback(model, alias, steps)
        self.resolve(Reference(model, version=after))
        return self._move(
            head, Move(model, alias, after, self._time(), by, because, "rollback")
        )

    def plan_rollback(self, model: str, alias: str, steps: int = 1) -> tuple[int, int]:
        """Return where `alias` stands and where `rollback` would move it."""
        entries = self.history(model)
        after = ledger.before(entries, alias, steps)
        return entries[-1].aliases[alias], after

    def _move(self, head: Head | None, move: Move) -> Entry:
        entry = ledger.follow(head.entry if head else None, move)
        if head:
            self._keep(head.entry)
        tag = head.tag if head else None
        try:
            self.store.write(layout.head(move.model), entry.to_bytes(), replacing=tag)
        except ConflictError:
            won = self.head(move.model).entry
            raise AliasMovedError(
                f"{move.model}#{move.alias} was not moved to version {move.after}: "
                f"meanwhile {won.by} moved {won.model}#{won.alias} to version "
                f"{won.after} at {won.at}; look again and repeat"
            ) from None
        return entry

    def _keep(self, entry: Entry) -> None:
        """Copy the head's entry to its own key, before the head moves on."""
        key = layout.entry(entry.model, entry.sequence)
        with suppress(ConflictError):  # whoever wrote it wrote the same bytes
            self.store.write(key, entry.to_bytes())

    def _head(self, model: str) -> Head | None:
        try:
            return self.head(model)
        except AliasNotFoundError:
            return None

    def _entry(self, model: str, sequence: int) -> Entry:
        key = layout.entry(model, sequence)
        try:
            stored = self.store.read(key)
        except NotFoundError:
            raise IntegrityError(f"{key} is missing from the ledger") from None
        assert stored is not None
        return Entry.from_bytes(stored.data, key)

    def _download(self, file: File, path: Path, what: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as temporary:
            part = Path(temporary.name)
            try:
                self.store.download(layout.blob(file.sha256), temporary.file)
            except NotFoundError:
                part.unlink()
                raise IntegrityError(f"{what}: its bytes are missing") from None
            except BaseException:
                part.unlink()
                raise
        if _describe(part).sha256 != file.sha256:
            part.unlink()
            raise IntegrityError(
                f"{what}: its bytes do not match their digest {file.sha256[:12]}..."
            )
        part.replace(path)

    def _time(self) -> str:
        return self._clock().astimezone(UTC).isoformat(timespec="milliseconds")


def open_registry(uri: str) -> Registry:
    """Open ``s3://bucket/prefix``, ``file://folder`` or a plain path."""
    return Registry(open_store(uri))


def _describe(path: Path) -> File:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
            size += len(piece)
    return File(sha256=digest.hexdigest(), size=size)


def _list(items: Iterable[object], what: str) -> str:
    return f"{what}: {', '.join(map(str, items)) or 'none'}"

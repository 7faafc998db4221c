"""A registry: versions that never change, aliases that move over them."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hotseat_registry import blobs, layout, manifest_cache, signatures, version_files
from hotseat_registry.ahead import Ahead
from hotseat_registry.cache import Cache
from hotseat_registry.entry import GATE, PROMOTE, ROLLBACK, Entry
from hotseat_registry.errors import (
    AliasNotFoundError,
    ConflictError,
    ModelNotFoundError,
    NotFoundError,
    RetiredError,
    UntrustedError,
    VersionNotFoundError,
)
from hotseat_registry.ledger import Head, Ledger
from hotseat_registry.manifest import Manifest
from hotseat_registry.names import LIVE, Reference, check_name, is_name
from hotseat_registry.stores import OnBytes, Store, ignore_bytes, open_store

if TYPE_CHECKING:
    from hotseat_registry.gate import Gate
    from hotseat_registry.trust import Trust
    from hotseat_registry.wrapping_keys import WrappingKey

StartProgress = Callable[[str, int], OnBytes]
"""Called with each file's name and size; returns the callback for its bytes."""


def no_progress(_name: str, _size: int) -> OnBytes:
    """Report no progress."""
    return ignore_bytes


def _now() -> datetime:
    return datetime.now(UTC)


class Registry:
    """Publish, resolve, fetch, promote, roll back; over any store.

    With `trust`, only versions that a trusted key signed are promoted or fetched to
    be served. A `SignedLedger` as `ledger` follows signed heads alone.
    Every method may raise `StoreError` when the store cannot be reached.
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime] = _now,
        *,
        trust: "Trust | None" = None,
        ledger: Ledger | None = None,
    ) -> None:
        self.store = store
        self.ledger: Ledger = ledger or Ledger(store)
        self.clock = clock
        self.trust = trust

    # Publishing

    def publish(
        self,
        manifest: Manifest,
        files: Mapping[str, Path],
        *,
        by: str,
        progress: StartProgress = no_progress,
        encrypt: "WrappingKey | None" = None,
    ) -> Manifest:
        """Make a version of `files` and return its manifest, numbered.

        The files are stored first, the manifest last: a version becomes visible when it
        is complete. Numbers have no gaps, however many processes publish at once. With
        `encrypt` the files and the card are stored encrypted.

        Raises `IntegrityError` for a file that is missing, of a format that could
        carry code, or no graph that may be served, and for a manifest that could not be
        read again; `ConflictError` when gc is just
        removing the same bytes.
        """
        # late: a service never publishes, and starts without it
        from hotseat_registry import publish_check

        publish_check.check_free(check_name(manifest.model), self.models())
        made = publish_check.prepared(manifest, files, self.time(), by, encrypt)
        with made as (stored, paths):
            for name, file in stored.files.items():
                blobs.store(self.store, file, paths[name], progress(name, file.size))
        number = max(self.versions(manifest.model), default=0)
        while True:
            number += 1
            version = replace(
                stored, version=number, published_at=self.time(), published_by=by
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
        return sorted(filter(is_name, self.store.folders(layout.MODELS)))

    def versions(self, model: str) -> list[int]:
        """Return the numbers of a model's versions, ascending; one list."""
        keys = self.store.list(layout.versions(check_name(model)))
        return sorted(layout.numbers(keys))

    def aliases(self, model: str) -> dict[str, int]:
        """Return where each alias of `model` stands."""
        head = self.ledger.newest(model)
        return dict(head.entry.aliases) if head else {}

    def gate(self, model: str) -> "Gate | None":
        """Return what a version of `model` must pass to become live."""
        head = self.ledger.newest(model)
        found = head.entry.gate if head else None
        from hotseat_registry.gate import Gate

        return Gate.from_json(found) if found else None

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
        raise self.no_alias(reference, aliases)

    def no_alias(
        self, reference: Reference, aliases: Iterable[str]
    ) -> AliasNotFoundError:
        """Return the error that says which aliases and versions a model has.

        Raises `ModelNotFoundError` where it has none; one list.
        """
        known = self._known(reference.model)
        return AliasNotFoundError(
            f"{reference.model} has no alias {reference.alias!r} "
            f"({_list(sorted(aliases), 'aliases')}; {_list(known, 'versions')})"
        )

    def resolve(self, reference: Reference, cache: Cache | None = None) -> Manifest:
        """Return the manifest of the version that `reference` means now.

        A manifest never changes: with `cache`, one that was read from a bucket before
        is not fetched again, so that an alias takes one request and a number none.
        Raises `NotFoundError` or `IntegrityError`.
        """
        model, number = reference.model, self.number(reference)
        kept = manifest_cache.place(cache, self.store.uri, model, number)
        found = manifest_cache.find(kept, model, number)
        if found is None:
            data, key = self._manifest(model, number), layout.manifest(model, number)
            found = manifest_cache.parse(data, key, model, number)
            manifest_cache.keep(kept, data)
        return found

    # Fetching

    def fetch(
        self,
        manifest: Manifest,
        cache: Cache,
        names: Iterable[str] | None = None,
        progress: StartProgress = no_progress,
        *,
        in_place: bool = False,
        ahead: Ahead | None = None,
    ) -> dict[str, Path]:
        """Bring files of a version into the cache and return their paths.

        With `in_place`, files of a baked version stay where they lie: the caller must
        not change or remove them. What is `ahead` is not fetched again.

        Each is checked on every call, so what is there already is not fetched again
        and what was damaged is. Raises `IntegrityError` when the store's bytes are
        not what they should be.
        """
        return version_files.fetch(
            self.store,
            self.ledger,
            manifest,
            list(manifest.files if names is None else names),
            cache,
            progress,
            ahead,
            in_place=in_place,
            # who watches is shown one file after the other
            at_once=progress is no_progress,
        )

    def check_trust(self, manifest: Manifest, ahead: Ahead | None = None) -> None:
        """Raise `UntrustedError` unless a trusted key signed the version.

        With signed heads, it also has to be the version that the head names. Where a
        signature that is `ahead` is valid, the others are not read.
        """
        if self.trust is not None:
            from hotseat_registry.trust import manifest_digest

            digest = manifest_digest(manifest)
            self.ledger.check_manifest(manifest.model, manifest.version, digest)
            if ahead is not None:
                with suppress(UntrustedError):
                    self.trust.check(manifest, ahead.signatures())
                    return
            self.trust.check(manifest, self.signatures(manifest))

    def signatures(self, manifest: Manifest) -> list[bytes]:
        """Return the signatures of a version; raises `IntegrityError` for too many."""
        return signatures.read(self.store, manifest)

    # Changing

    def promote(
        self,
        reference: Reference,
        alias: str = LIVE,
        *,
        by: str,
        because: str | None = None,
        override: str | None = None,
    ) -> Entry:
        """Move `alias` to a version and return the ledger's entry of it.

        Moving live takes that the version passes the model's gate, or an `override`:
        a reason, which the ledger keeps.

        Raises `NotFoundError` when the version is not there, `GateError`,
        `UntrustedError`, and `AliasMovedError` when somebody changed the model
        meanwhile.
        """
        head, manifest = self._promotable(reference, alias, override)
        change = Entry(
            reference.model,
            PROMOTE,
            by,
            self.time(),
            because,
            alias=alias,
            after=manifest.version,
            override=override,
            kind=manifest.kind,
            start_files={alias: manifest.start_files()},
        )
        return self.ledger.change(head, change)

    def plan_promote(
        self, reference: Reference, alias: str = LIVE, *, override: str | None = None
    ) -> tuple[int | None, int]:
        """Return where `alias` stands and where `promote` would move it.

        Raises what `promote` would.
        """
        head, manifest = self._promotable(reference, alias, override)
        before = head.entry.aliases.get(alias) if head else None
        return before, manifest.version

    def rollback(
        self,
        model: str,
        alias: str = LIVE,
        *,
        steps: int = 1,
        by: str,
        because: str | None = None,
    ) -> Entry:
        """Move `alias` back to its position `steps` moves ago, as a change of its own.

        No gate applies. Raises as `promote` does, and `RefusedError` when the alias has
        no earlier position.
        """
        head, after = self._back(model, alias, steps)
        manifest = self.resolve(Reference(model, version=after))
        self._check_not_retired(head, manifest)
        self.check_trust(manifest)
        change = Entry(
            model,
            ROLLBACK,
            by,
            self.time(),
            because,
            alias=alias,
            after=after,
            steps=steps,
            kind=manifest.kind,
            start_files={alias: manifest.start_files()},
        )
        return self.ledger.change(head, change)

    def plan_rollback(self, model: str, alias: str, steps: int = 1) -> tuple[int, int]:
        """Return where `alias` stands and where `rollback` would move it."""
        head, after = self._back(model, alias, steps)
        return head.entry.aliases[alias], after

    def set_gate(
        self, model: str, rule: "Gate", *, by: str, because: str | None = None
    ) -> Entry:
        """Set the gate that a version must pass to become live; raises as `promote`."""
        self._known(model)
        head = self.ledger.newest(model)
        change = Entry(model, GATE, by, self.time(), because, gate=rule.to_json())
        return self.ledger.change(head, change)

    def time(self) -> str:
        """Return the current time in the format of manifests and entries."""
        return self.clock().astimezone(UTC).isoformat(timespec="milliseconds")

    def _back(self, model: str, alias: str, steps: int) -> tuple[Head, int]:
        """Return the head, and the version on which `alias` stood `steps` moves ago."""
        head = self.ledger.newest(model)
        if head is None or alias not in head.entry.aliases:
            raise AliasNotFoundError(f"{model} has no alias {alias!r} to roll back")
        return head, self.ledger.previous_position(head, alias, steps)

    def _promotable(
        self, reference: Reference, alias: str, override: str | None
    ) -> tuple[Head | None, Manifest]:
        """Return a version that may be promoted, and the head it was checked with."""
        check_name(alias, "alias")
        head = self.ledger.newest(reference.model)
        from hotseat_registry.publish_check import check_free

        check_free(alias, head.entry.aliases if head else (), "alias")
        manifest = self.resolve(reference)
        self._check_not_retired(head, manifest)
        self.check_trust(manifest)
        if alias == LIVE and override is None:
            self._check_gate(head, manifest)
        return head, manifest

    def _check_not_retired(self, head: Head | None, manifest: Manifest) -> None:
        if head and head.entry.is_retired(manifest.version):
            raise RetiredError(
                f"{manifest.reference} was retired by gc and its files are gone or "
                "going; publish it again"
            )

    def _check_gate(self, head: Head | None, manifest: Manifest) -> None:
        serving = manifest.variant(manifest.default_variant)
        # behaviour tests are compared without a gate as well
        if head is None or not (head.entry.gate or "behaviour" in serving.metrics):
            return
        from hotseat_registry.gate import Gate

        live = head.entry.aliases.get(LIVE)
        there = self.resolve(Reference(manifest.model, version=live)) if live else None
        Gate.from_json(head.entry.gate or {"compatible": False}).check(manifest, there)

    def _known(self, model: str) -> list[int]:
        known = self.versions(model)
        if not known:
            raise ModelNotFoundError(f"no model {model!r} in {self.store.uri}")
        return known

    def _manifest(self, model: str, number: int) -> bytes:
        try:
            stored = self.store.read(layout.manifest(model, number))
        except NotFoundError:
            known = _list(self._known(model), "versions")
            raise VersionNotFoundError(
                f"{model} has no version {number} ({known})"
            ) from None
        assert stored is not None
        return stored.data


def open_registry(
    uri: str, *, trust: "Trust | None" = None, reading: bool = False
) -> Registry:
    """Open ``s3://bucket/prefix``, ``file://folder`` or a plain path.

    `reading` is for whoever never writes; see `open_store`.
    """
    return Registry(open_store(uri, reading=reading), trust=trust)


def _list(items: Iterable[object], what: str) -> str:
    return f"{what}: {', '.join(map(str, items)) or 'none'}"

"""The signatures of a version in a store."""

from itertools import islice

from hotseat_registry import layout
from hotseat_registry.errors import IntegrityError
from hotseat_registry.manifest import Manifest
from hotseat_registry.stores import Store

MAX_SIGNATURES = 100
"""Of a version: a key signs once."""


def read(store: Store, manifest: Manifest) -> list[bytes]:
    """Return the signatures of a version, in the order of their keys' names.

    Raises `IntegrityError` for more than `MAX_SIGNATURES`, because each costs a request
    and a verification.
    """
    prefix = layout.signatures(manifest.model, manifest.version)
    keys = sorted(islice(store.list(prefix), MAX_SIGNATURES + 1))
    if len(keys) > MAX_SIGNATURES:
        raise IntegrityError(
            f"{manifest.reference} has more than {MAX_SIGNATURES} signatures"
        )
    found = [store.read(key) for key in keys]
    return [stored.data for stored in found if stored]

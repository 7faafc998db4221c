"""The keys of a store; the only module that knows them.

::

    blobs/sha256/ab/abcd...             a file, named by its digest
    models/<model>/versions/<n>.json    a manifest, created once and last
    models/<model>/head.json            the aliases, and the ledger's newest entry
    models/<model>/ledger/<n>.json      the ledger's older entries
    models/<model>/signatures/<n>/<key>.json    a signature of a version
    models/<model>/signed.json          the newest signed head (`signed_head`)
    models/<model>/signed/<n>.json      the older ones
    models/<model>/pending.json         a head that more people have to sign
    garbage/<sha256>.json               a blob that nothing names any more
"""

import re
from collections.abc import Iterable, Iterator

MODELS = "models/"
BLOBS = "blobs/"
GARBAGE = "garbage/"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NUMBERED = re.compile(r"models/[^/]+/(?:versions|ledger)/[1-9][0-9]{0,8}\.json")


def blob(sha256: str) -> str:
    """Key of the file with that digest."""
    return f"blobs/sha256/{sha256[:2]}/{sha256}"


def versions(model: str) -> str:
    """Prefix of all manifests of a model."""
    return f"{MODELS}{model}/versions/"


def manifest(model: str, version: int) -> str:
    """Key of one manifest."""
    return f"{versions(model)}{version}.json"


def numbers(keys: Iterable[str]) -> Iterator[int]:
    """Yield the numbers of manifests or entries, and pass over what is neither.

    A folder may hold a file manager's own notes; `verify` reports them.
    """
    for key in keys:
        if is_numbered(key):
            yield int(key.rpartition("/")[2].removesuffix(".json"))


def is_numbered(key: str) -> bool:
    """Whether it is the key of a manifest or entry."""
    return bool(_NUMBERED.fullmatch(key))


def head(model: str) -> str:
    """Key of a model's aliases and newest ledger entry."""
    return f"{MODELS}{model}/head.json"


def ledger(model: str) -> str:
    """Prefix of a model's older ledger entries."""
    return f"{MODELS}{model}/ledger/"


def entry(model: str, sequence: int) -> str:
    """Key of one older ledger entry."""
    return f"{ledger(model)}{sequence}.json"


def signatures(model: str, version: int) -> str:
    """Prefix of a version's signatures."""
    return f"{MODELS}{model}/signatures/{version}/"


def signature(model: str, version: int, key: str) -> str:
    """Key of the signature made with the public key of that hash."""
    return f"{signatures(model, version)}{key}.json"


def signed(model: str) -> str:
    """Key of a model's newest signed head."""
    return f"{MODELS}{model}/signed.json"


def signed_folder(model: str) -> str:
    """Prefix of a model's older signed heads."""
    return f"{MODELS}{model}/signed/"


def signed_before(model: str, sequence: int) -> str:
    """Key of one older signed head."""
    return f"{signed_folder(model)}{sequence}.json"


def pending(model: str) -> str:
    """Key of a head that needs more signatures."""
    return f"{MODELS}{model}/pending.json"


def garbage(sha256: str) -> str:
    """Key of the tombstone of a blob."""
    return f"{GARBAGE}{sha256}.json"


def digests(keys: Iterable[str]) -> Iterator[str]:
    """Yield the digests of blobs or tombstones, and pass over what is neither."""
    for key in keys:
        name = key.rpartition("/")[2].removesuffix(".json")
        if _DIGEST.fullmatch(name):
            yield name

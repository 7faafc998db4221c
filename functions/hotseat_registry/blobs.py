"""Blobs: stored once, removed when no version has named them for a while.

gc first writes a tombstone for an unnamed blob. It removes the blob once the tombstone
is older than the grace time, after a compare-and-swap has changed it to *deleting*. A
publisher who finds the bytes already stored removes the tombstone by compare-and-swap
as well, so only one of the two succeeds: either the tombstone is gone and the blob
stays, or it is *deleting* and the publisher has to try again.

Assumptions: a publisher who read before the tombstone was written finishes within the
grace time, and gc never pauses for an hour between its swap and its removal.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from hotseat_registry import layout
from hotseat_registry.checksummed_json import parse_json, to_bytes
from hotseat_registry.errors import ConflictError, IntegrityError, NotFoundError
from hotseat_registry.json_dataclass import parse_time
from hotseat_registry.manifest import File
from hotseat_registry.stores import OnBytes, Store, ignore_bytes

_STUCK = timedelta(hours=1)


def store(
    place: Store, file: File, path: Path, on_bytes: OnBytes = ignore_bytes
) -> bool:
    """Store a file under its digest; return whether its bytes were sent.

    Raises `ConflictError` when gc is just removing the same bytes.
    """
    sent = place.upload(layout.blob(file.sha256), path, on_bytes)
    _remove_tombstone(place, file.sha256)
    # gc may have removed what was there before, until the tombstone was removed
    return place.upload(layout.blob(file.sha256), path, on_bytes) or sent


def _remove_tombstone(place: Store, sha256: str) -> None:
    key = layout.garbage(sha256)
    while True:
        try:
            tombstone = place.read(key)
        except NotFoundError:
            return
        assert tombstone is not None
        if _read(tombstone.data, key)[1]:
            raise ConflictError(
                f"blob {sha256[:12]}... is just being removed: try again in a minute, "
                "or run hotseat registry gc if that was interrupted"
            )
        try:
            place.delete(key, replacing=tombstone.tag)
        except ConflictError:
            continue  # gc changed it: read again


def mark(place: Store, sha256: str, now: datetime) -> None:
    """Write the tombstone of a blob, unless there is one."""
    tombstone = to_bytes({"since": now.isoformat(), "deleting": False})
    with suppress(ConflictError):
        place.write(layout.garbage(sha256), tombstone)


def unmark(place: Store, sha256: str) -> None:
    """Remove the tombstone of a blob that is named again."""
    with suppress(ConflictError):  # it is being removed; its publisher got an error
        _remove_tombstone(place, sha256)


def remove(place: Store, sha256: str, now: datetime, grace: timedelta) -> bool:
    """Remove the blob if its tombstone is old enough; return whether it did."""
    key = layout.garbage(sha256)
    try:
        tombstone = place.read(key)
    except NotFoundError:
        return False
    assert tombstone is not None
    since, deleting = _read(tombstone.data, key)
    if now - since < (_STUCK if deleting else grace):
        return False
    final = to_bytes({"since": now.isoformat(), "deleting": True})
    try:
        tag = place.write(key, final, replacing=tombstone.tag)
    except ConflictError:
        return False  # a publisher wants it, or another gc has it
    place.delete(layout.blob(sha256))
    place.delete(key, replacing=tag)
    return True


def _read(data: bytes, key: str) -> tuple[datetime, bool]:
    tombstone = parse_json(data, key)
    try:
        since, deleting = parse_time(tombstone["since"]), tombstone["deleting"]
    except (KeyError, TypeError, IntegrityError) as error:
        raise IntegrityError(f"{key} cannot be read: {error}") from None
    if not isinstance(deleting, bool):
        raise IntegrityError(f"{key} cannot be read: deleting is true or false")
    return since, deleting

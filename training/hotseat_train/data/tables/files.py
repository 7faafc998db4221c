"""Finds the files of a table: a path, a folder, standard input, or an address."""

import hashlib
import shutil
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.client import HTTPException
from pathlib import Path
from typing import IO, BinaryIO

from hotseat_train.errors import DatasetError

COPIES = Path(".hotseat/data")
"""Copies of what was read from standard input or an address."""
_PIECE = 1 << 20
_SECONDS = 60
_HIDDEN = (".", "_")
"""Beginnings of names that Spark and others write beside the parts of a table."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file, with the columns that its folders name (``day=2026-01-01``)."""

    path: Path
    folders: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one table, on this machine."""

    name: str
    """For messages and the card: without folders."""
    parts: tuple[Part, ...]
    sha256: str
    notes: tuple[str, ...] = ()


def find(
    source: str | Path, *, sha256: str | None = None, offline: bool = False
) -> Files:
    """Return the files of a table; of a known digest a kept copy, if there is one.

    `source` is a path, a folder of parts, ``-`` (standard input), ``s3://bucket/key``
    or ``https://host/file``, to which ``#sha256=HEX`` adds its digest. Raises
    `DatasetError` for what is missing or has another digest.
    """
    text = str(source)
    if text in {"-", "/dev/stdin"}:
        if sha256 and (kept := _kept(sha256, "standard-input")).exists():
            return Files(kept.name, (Part(kept),), _verified(kept, sha256, text))
        return _copied(sys.stdin.buffer, "standard-input", None)
    scheme, _, _ = text.partition("://")
    if scheme in {"https", "http", "s3"} and "://" in text:
        if offline:
            raise DatasetError(f"{text}: addresses are not read here")
        return _remote(text, scheme, sha256)
    path = Path(text)
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        raise DatasetError(f"{path}: no such file")
    return Files(path.name, (Part(path),), digest(path))


def digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _folder(path: Path) -> Files:
    """Return the parts in a folder, in the order of their names."""
    parts = []
    for file in sorted(path.rglob("*")):
        names = file.relative_to(path).parts
        if not file.is_file() or any(name.startswith(_HIDDEN) for name in names):
            continue
        pairs = (name.partition("=") for name in names[:-1] if "=" in name)
        folders = tuple((k, urllib.parse.unquote(v)) for k, _, v in pairs)
        parts.append(Part(file, folders))
    if not parts:
        raise DatasetError(f"{path}: the folder has no file")
    whole = hashlib.sha256()
    for part in parts:
        name = part.path.relative_to(path).as_posix()
        whole.update(f"{digest(part.path)} {name}\n".encode())
    return Files(path.name, tuple(parts), whole.hexdigest())


def _kept(sha256: str, name: str) -> Path:
    return COPIES / sha256[:16] / name


def _remote(address: str, scheme: str, sha256: str | None) -> Files:
    plain, _, fragment = address.partition("#")
    expected = fragment.removeprefix("sha256=").lower() or sha256
    if fragment and (not fragment.startswith("sha256=") or len(expected or "") != 64):
        raise DatasetError(f"{address}: expected #sha256= and 64 hexadecimal digits")
    name = urllib.parse.unquote(Path(urllib.parse.urlsplit(plain).path).name)
    if expected and (kept := _kept(expected, name or "table")).exists():
        return Files(kept.name, (Part(kept),), _verified(kept, expected, plain))
    if scheme == "http":
        raise DatasetError(f"{address}: anyone on the way can change it; use https")
    if scheme == "s3" and (parts := _s3_folder(plain)) is not None:
        return parts
    opened = _s3(plain) if scheme == "s3" else _https(plain)
    with opened as file:
        found = _copied(file, name or "table", expected)
    pin = () if expected else (
        f"pin this version of the table: {plain}#sha256={found.sha256}",
    )  # fmt: skip
    return Files(found.name, found.parts, found.sha256, (*pin, *found.notes[1:]))


def _verified(path: Path, expected: str, address: str) -> str:
    found = digest(path)
    if found != expected:
        raise DatasetError(
            f"{path} has SHA-256 {found[:16]}, and {address} should have "
            f"{expected[:16]}: remove the file, and it is downloaded again"
        )
    return found


def _https(address: str) -> BinaryIO:
    try:
        answer: BinaryIO = urllib.request.urlopen(address, timeout=_SECONDS)  # noqa: S310
    except (OSError, ValueError, HTTPException, urllib.error.URLError) as error:
        raise DatasetError(
            f"{address} cannot be downloaded ({error}); give a local file"
        ) from None
    return answer


def _s3(address: str) -> BinaryIO:
    """Open an object with Arrow's own client; the credentials are AWS's usual ones."""
    from pyarrow import ArrowException, fs

    try:
        system, key = fs.FileSystem.from_uri(address)
        opened: BinaryIO = system.open_input_stream(key)
    except (ArrowException, OSError, ValueError) as error:
        raise _unreadable(address, error) from None
    return opened


def _s3_folder(address: str) -> Files | None:
    """Copy the objects below a prefix; None for an object."""
    from pyarrow import ArrowException, fs

    folder = COPIES / hashlib.sha256(address.encode()).hexdigest()[:16]
    try:
        system, key = fs.FileSystem.from_uri(address.rstrip("/"))
        if system.get_file_info(key).type != fs.FileType.Directory:
            return None
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        fs.copy_files(key, str(folder), system, fs.LocalFileSystem())
    except (ArrowException, OSError, ValueError) as error:
        raise _unreadable(address, error) from None
    return replace(_folder(folder), name=Path(key).name)


def _unreadable(address: str, error: Exception) -> DatasetError:
    return DatasetError(
        f"{address} cannot be read ({str(error)[:200]}); check the credentials, or "
        "copy it: aws s3 cp"
    )


def _copied(source: IO[bytes] | BinaryIO, name: str, expected: str | None) -> Files:
    """Copy a stream below `COPIES`, so that a run can read its table again."""
    COPIES.mkdir(parents=True, exist_ok=True)
    part = COPIES / f"{name}.part"
    whole = hashlib.sha256()
    try:
        with part.open("wb") as file:
            for piece in _pieces(source):
                whole.update(piece)
                file.write(piece)
    except (OSError, HTTPException) as error:
        part.unlink(missing_ok=True)
        raise DatasetError(f"{name} broke off: {error}; start it again") from None
    found = whole.hexdigest()
    if expected not in {None, found}:
        part.unlink()
        raise DatasetError(
            f"{name} has SHA-256 {found[:16]}, expected {str(expected)[:16]}: it is "
            "another file now; nothing was kept"
        )
    kept = _kept(found, name)
    kept.parent.mkdir(exist_ok=True)
    shutil.move(part, kept)
    note = f"{name} is kept as {kept}, so that the run can be evaluated"
    return Files(name, (Part(kept),), found, (note,))


def _pieces(source: IO[bytes] | BinaryIO) -> Iterator[bytes]:
    while piece := source.read(_PIECE):
        yield piece

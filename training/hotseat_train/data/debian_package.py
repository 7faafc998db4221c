"""Files of a Debian package, read without dpkg: an ar archive with a tar in it.

Format: deb(5) and ar(5).
"""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

from hotseat_train.errors import DatasetError

_MAGIC = b"!<arch>\n"
_HEADER = 60
"""Bytes of a member's header: the name has 16, the size 10 from the 48th on."""


def files(package: Path, suffix: str) -> Iterator[tuple[str, bytes]]:
    """Yield path and bytes of the package's files that end with `suffix`, by path.

    Raises `DatasetError` if it is no Debian package.
    """
    contents = {}
    with tarfile.open(fileobj=io.BytesIO(_data(package)), mode="r|*") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is not None and member.name.endswith(suffix):
                contents[member.name] = content.read()
    yield from sorted(contents.items())


def _data(package: Path) -> bytes:
    """Return the tar archive with the package's files."""
    content = package.read_bytes()
    if not content.startswith(_MAGIC):
        raise DatasetError(f"{package} is not a Debian package")
    at = len(_MAGIC)
    while at + _HEADER <= len(content):
        name = content[at : at + 16].decode("ascii", "replace").strip().rstrip("/")
        size = int(content[at + 48 : at + 58])
        at += _HEADER
        if name.startswith("data.tar"):
            return content[at : at + size]
        at += size + size % 2
    raise DatasetError(f"{package} holds no data.tar")

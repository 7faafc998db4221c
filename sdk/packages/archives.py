"""Archives whose bytes depend on nothing but the names and contents of their files."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path


def _files(folder: Path, prefix: str) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            yield f"{prefix}/{name}" if prefix else name, path.read_bytes()


def reproducible_tar(folder: Path, archive: Path, prefix: str) -> None:
    """Write a folder's files as tar.gz below `prefix`."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile("", "wb", mtime=0, fileobj=packed) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as tar,
    ):
        for name, content in _files(folder, prefix):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            tar.addfile(entry, io.BytesIO(content))
    archive.write_bytes(packed.getvalue())


def reproducible_zip(folder: Path, archive: Path, prefix: str = "") -> None:
    """Write a folder's files as zip below `prefix`."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in _files(folder, prefix):
            entry = zipfile.ZipInfo(name)  # of a fixed date
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, content)

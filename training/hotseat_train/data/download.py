"""Pinned downloads: a local copy, else the cache, else the address."""

import hashlib
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path

from hotseat_train.data.download_progress import downloading
from hotseat_train.errors import DatasetError

_SECONDS = 60
_PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class Source:
    """One file of a data set, pinned by address and digest."""

    place: str
    """Path below the folder with local copies: ``conda/train.csv``."""
    url: str
    sha256: str
    """Digest of the file at the address."""
    also: tuple[str, ...] = ()
    """Digests of copies that have the same rows for the task."""

    def path(self, cache: Path | None = None) -> Path:
        """Return the complete file; download it if there is no copy.

        HOTSEAT_DATA names a folder with local copies. Raises `DatasetError` when the
        file is not available, or has another digest than the task expects.
        """
        local = os.environ.get("HOTSEAT_DATA")
        if local and Path(local, self.place).exists():
            return self._checked(Path(local, self.place))
        cached = (cache or Path.home() / ".cache/hotseat/data") / self.place
        if not cached.exists():
            self._download(cached)
        return self._checked(cached)

    def _checked(self, path: Path) -> Path:
        found = _digest(path)
        if found not in {self.sha256, *self.also}:
            raise DatasetError(
                f"{path} is not the file this task was made for (SHA-256 "
                f"{found[:12]}, not {self.sha256[:12]}): remove it, and it is fetched "
                f"again from {self.url}"
            )
        return path

    def _download(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        for left in (1, 0):
            try:
                self._fetch(part)
                break
            except (OSError, HTTPException) as error:
                if left:
                    continue  # once more, from where it broke off
                raise DatasetError(
                    f"{self.url} cannot be fetched ({error}); with a copy of your own, "
                    f"set HOTSEAT_DATA to the folder that holds {self.place}"
                ) from error
        found = _digest(part)
        if found != self.sha256:
            part.unlink()
            raise DatasetError(
                f"{self.url} is not the file this task was made for any more (SHA-256 "
                f"{found[:12]}, not {self.sha256[:12]}); nothing was kept"
            )
        part.replace(path)

    def _fetch(self, part: Path) -> None:
        """Download the rest of a partial file; raises `OSError` on an interruption."""
        have = part.stat().st_size if part.exists() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        request = urllib.request.Request(self.url, headers=headers)  # noqa: S310
        try:
            answer = urllib.request.urlopen(request, timeout=_SECONDS)  # noqa: S310
        except urllib.error.HTTPError as error:
            if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                part.unlink()  # it is no part of what lies there now
            error.close()
            raise
        with answer, part.open("ab" if answer.status == HTTPStatus.PARTIAL_CONTENT
                               else "wb") as file:  # fmt: skip
            with downloading(self.url, answer.length or 0) as on:
                while piece := answer.read(_PIECE):
                    file.write(piece)
                    on(len(piece))
            if answer.length:
                raise ConnectionError(f"{answer.length} bytes are missing")


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()

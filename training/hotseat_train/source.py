"""Files that data are read from: a local copy, else the cache, else the address."""

import hashlib
import os
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from hotseat_train.errors import DatasetError
from hotseat_train.progress import downloading

_SECONDS = 60
_PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class Source:
    """One file of a data set, pinned by address and digest."""

    place: str
    """Below the folder with local copies: ``conda/train.csv``."""
    url: str
    sha256: str

    def path(self, cache: Path | None = None) -> Path:
        """Return the file, whole; downloads it where it is nowhere yet.

        HOTSEAT_DATA names a folder with local copies. Raises `DatasetError` when the
        file cannot be had, or is not the one that the task was made for.
        """
        local = os.environ.get("HOTSEAT_DATA")
        if local and Path(local, self.place).exists():
            return self._checked(Path(local, self.place))
        kept = (cache or Path.home() / ".cache/hotseat/data") / self.place
        if not kept.exists():
            self._download(kept)
        return self._checked(kept)

    def _checked(self, path: Path) -> Path:
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
        if digest.hexdigest() != self.sha256:
            raise DatasetError(
                f"{path} is not the file this task was made for (SHA-256 "
                f"{digest.hexdigest()[:12]}, not {self.sha256[:12]}): remove it, and "
                f"it is fetched again from {self.url}"
            )
        return path

    def _download(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with (
                urllib.request.urlopen(self.url, timeout=_SECONDS) as answer,  # noqa: S310
                tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as part,
                downloading(self.url, answer.length or 0) as on,
            ):
                while piece := answer.read(_PIECE):
                    part.write(piece)
                    on(len(piece))
        except (OSError, urllib.error.URLError) as error:
            raise DatasetError(
                f"{self.url} cannot be fetched ({error}); with a copy of your own, set "
                f"HOTSEAT_DATA to the folder that holds {self.place}"
            ) from error
        Path(part.name).replace(path)

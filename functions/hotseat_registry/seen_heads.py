"""The newest signed head of each model that this machine has accepted.

In memory, and in a file for each model, so that a restart does not accept an older
head. The memory belongs to a set of trusted keys: after a rotation it begins anew,
which is how a model recovers from a number that a stolen key made too high
(fast-forward attack; theupdateframework.github.io/specification, 5.3.11).
"""

import hashlib
import json
import logging
import threading
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from hotseat_registry.signed_head import Seen

log = logging.getLogger("hotseat.registry")

FOLDER = "seen-heads"


class SeenHeads:
    """What was accepted, by model. Safe for several threads.

    `folder` may be None, or on a disk that cannot be written: then only the process
    remembers. `name` is that of the trusted keys, `uri` the registry's.
    """

    def __init__(self, folder: Path | None, uri: str, name: str) -> None:
        self._folder = folder
        self._uri = uri
        self._name = name
        self._seen: dict[str, Seen] = {}
        self._lock = threading.Lock()

    def get(self, model: str) -> Seen | None:
        """Return the newest head of a model that was accepted, if there is one."""
        if model not in self._seen:
            path = self._path(model)
            with suppress(OSError, ValueError, KeyError, TypeError):
                stored = json.loads(path.read_bytes()) if path else {}
                if stored["trust"] == self._name:
                    return Seen(int(stored["sequence"]), str(stored["digest"]))
        return self._seen.get(model)

    def keep(self, model: str, seen: Seen) -> None:
        """Remember a head, unless a newer one was accepted meanwhile."""
        with self._lock:
            known = self.get(model)
            if known is not None and known.sequence > seen.sequence:
                return
            self._seen[model] = seen
            if known == seen:
                return
        path = self._path(model)
        if path is None:
            return
        part = path.with_suffix(f".{uuid4().hex}")
        stored = {
            "trust": self._name, "sequence": seen.sequence, "digest": seen.digest
        }  # fmt: skip
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(stored))
            part.replace(path)
        except OSError as error:
            log.warning("the newest signed head is not kept on disk: %s", error)
            with suppress(OSError):
                part.unlink(missing_ok=True)

    def _path(self, model: str) -> Path | None:
        if self._folder is None:
            return None
        name = hashlib.sha256(f"{self._uri}/{model}".encode()).hexdigest()
        return self._folder / FOLDER / f"{name}.json"

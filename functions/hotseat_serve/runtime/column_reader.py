"""Reads a graph's file again, and the inner tensor that its last model reads."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hotseat_registry.manifest import File
from hotseat_registry.signature import Signature
from hotseat_serve.runtime.session import Session
from hotseat_serve.shapley import graph_nodes
from hotseat_serve.shapley.graph_nodes import UnsuitableError

if TYPE_CHECKING:
    from hotseat_registry.encrypted_file import EncryptedFile

Array = np.ndarray[Any, Any]
MAX_BYTES = 64_000_000
"""Largest graph that is read a second time."""


def read(path: "Path | EncryptedFile", file: File) -> bytes:
    """Return a graph's bytes, if they are still the version's.

    Raises `UnsuitableError` for another format, and for a file too large or changed.
    """
    if path.suffix != ".onnx" or file.size > MAX_BYTES:
        raise UnsuitableError("the graph's file cannot be read a second time")
    data = path.read_bytes()
    # an encrypted file is authentic, or does not decrypt
    is_plain = isinstance(path, Path)
    if is_plain and hashlib.sha256(data).hexdigest() != file.sha256:
        raise UnsuitableError("the graph's file has changed since it was opened")
    return data


class ColumnReader:
    """Returns a tensor [rows, columns] of the graph for a request's tensors.

    An input needs no second session; `IntegrityError` if the runtime refuses one.
    """

    def __init__(
        self, data: bytes, name: str, signature: Signature, threads: int
    ) -> None:
        self._name = name
        self._session: Session | None = None
        if all(item.name != name for item in signature.inputs):
            self._session = Session(graph_nodes.with_output(data, name), threads)

    def columns(self, tensors: Mapping[str, Array], seconds: float | None) -> Array:
        """Return [rows, columns]; raises `Problem`."""
        if self._session is None:
            found = tensors[self._name]
        else:
            found = self._session.run(tensors, [self._name], seconds=seconds)[
                self._name
            ]
        return found.reshape(len(found), -1)

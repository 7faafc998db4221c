"""Checkpoints of a training: written whole or not at all."""

import hashlib
import io
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from hotseat_train.errors import RunError


def save(path: Path, content: Mapping[str, Any]) -> None:
    """Replace the checkpoint.

    Raises `RunError` where it cannot be written; the last one is left as it was.
    """
    data = io.BytesIO()
    torch.save(dict(content), data)
    part = path.with_suffix(".part")
    try:
        with part.open("wb") as file:
            file.write(data.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise RunError(
            f"{path} cannot be written ({error.strerror}); the last one is whole: make "
            "room, and the same command goes on from there"
        ) from error


def load(path: Path) -> dict[str, Any]:
    """Return a checkpoint's content; no code in it is run."""
    content: dict[str, Any] = torch.load(path, weights_only=True)
    return content


def digest(tensors: Iterable[torch.Tensor]) -> str:
    """Return a digest of the data of a training, which its checkpoint keeps."""
    result = hashlib.sha256()
    for tensor in tensors:
        result.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
        result.update(tensor.contiguous().numpy().tobytes())
    return result.hexdigest()

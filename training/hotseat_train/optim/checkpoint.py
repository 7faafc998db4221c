"""Reads and writes checkpoints of a training; a write is atomic."""

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

    Raises `RunError` if writing fails; the last checkpoint is unchanged then.
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
            f"{path} cannot be written ({error.strerror}); the last checkpoint is "
            "intact: free disk space, and the same command resumes from it"
        ) from error


def load(path: Path) -> dict[str, Any]:
    """Return a checkpoint's content, without running code from it."""
    content: dict[str, Any] = torch.load(path, weights_only=True)
    return content


def digest(tensors: Iterable[torch.Tensor]) -> str:
    """Return the digest of a training's data, for its checkpoint."""
    result = hashlib.sha256()
    for tensor in tensors:
        result.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
        result.update(tensor.contiguous().numpy().tobytes())
    return result.hexdigest()

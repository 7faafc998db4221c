"""Example inputs for measurements: from a file, or random."""

import base64
import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hotseat_registry.signature import Image, Input, Signature
from hotseat_serve.codec.tensors import DTYPES
from hotseat_train.external.errors import UnclearError

MOST = 200
"""Maximum number of examples from a file."""
_WORDS = [
    "the",
    "team",
    "won",
    "a",
    "game",
    "and",
    "good",
    "player",
    "on",
    "new",
    "map",
    "with",
    "last",
    "round",
]
LENGTHS = (8, 32, 64, 224, 512, 1600)
"""Lengths of dynamic dimensions to try with random examples, in this order."""
_TEXT_WORDS = 8


def read(path: Path, signature: Signature) -> list[Any]:
    """Return the inputs of a file, in the form of a request's inputs.

    A .json file holds a list, or an object with ``inputs``; a .jsonl, .csv or .txt file
    has an input per line; an .npz file has arrays by input name, with an input per row;
    an image file is one input. Raises `UnclearError` if the file cannot be read.
    """
    try:
        inputs = _READERS[path.suffix.lower()](path, signature)
    except KeyError:
        raise UnclearError(
            f"{path.name}: expected a file of examples with one of the suffixes "
            f"{', '.join(_READERS)}"
        ) from None
    except (OSError, ValueError) as error:
        raise UnclearError(f"{path.name} cannot be read: {error}") from None
    if not inputs:
        raise UnclearError(f"{path.name} has no examples")
    return inputs[:MOST]


def _json(path: Path, signature: Signature) -> list[Any]:
    del signature
    data = json.loads(path.read_text("utf-8"))
    if isinstance(data, Mapping):
        data = data["inputs"] if "inputs" in data else [data.get("input", data)]
    if not isinstance(data, list):
        raise UnclearError(f"{path.name}: expected a list of inputs")
    return data


def _jsonl(path: Path, signature: Signature) -> list[Any]:
    del signature
    lines = path.read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


def _lines(path: Path, signature: Signature) -> list[Any]:
    del signature
    return [line for line in path.read_text("utf-8").splitlines() if line.strip()]


def _csv(path: Path, signature: Signature) -> list[Any]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    numbers = {
        field.name
        for item in signature.inputs
        for field in item.fields or ()
        if field.type == "number"
    }
    named = [item for item in signature.inputs if item.form == "features"]
    if not named:  # a tensor of numbers: each line is a row
        return [[_number(value) for value in row.values()] for row in rows]
    return [
        {
            name: _number(value) if name in numbers else value
            for name, value in row.items()
        }
        for row in rows
    ]


def _number(text: str) -> float | None:
    return float(text) if text.strip() else None


def _npz(path: Path, signature: Signature) -> list[Any]:
    arrays = np.load(path, allow_pickle=False)
    if isinstance(arrays, np.ndarray):
        arrays = {signature.inputs[0].name: arrays}
    names = [item.name for item in signature.inputs]
    if missing := set(names) - set(arrays):
        raise ValueError(f"the array {min(missing)!r} is missing")
    if any(item.form == "array" for item in signature.inputs):
        return [{name: arrays[name].tolist() for name in names}]
    rows = len(arrays[names[0]])
    return [_row(signature, {name: arrays[name][row] for name in names})
            for row in range(rows)]  # fmt: skip


def _row(signature: Signature, arrays: Mapping[str, np.ndarray]) -> Any:
    row: dict[str, Any] = {}
    for item in signature.inputs:
        value = arrays[item.name].tolist()
        if item.form == "features":
            names = [field.name for field in item.fields or ()]
            row |= dict(zip(names, np.ravel(value).tolist(), strict=True))
        else:
            row[item.key] = value
    return row


def _image(path: Path, signature: Signature) -> list[Any]:
    del signature
    return [base64.b64encode(path.read_bytes()).decode()]


_READERS = {
    ".json": _json, ".jsonl": _jsonl, ".csv": _csv, ".npz": _npz, ".npy": _npz,
    ".txt": _lines, ".png": _image, ".jpg": _image, ".jpeg": _image, ".webp": _image,
}  # fmt: skip


def random(
    signature: Signature, count: int, rng: np.random.Generator, length: int
) -> list[Any]:
    """Return random inputs that fit the signature.

    Floats have a standard normal distribution, integers are 0 or 1, texts consist of
    common words, and images are noise. Dynamic dimensions have the size `length`.
    """
    return [dict(_values(signature, rng, length)) for _ in range(count)]


def _values(
    signature: Signature, rng: np.random.Generator, length: int
) -> Iterator[tuple[str, Any]]:
    for item in signature.inputs:
        if item.form == "features":
            for field in item.fields or ():
                number = round(float(rng.normal()), 4)
                yield field.name, _word(rng) if field.type == "category" else number
        elif item.form in {"text", "tokens"}:
            yield item.key, " ".join(_word(rng) for _ in range(_TEXT_WORDS))
        elif item.image is not None:
            yield item.key, _noise(item.image, rng)
        elif item.default is None:
            yield item.key, _tensor(item, rng, length)


def _word(rng: np.random.Generator) -> str:
    return str(rng.choice(_WORDS))


def _tensor(item: Input, rng: np.random.Generator, length: int) -> Any:
    shape: Sequence[int] = item.shape if item.form == "array" else item.shape[1:]
    lengths = [length if dimension == -1 else dimension for dimension in shape]
    if item.form == "array" and item.shape[:1] == (-1,):
        lengths[0] = 1
    dtype = DTYPES[item.datatype]
    if dtype.kind == "O":
        return rng.choice(_WORDS, lengths).tolist()
    if dtype.kind == "f":
        return rng.normal(size=lengths).astype(np.float32).round(4).tolist()
    bits = rng.integers(0, 2, lengths)
    return (bits.astype(bool) if dtype.kind == "b" else bits).tolist()


def _noise(image: Image, rng: np.random.Generator) -> str:
    import PIL.Image

    pixels = rng.integers(0, 256, (image.height, image.width, 3), np.uint8)
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()

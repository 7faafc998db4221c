"""Example inputs for measurements: from a file, or random."""

import base64
import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

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


class Examples(NamedTuple):
    """Inputs of a file, in the form of a request's inputs."""

    inputs: list[Any]
    targets: list[Any] | None
    """The true answer to each input; None without a target."""
    left: int
    """Inputs of the file that were not read."""


def read(path: Path, signature: Signature) -> list[Any]:
    """Return the first inputs of a file; raises `UnclearError`.

    A .json file holds a list, or an object with ``inputs``; a .jsonl, .csv or .txt file
    has an input per line; an .npz file has arrays by input name, with an input per row;
    an image file is one input.
    """
    return read_labelled(path, signature, None).inputs


def read_labelled(
    path: Path, signature: Signature, target: str | None, most: int = MOST
) -> Examples:
    """Return the first inputs of a file, and their values in the field `target`.

    `target` is a column of a .csv file, an array of an .npz file, or a field of each
    object of a .json or .jsonl file; beside it, ``input`` may hold the input. Raises
    `UnclearError` if the file cannot be read.
    """
    try:
        reader = _READERS[path.suffix.lower()]
    except KeyError:
        raise UnclearError(
            f"{path.name}: expected a file of examples with one of the suffixes "
            f"{', '.join(_READERS)}"
        ) from None
    try:
        inputs, targets = reader(path, signature, target)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnclearError(f"{path.name} cannot be read: {error}") from None
    if not inputs:
        raise UnclearError(f"{path.name} has no examples")
    if target is not None and targets is None:
        raise UnclearError(f"{path.name} has no {target!r} (--target)")
    return Examples(
        inputs[:most], targets and targets[:most], max(0, len(inputs) - most)
    )


Columns = tuple[list[Any], list[Any] | None]
"""The inputs of a file and the target of each."""


def _json(path: Path, signature: Signature, target: str | None) -> Columns:
    del signature
    data = json.loads(path.read_text("utf-8"))
    if isinstance(data, Mapping):
        data = data["inputs"] if "inputs" in data else [data.get("input", data)]
    if not isinstance(data, list):
        raise UnclearError(f"{path.name}: expected a list of inputs")
    return _split(data, target)


def _jsonl(path: Path, signature: Signature, target: str | None) -> Columns:
    del signature
    lines = path.read_text("utf-8").splitlines()
    return _split([json.loads(line) for line in lines if line.strip()], target)


def _split(rows: list[Any], target: str | None) -> Columns:
    """Take the targets out of objects."""
    if target is None:
        return rows, None
    inputs, targets = [], []
    for number, row in enumerate(rows):
        if not (isinstance(row, Mapping) and target in row):
            raise ValueError(f"input {number + 1} has no field {target!r}")
        rest = {name: value for name, value in row.items() if name != target}
        inputs.append(rest["input"] if set(rest) == {"input"} else rest)
        targets.append(row[target])
    return inputs, targets


def _lines(path: Path, signature: Signature, target: str | None) -> Columns:
    del signature, target
    lines = path.read_text("utf-8").splitlines()
    return [line for line in lines if line.strip()], None


def _csv(path: Path, signature: Signature, target: str | None) -> Columns:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    targets = None
    if target is not None and rows and target in rows[0]:
        targets = [row.pop(target) for row in rows]
    numbers = {
        field.name
        for item in signature.inputs
        for field in item.fields or ()
        if field.type == "number"
    }
    keys = {item.key for item in signature.inputs}
    if any(item.form in {"text", "tokens"} for item in signature.inputs):
        keys &= set(rows[0]) if rows else set()
        # the one column of a text model may have any name
        return [
            dict(row) if keys else next(iter(row.values())) for row in rows
        ], targets
    if not any(item.form == "features" for item in signature.inputs):
        # a tensor of numbers: each line is a row
        return [[_number(value) for value in row.values()] for row in rows], targets
    return [
        {
            name: _number(value) if name in numbers else value
            for name, value in row.items()
        }
        for row in rows
    ], targets


def _number(text: str) -> float | None:
    return float(text) if text.strip() else None


def _npz(path: Path, signature: Signature, target: str | None) -> Columns:
    arrays = np.load(path, allow_pickle=False)
    if isinstance(arrays, np.ndarray):
        arrays = {signature.inputs[0].name: arrays}
    names = [item.name for item in signature.inputs]
    if missing := set(names) - set(arrays):
        raise ValueError(f"the array {min(missing)!r} is missing")
    given = target is not None and target in arrays
    targets = arrays[target].tolist() if given else None
    if any(item.form == "array" for item in signature.inputs):
        return [{name: _without_nan(arrays[name]) for name in names}], targets
    rows = len(arrays[names[0]])
    return [_row(signature, {name: arrays[name][row] for name in names})
            for row in range(rows)], targets  # fmt: skip


def _without_nan(array: np.ndarray) -> Any:
    """Return an array as lists; JSON has null in the place of NaN."""
    if array.dtype.kind != "f" or not np.isnan(array).any():
        return array.tolist()
    numbers = array.astype(object)
    numbers[np.isnan(array)] = None
    return numbers.tolist()


def _row(signature: Signature, arrays: Mapping[str, np.ndarray]) -> Any:
    row: dict[str, Any] = {}
    for item in signature.inputs:
        value = _without_nan(arrays[item.name])
        if item.form == "features":
            names = [field.name for field in item.fields or ()]
            row |= dict(zip(names, value, strict=True))
        else:
            row[item.key] = value
    return row


def _image(path: Path, signature: Signature, target: str | None) -> Columns:
    del signature, target
    return [base64.b64encode(path.read_bytes()).decode()], None


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

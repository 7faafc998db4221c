"""The background of explanations for a graph that was trained elsewhere."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hotseat_registry.errors import IntegrityError
from hotseat_registry.signature import Field, Signature
from hotseat_serve.kinds import background as backgrounds
from hotseat_serve.kinds import reason_codes
from hotseat_serve.kinds.background import MIN_ROWS, Background
from hotseat_train.evaluation import explanation_files, reason_texts
from hotseat_train.external import examples
from hotseat_train.external.errors import UnclearError

_COUNT = 128
_COLUMNS = {"features", "tensor"}


def write(
    signature: Signature,
    inputs: Sequence[Any],
    folder: Path,
    background: Path | None,
    reasons: Path | None,
) -> dict[str, Path]:
    """Write the files of explanations to `folder`; return them by their names.

    `inputs` are the examples, `background` and `reasons` files that replace what is
    made. Raises `UnclearError`.
    """
    found = generate(signature, inputs)
    if background is not None:
        found = read(background, signature)
    path = folder / backgrounds.FILE
    if found is not None:
        path.write_bytes(found.to_bytes())
        if reasons is None:
            reasons = folder / reason_codes.FILE
            reasons.write_bytes(reason_texts.default(signature, found.groups))
    try:
        return explanation_files.checked(signature, path, reasons)
    except IntegrityError as error:
        raise UnclearError(str(error)) from None


def read(path: Path, signature: Signature) -> Background:
    """Return the background of a file: a version's own, or inputs as `examples` reads.

    The rows become the version's, as they are: none may be a player's. Raises
    `UnclearError`.
    """
    data = path.read_bytes()
    if path.suffix == ".json" and _is_document(data):
        fields = [f.name for item in signature.inputs for f in item.fields or ()]
        try:
            found = backgrounds.read(data, fields)
            explanation_files.check_background(signature, data)
        except IntegrityError as error:
            raise UnclearError(f"--background {path.name}: {error}") from None
        return found
    rows = examples.read(path, signature)
    if len(rows) < MIN_ROWS:
        raise UnclearError(
            f"--background {path.name} has {len(rows)} rows; at least {MIN_ROWS} are "
            "needed"
        )
    return Background(rows, {}, f"the rows of {path.name}")


def generate(signature: Signature, inputs: Sequence[Any]) -> Background | None:
    """Return invented rows: columns of examples drawn one by one, or of ranges.

    None for other inputs than fields and columns, for fewer than `MIN_ROWS` examples,
    and without examples for fields whose ranges the signature does not give.
    """
    forms = {(item.form, len(item.shape)) for item in signature.inputs}
    if not forms <= {(form, 2) for form in _COLUMNS}:
        return None
    rng = np.random.default_rng(0)
    if len(inputs) >= MIN_ROWS:
        rows = _shuffled(inputs, rng)
        return Background(rows, {}, "each column of the example drawn for itself")
    fields = [field for item in signature.inputs for field in item.fields or ()]
    columns = {field.name: _range(field, rng) for field in fields}
    if not fields or any(values is None for values in columns.values()):
        return None
    rows = [
        {name: values[row] for name, values in columns.items() if values is not None}
        for row in range(_COUNT)
    ]
    return Background(rows, {}, "drawn from the signature's ranges")


def _is_document(data: bytes) -> bool:
    try:
        value = json.loads(data)
    except ValueError:
        return False
    return isinstance(value, dict) and "rows" in value


def _shuffled(inputs: Sequence[Any], rng: np.random.Generator) -> list[Any]:
    """Return inputs whose values each come of another example."""
    rows: list[dict[str, Any]] = [{} for _ in range(min(len(inputs), _COUNT))]
    for name in inputs[0]:
        values = [one[name] for one in inputs]
        if isinstance(values[0], list):  # the columns of one tensor
            columns = [
                _drawn(column, len(rows), rng) for column in zip(*values, strict=True)
            ]
            for row, value in zip(rows, zip(*columns, strict=True), strict=True):
                row[name] = list(value)
            continue
        for row, value in zip(rows, _drawn(values, len(rows), rng), strict=True):
            row[name] = value
    return rows


def _drawn(values: Sequence[Any], count: int, rng: np.random.Generator) -> list[Any]:
    """Return values of a column in a random order, each at most once."""
    return [values[at] for at in rng.permutation(len(values))[:count]]


def _range(field: Field, rng: np.random.Generator) -> list[Any] | None:
    """Return values of a field within its bounds; None if it has none."""
    words = field.categories or field.known
    if field.type == "category":
        return None if not words else [words[at % len(words)] for at in range(_COUNT)]
    low, high = field.observed or (field.minimum, field.maximum)
    if field.type != "number" or low is None or high is None:
        return None
    return list(rng.permutation(np.linspace(low, high, _COUNT)).tolist())

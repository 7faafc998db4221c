"""Game-shaped JSON to tensors and back, from the signature alone.

Pure, and used by training too: what is measured is what serves.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from hotseat_registry.errors import IntegrityError
from hotseat_registry.manifest import Input, Manifest, Signature
from hotseat_serve.problems import Problem

Array = np.ndarray[Any, Any]

MAX_ROWS = 1_000
"""Inputs in one request, where the signature says nothing else."""


def read_inputs(body: Any) -> tuple[list[Any], list[str], bool]:
    """Return a request's inputs, a JSON pointer to each, and whether it is many.

    ``{"inputs": [...]}`` are many, ``{"input": ...}`` is one, and any other object
    is itself the one input, so that ``{"text": "..."}`` is enough.
    Raises `Problem` when it is none of these.
    """
    if not isinstance(body, Mapping):
        raise Problem("invalid_input", "the body has to be a JSON object", "")
    if "inputs" in body:
        inputs = body["inputs"]
        if not isinstance(inputs, list) or not inputs:
            raise Problem(
                "invalid_input", "'inputs' has to be a list with one or more", "/inputs"
            )
        return inputs, [f"/inputs/{row}" for row in range(len(inputs))], True
    if "input" in body:
        return [body["input"]], ["/input"], False
    return [body], [""], False


def encode(
    signature: Signature, inputs: Sequence[Any], pointers: Sequence[str] | None = None
) -> dict[str, Array]:
    """Return the tensors of `inputs`; the first dimension is ``len(inputs)``.

    Raises `Problem` (invalid_input, too_large) with a pointer to the first fault.
    """
    limit = signature.max_rows or MAX_ROWS
    if len(inputs) > limit:
        raise Problem("too_large", f"{len(inputs)} inputs; the limit is {limit}")
    pointers = pointers or [f"/{row}" for row in range(len(inputs))]
    return {
        item.name: _FORMS[item.form](item, signature, inputs, pointers)
        for item in signature.inputs
    }


def decode(manifest: Manifest, outputs: Mapping[str, Array]) -> list[dict[str, Any]]:
    """Return one answer a row, as the model's kind shapes it."""
    return _KINDS[manifest.kind](manifest.signature, outputs)


def check(manifest: Manifest) -> None:
    """Check that this service can serve the version; raises `IntegrityError`."""
    forms = {item.form for item in manifest.signature.inputs}
    if unknown := forms - set(_FORMS):
        raise IntegrityError(
            f"{manifest.reference} wants inputs as {min(unknown)!r}; "
            f"this service knows {', '.join(sorted(_FORMS))}: update it"
        )
    if manifest.kind not in _KINDS:
        raise IntegrityError(
            f"{manifest.reference} is of kind {manifest.kind!r}; "
            f"this service knows {', '.join(sorted(_KINDS))}: update it"
        )


def _text(
    item: Input, signature: Signature, inputs: Sequence[Any], pointers: Sequence[str]
) -> Array:
    """Fill ``[rows]`` strings from strings, or from objects with the input's name."""
    texts = []
    for value, pointer in zip(inputs, pointers, strict=True):
        if isinstance(value, Mapping):
            pointer = f"{pointer}/{item.name}"  # noqa: PLW2901 (where we look)
            if item.name not in value:
                raise Problem("invalid_input", f"{item.name!r} is missing", pointer)
            text = value[item.name]
        elif len(signature.inputs) == 1:
            text = value
        else:
            raise Problem("invalid_input", "an input has to be an object", pointer)
        texts.append(_checked(text, item, pointer))
    return np.array(texts, dtype=object)


def _checked(text: Any, item: Input, pointer: str) -> str:
    if not isinstance(text, str):
        raise Problem("invalid_input", f"{item.name!r} has to be a string", pointer)
    if not text.strip():
        raise Problem("invalid_input", f"{item.name!r} is empty", pointer)
    try:
        size = len(text.encode())
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can write
        raise Problem(
            "invalid_input", f"{item.name!r} is no valid Unicode", pointer
        ) from None
    if item.max_bytes is not None and size > item.max_bytes:
        raise Problem(
            "too_large",
            f"{item.name!r} has {size} bytes; the limit is {item.max_bytes}",
            pointer,
        )
    return text.replace("\0", " ")  # NUL pads strings inside the graph


def _classification(
    signature: Signature, outputs: Mapping[str, Array]
) -> list[dict[str, Any]]:
    """``scores`` [rows, labels] are the labels' probabilities."""
    answers = []
    for row in outputs["scores"].tolist():
        best = max(range(len(row)), key=row.__getitem__)
        answers.append(
            {
                "label": signature.labels[best],
                "probability": row[best],
                "scores": dict(zip(signature.labels, row, strict=True)),
            }
        )
    return answers


_Form = Callable[[Input, Signature, Sequence[Any], Sequence[str]], Array]
_Kind = Callable[[Signature, Mapping[str, Array]], list[dict[str, Any]]]

_FORMS: Mapping[str, _Form] = {"text": _text}
_KINDS: Mapping[str, _Kind] = {"classification": _classification}

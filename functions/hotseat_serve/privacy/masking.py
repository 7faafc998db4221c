"""Mask the texts of a request before the model reads them, where a stage wants it.

The model then answers to ``[email]`` and the like; spans of an explanation are those of
the masked text.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotseat_registry.signature import Signature
from hotseat_serve.privacy.recognisers import mask

_TEXTS = {"text", "tokens"}


def is_masked(model: str, masked: str) -> bool:
    """Whether `masked` (names separated by commas, or ``*``) names a model."""
    names = [name.strip() for name in masked.split(",")]
    return model in names or "*" in names


def mask_inputs(signature: Signature, inputs: Sequence[Any]) -> list[Any]:
    """Return the inputs of a request with the texts of the signature masked."""
    names = {item.key for item in signature.inputs if item.form in _TEXTS}
    for item in signature.inputs:
        names |= {f.name for f in item.fields or () if f.type in {"text", "list"}}
    (only, *others) = signature.inputs
    is_text = not others and only.form in _TEXTS
    return [_row(given, names, is_text=is_text) for given in inputs]


def mask_tensors(
    signature: Signature, tensors: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Return tensors by name with those of texts masked, in the same shapes."""
    texts = {item.name for item in signature.inputs if item.form == "text"}
    return {
        name: _array(array) if name in texts else array
        for name, array in tensors.items()
    }


def _row(given: Any, names: set[str], *, is_text: bool) -> Any:
    if isinstance(given, Mapping):
        return {
            name: _value(value) if name in names else value
            for name, value in given.items()
        }
    return _value(given) if is_text else given


def _value(value: Any) -> Any:
    if isinstance(value, list):
        return [_value(item) for item in value]
    return mask(value) if isinstance(value, str) else value


def _array(array: NDArray[Any]) -> NDArray[Any]:
    masked = np.empty(array.shape, dtype=object)
    flat = masked.reshape(-1)
    for at, value in enumerate(array.reshape(-1)):
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        flat[at] = mask(str(text))
    return masked

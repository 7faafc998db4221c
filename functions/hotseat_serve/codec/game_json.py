"""Convert game-shaped JSON to tensors, from the signature alone.

The module is pure. Training uses it too, so measurements and service agree.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from hotseat_registry.signature import Input, Signature
from hotseat_serve import rules
from hotseat_serve.codec.elements import Array
from hotseat_serve.codec.features import columns
from hotseat_serve.codec.input_warnings import Warnings
from hotseat_serve.codec.nested import array, one, tensor
from hotseat_serve.codec.rows import TOP, Rows
from hotseat_serve.codec.texts import text
from hotseat_serve.limits import check_rows
from hotseat_serve.wording import expected, invalid


def read_inputs(
    body: Any, warnings: Warnings | None = None
) -> tuple[list[Any], list[str], bool]:
    """Return a request's inputs, a JSON pointer to each, and whether it is many.

    ``{"inputs": [...]}`` are many, ``{"input": ...}`` is one, and any other object
    is itself the one input, so ``{"text": "..."}`` is enough.
    Raises `Problem` for any other body.
    """
    if not isinstance(body, Mapping):
        raise expected("an object as the body", "", body)
    if "inputs" in body:
        inputs = body["inputs"]
        if not isinstance(inputs, list) or not inputs:
            raise expected("a list of one or more inputs", "/inputs", inputs)
        if warnings is not None and "input" in body:
            warnings.add(
                "ignored_field", "'input' is ignored beside 'inputs'", "/input"
            )
        check_top(body, warnings)
        return inputs, [f"/inputs/{row}" for row in range(len(inputs))], True
    if "input" in body:
        check_top(body, warnings)
        return [body["input"]], ["/input"], False
    return [body], [""], False


def check_top(
    body: Mapping[str, Any],
    warnings: Warnings | None,
    known: Sequence[str] = (*TOP, "explain"),
) -> None:
    """Warn of the fields at the top of a body that nothing reads."""
    if warnings is not None and (unknown := body.keys() - set(known)):
        warnings.unknown(unknown, known, "")


def encode(
    signature: Signature,
    inputs: Sequence[Any],
    pointers: Sequence[str] | None = None,
    warnings: Warnings | None = None,
    files: Mapping[str, Any] | None = None,
) -> dict[str, Array]:
    """Return the tensors of `inputs`; the first dimension is ``len(inputs)``.

    `files` are the opened files of the signature (tokenizers).

    `warnings` collects possible mistakes in answered requests: unknown fields, and
    values that training did not see.
    Raises `Problem` (invalid_input, too_large) with a pointer to the first fault.
    """
    pointers = pointers or [f"/{row}" for row in range(len(inputs))]
    rows = Rows(signature, inputs, pointers, warnings)
    _check_batch(rows)
    rows.check_names()
    tensors = {
        item.name: FORMS[item.form](item, rows)
        for item in signature.inputs
        if item.form != "tokens"
    }
    if len(tensors) < len(signature.inputs):
        tensors |= _tokens(rows, files or {})
    return tensors


def _tokens(rows: Rows, files: Mapping[str, Any]) -> dict[str, Array]:
    """Fill the tensors of tokens, once for all tensors of the same text."""
    from hotseat_serve.codec import tokens  # late: most versions have no tokenizer

    groups: dict[str, list[Input]] = {}
    for item in rows.signature.inputs:
        if item.form == "tokens":
            groups.setdefault(item.key, []).append(item)
    found: dict[str, Array] = {}
    for items in groups.values():
        found |= tokens.encode(items, rows, files)
    return found


def _images(item: Input, rows: Rows) -> Array:
    """Fill ``[rows, ...]`` pixels from encoded images."""
    from hotseat_serve.codec import images  # late: most versions read no images

    return images.images(item, rows)


def _check_batch(rows: Rows) -> None:
    """Refuse a number of inputs that differs from the graph's fixed batch."""
    count = len(rows.inputs)
    check_rows(rows.signature, count)
    for item in rows.signature.inputs:
        batch = item.shape[0] if item.shape and item.form != "array" else -1
        if batch not in {-1, count}:
            raise invalid(
                f"the graph takes {batch} inputs in one request, neither more nor "
                f"less, got {count}",
                rows.pointers[min(count - 1, batch)] if count else "",
            )


def _text(item: Input, rows: Rows) -> Array:
    """Fill ``[rows]`` strings from strings, or from objects with the input's name."""
    values = rows.values(item)
    array = np.array([text(value, item, at) for value, at in values], object)
    if len(item.shape) == 1:
        return array
    if not item.shape:
        return one(item, array, values)
    # some graphs take each text in a list of its own
    return array.reshape(len(values), *(1 for _ in item.shape[1:]))


def states(
    signature: Signature, inputs: Sequence[Any], pointers: Sequence[str]
) -> list[Any]:
    """Return the positions that boards show, by the signature's rules.

    Raises `Problem` with a pointer to the first invalid board.
    """
    rows = Rows(signature, inputs, pointers)
    _check_batch(rows)
    item = next(item for item in signature.inputs if item.form == "board")
    return _states(item, rows)


def _states(item: Input, rows: Rows) -> list[Any]:
    assert rows.signature.rules is not None
    game = rules.game(rows.signature.rules)
    found = []
    for value, pointer in rows.values(item):
        try:
            found.append(game.read(value))
        except ValueError as error:
            raise invalid(str(error), pointer) from None
    return found


def _board(item: Input, rows: Rows) -> Array:
    """Fill ``[rows, ...]`` from boards, by the game's rules or number by number."""
    if rows.signature.rules is None:
        return tensor(item, rows)
    game = rules.game(rows.signature.rules)
    return np.stack([game.encode(state) for state in _states(item, rows)])


FORMS: Mapping[str, Callable[[Input, Rows], Array]] = {
    "text": _text,
    "features": columns,
    "board": _board,
    "tensor": tensor,
    "array": array,
    "tokens": tensor,
    "image": _images,
}
"""The functions by form; `encode` fills the tensors of tokens together."""

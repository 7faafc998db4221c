"""Game-shaped JSON to tensors, from a version's signature alone, as in the service.

A second, shorter implementation, because a game ships this package without the service;
`tests/contract/sdk/test_device.py` compares the answers and errors of both.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hotseat._device import boards, columns, nested
from hotseat._device.elements import Array, size
from hotseat._device.warnings import Warnings, absent
from hotseat._device.wording import (
    bad,
    expected,
    inside,
    is_object,
    listed,
    place,
    too_large,
)

Json = Mapping[str, Any]

MAX_ROWS = 1_000
"""Maximum number of inputs in a request, unless the signature has another."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The inputs of one request, each with its JSON pointer."""

    signature: Json
    inputs: Sequence[Any]
    pointers: Sequence[str]
    warnings: Warnings
    files: Json = field(default_factory=dict)
    """The opened tokenizers, by the names of their files."""

    def values(self, item: Json) -> nested.Values:
        """Return an input's values; a single input may come without its name."""
        alone = len({key(other) for other in self.signature["inputs"]}) == 1
        values: list[tuple[Any, str]] = []
        name = key(item)
        for row, at in zip(self.inputs, self.pointers, strict=True):
            if is_object(row):
                if name not in row and item.get("default") is not None:
                    values.append((None, inside(at, name)))
                    continue
                if name not in row:
                    got = listed(sorted(row)) if row else "no field"
                    raise bad(f"expected {name!r}{place(at)}, got {got}",
                              inside(at, name))  # fmt: skip
                values.append((row[name], inside(at, name)))
            elif alone:
                values.append((row, at))
            else:
                raise expected("an object", at, row)
        return values

    def check_names(self) -> None:
        """Warn about unknown fields; raises `BadInputError`."""
        items = self.signature["inputs"]
        named = any(item["form"] == "features" for item in items)
        known = list(dict.fromkeys(_names(self.signature)))
        for row, at in zip(self.inputs, self.pointers, strict=True):
            if not is_object(row):
                continue
            unknown = row.keys() - set(known)
            if named and len(unknown) == len(row):
                if unknown:
                    raise absent(unknown, known, at)
                self.warnings.add(
                    "all_defaults", "no field is given: each has its default", at
                )
            if unknown:
                self.warnings.unknown(unknown, known, at)


def _names(signature: Json) -> list[str]:
    names = []
    for item in signature["inputs"]:
        if item["form"] == "features":
            names += [field["name"] for field in item.get("fields") or ()]
        else:
            names.append(key(item))
    if any(output["name"] == "policy" for output in signature.get("outputs") or ()):
        names.append("legal")
    return names


def encode(
    signature: Json,
    inputs: Sequence[Any],
    pointers: Sequence[str],
    warnings: Warnings | None = None,
    files: Json | None = None,
) -> dict[str, Array]:
    """Return the tensors of inputs; raises `BadInputError`, `TooLargeError`.

    `files` are the opened tokenizers.
    """
    rows = Rows(signature, inputs, pointers, warnings or Warnings(), files or {})
    _check_batch(rows)
    rows.check_names()
    return {
        item["name"]: _FORMS[item["form"]](item, rows)
        for item in signature["inputs"]
        if item["form"] != "tokens"
    } | _tokens(rows)


def key(item: Json) -> str:
    """Return the field of a request that fills an input: of tokens, the text's."""
    tokens = item.get("tokens")
    return str(tokens.get("text") or "text") if tokens else str(item["name"])


def _tokens(rows: Rows) -> dict[str, Array]:
    """Fill the tensors of tokens, once for all tensors of the same text."""
    groups: dict[str, list[Json]] = {}
    for item in rows.signature["inputs"]:
        if item["form"] == "tokens":
            groups.setdefault(key(item), []).append(item)
    found: dict[str, Array] = {}
    for items in groups.values():
        from hotseat._device import tokens  # late: most versions have no tokenizer

        texts = _texts(items[0], rows)
        tokenizer = rows.files[items[0]["tokens"]["file"]]
        places = [at for _, at in rows.values(items[0])]
        found |= tokens.encode(items, texts, places, tokenizer, rows.warnings)
    return found


def _image(item: Json, rows: Rows) -> Array:
    from hotseat._device import images  # late: most versions read no images

    return np.stack([images.tensor(item, *one) for one in rows.values(item)])


def check_rows(signature: Json, count: int) -> None:
    """Raise `TooLargeError` if a request has too many inputs."""
    limit = signature.get("max_rows") or MAX_ROWS
    if count > limit:
        raise too_large(f"{count} inputs; the limit is {limit}")


def _check_batch(rows: Rows) -> None:
    count = len(rows.inputs)
    check_rows(rows.signature, count)
    for item in rows.signature["inputs"]:
        batch = item["shape"][0] if item["shape"] and item["form"] != "array" else -1
        if batch not in {-1, count}:
            raise bad(
                f"the graph takes {batch} inputs in one request, neither more nor "
                f"less, got {count}",
                rows.pointers[min(count - 1, batch)],
            )


def _texts(item: Json, rows: Rows) -> list[str]:
    values, most, texts = rows.values(item), item.get("max_bytes"), []
    for text, at in values:
        if not isinstance(text, str):
            raise expected("a string", at, text)
        if not text.strip():
            got = "one of spaces" if text else "an empty one"
            raise bad(f"expected a text{place(at)}, got {got}", at)
        count = size(text, at)
        if most is not None and count > most:
            raise too_large(
                f"the text{place(at)} has {count} bytes; the limit is {most}", at
            )
        texts.append(text.replace("\0", " "))  # NUL pads strings inside the graph
    return texts


def _text(item: Json, rows: Rows) -> Array:
    values, texts = rows.values(item), _texts(item, rows)
    array = np.empty(len(texts), object)
    array[:] = texts
    if not item["shape"]:
        return nested.one(item, array, values)
    return array.reshape(len(texts), *(1 for _ in item["shape"][1:]))


def _features(item: Json, rows: Rows) -> Array:
    return columns.filled(
        item,
        zip(rows.inputs, rows.pointers, strict=True),
        rows.warnings,
        non_finite=bool(rows.signature.get("non_finite")),
    )


def _tensor(item: Json, rows: Rows) -> Array:
    non_finite = bool(rows.signature.get("non_finite"))
    return nested.tensor(item, rows.values(item), non_finite=non_finite)


def _array(item: Json, rows: Rows) -> Array:
    non_finite = bool(rows.signature.get("non_finite"))
    return nested.array(item, rows.values(item), non_finite=non_finite)


def _board(item: Json, rows: Rows) -> Array:
    rules = rows.signature.get("rules")
    if rules is None:
        return _tensor(item, rows)
    planes = []
    for value, at in rows.values(item):
        try:
            planes.append(boards.GAMES[rules](value))
        except ValueError as error:
            raise bad(str(error), at) from None
    return np.stack(planes)


_FORMS: Mapping[str, Callable[[Json, Rows], Array]] = {
    "text": _text,
    "features": _features,
    "board": _board,
    "tensor": _tensor,
    "array": _array,
    "image": _image,
}

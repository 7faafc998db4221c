"""Texts to tokens on the device, by a version's tokenizer.json, as in the service.

The `tokenizers` package reads it: ``pip install hotseat[texts]``. The steps are those
of hotseat_serve.codec.tokens.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hotseat._device.elements import DTYPES, Array
from hotseat._device.warnings import Warnings
from hotseat.errors import ConfigError, TransportError

_PARTS = {"ids": "ids", "mask": "attention_mask", "types": "type_ids"}


def open_tokenizer(path: Path, item: Mapping[str, Any], version: str) -> Any:
    """Return the tokenizer of an input, cut and padded to its length.

    Raises `ConfigError` without the package, `TransportError` for a damaged file.
    """
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise ConfigError(
            f"{version} reads texts by a tokenizer: pip install hotseat[texts]"
        ) from None
    try:
        tokenizer = Tokenizer.from_str(path.read_text("utf-8"))
    except Exception as error:  # noqa: BLE001 (tokenizers has no error of its own)
        raise TransportError(f"{version}: {path.name} does not load: {error}") from None
    length = item["shape"][1] if item["shape"][1] > 0 else None
    limit = item["tokens"].get("max_tokens") or 512
    tokenizer.enable_truncation(min(limit, length or limit))
    padding = tokenizer.padding or {}
    tokenizer.enable_padding(
        length=length,
        pad_id=padding.get("pad_id", _pad(tokenizer)),
        pad_type_id=padding.get("pad_type_id", 0),
        pad_token=padding.get("pad_token", "[PAD]"),
        direction=padding.get("direction", "right"),
    )
    return tokenizer


def encode(
    items: Sequence[Mapping[str, Any]],
    texts: Sequence[str],
    pointers: Sequence[str],
    tokenizer: Any,
    warnings: Warnings,
) -> dict[str, Array]:
    """Return the tensors [rows, tokens] of all inputs with the same text."""
    encodings = tokenizer.encode_batch(list(texts))
    for encoding, pointer in zip(encodings, pointers, strict=True):
        if encoding.overflowing:
            warnings.add(
                "text_cut",
                f"the text is cut after {len(encoding.ids)} tokens, which is all that "
                "the model reads",
                pointer,
            )
    return {
        item["name"]: np.array(
            [getattr(one, _PARTS[item["tokens"].get("part", "ids")])
             for one in encodings],
            DTYPES[item["datatype"]],
        )
        for item in items
    }  # fmt: skip


def _pad(tokenizer: Any) -> int:
    """Return the id of the padding token by its usual names."""
    for name in ("[PAD]", "<pad>", "<|endoftext|>"):
        token_id = tokenizer.token_to_id(name)
        if token_id is not None:
            return int(token_id)
    return 0

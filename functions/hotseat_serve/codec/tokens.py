"""Convert texts to the tensors of a text model with a tokenizer of Hugging Face.

The `tokenizers` package reads only tokenizer.json; it is imported when a version with
a tokenizer is opened.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hotseat_registry.errors import IntegrityError
from hotseat_registry.signature import Input
from hotseat_serve.codec.rows import Rows
from hotseat_serve.codec.tensors import DTYPES, Array
from hotseat_serve.codec.texts import text

if TYPE_CHECKING:
    from pathlib import Path

    from hotseat_registry.encrypted_file import EncryptedFile

PARTS = {"ids": "ids", "mask": "attention_mask", "types": "type_ids"}
"""Contents of a tensor, and the attribute of the encoding with each."""


def open_tokenizer(path: "Path | EncryptedFile", item: Input) -> Any:
    """Open the tokenizer.json of an input; raises `IntegrityError`.

    Texts are cut after `max_tokens`. They are padded to the longest text of a request,
    or to the graph's length if that is fixed.
    """
    assert item.tokens is not None
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise IntegrityError(
            "this version needs a tokenizer: pip install tokenizers"
        ) from None
    try:
        tokenizer = Tokenizer.from_str(path.read_text("utf-8"))
    except Exception as error:  # noqa: BLE001 (tokenizers has no error of its own)
        raise IntegrityError(f"the tokenizer does not load: {error}") from None
    length = item.shape[1] if item.shape[1] > 0 else None
    tokenizer.enable_truncation(min(item.tokens.max_tokens, length or 1 << 30))
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
    items: Sequence[Input], rows: Rows, files: Mapping[str, Any]
) -> dict[str, Array]:
    """Return the tensors [rows, tokens] of all inputs with the same text.

    A text of more than `max_tokens` is cut, with the warning text_cut. Raises
    `Problem` for a value that is not a text.
    """
    first = items[0]
    assert first.tokens is not None
    values = rows.values(first)
    texts = [text(value, first, pointer) for value, pointer in values]
    tokenizer = files[first.tokens.file]
    encodings = tokenizer.encode_batch(texts)
    if rows.warnings is not None:
        for encoding, (_, pointer) in zip(encodings, values, strict=True):
            if encoding.overflowing:
                rows.warnings.add(
                    "text_cut",
                    f"the text is cut after {len(encoding.ids)} tokens, which is all "
                    "that the model reads",
                    pointer,
                )
    found = {}
    for item in items:
        assert item.tokens is not None
        part = PARTS[item.tokens.part]
        found[item.name] = np.array(
            [getattr(encoding, part) for encoding in encodings], DTYPES[item.datatype]
        )
    return found


def _pad(tokenizer: Any) -> int:
    """Return the id of the padding token by its usual names."""
    for name in ("[PAD]", "<pad>", "<|endoftext|>"):
        token_id = tokenizer.token_to_id(name)
        if token_id is not None:
            return int(token_id)
    return 0

"""The files of a version that its codec and its kind read, opened."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hotseat_registry.signature import Signature

if TYPE_CHECKING:
    from pathlib import Path

    from hotseat_registry.encrypted_file import EncryptedFile


def open_files(
    signature: Signature, paths: Mapping[str, "Path | EncryptedFile"]
) -> dict[str, Any]:
    """Open tokenizers, and documents to search; raises `IntegrityError`."""
    if any(item.form == "image" for item in signature.inputs):
        from hotseat_serve.codec.images import check_decoder

        check_decoder()
    if not signature.files:
        return {}
    opened: dict[str, Any] = {}
    if signature.retrieval is not None:
        from hotseat_serve.kinds.retrieval import open_index

        opened[signature.retrieval.vectors] = open_index(signature.retrieval, paths)
    if not any(item.tokens for item in signature.inputs):
        return opened
    from hotseat_serve.codec.tokens import open_tokenizer

    return opened | {
        item.tokens.file: open_tokenizer(paths[item.tokens.file], item)
        for item in signature.inputs
        if item.tokens is not None
    }

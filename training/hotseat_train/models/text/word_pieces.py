"""The tokenizer of a pretrained encoder: words, and pieces of rarer words."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hotseat_registry.scripts import script_of

Array = np.ndarray[Any, Any]
TOKENIZER = "tokenizer.json"
"""The file, in the format of Hugging Face."""
MAX_TOKENS = 258
"""Of one text. One of 512 bytes has no more, even if letters and spaces alternate: a
token for each letter, one before the text and one after it."""


class WordPieces:
    """The tokenizer of an encoder, as a source of rows."""

    def __init__(self, path: Path) -> None:
        from tokenizers import Tokenizer  # late: a task's constants do without it

        self.tokenizer: Any = Tokenizer.from_file(str(path))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(MAX_TOKENS)

    def encode(self, texts: Sequence[str]) -> list[Array]:
        """Return the numbers of each text's tokens [tokens]."""
        found = self.tokenizer.encode_batch(list(texts))
        return [np.array(one.ids, np.int64) for one in found]

    def shares(self, texts: Sequence[str]) -> Array:
        """Return the share of each text's tokens that the encoder knows [texts]."""
        known = self.known()
        rows = self.encode(texts)
        # without the token before and the one after the text
        return np.array([known[row].sum() / max(1, len(row) - 2) for row in rows])

    def known(self) -> Array:
        """Return 1 for each token that the encoder knows [vocabulary], else 0."""
        words = self.tokenizer.get_vocab()
        found = np.zeros(max(words.values()) + 1, np.float32)
        for word, number in words.items():
            is_special = word.startswith("[") and word.endswith("]")
            found[number] = not is_special and script_of(("Han",), word) is None
        return found

"""Character n-grams over a public alphabet: what federated clients agree on.

`NgramLearner` takes its characters and their weights from the training texts. Clients
that do not show their texts cannot: here the characters are those of public standards,
and n-grams of two and three characters are hashed. No weight depends on a text.
"""

import unicodedata
from functools import cache
from itertools import chain

import numpy as np
import torch

from hotseat_train.models.text.char_ngrams import NgramLearner, NgramModule, fold

BUCKETS = 1 << 15
"""Hashed rows for n-grams of two and three characters."""
NAME = "ISO 8859-1, Latin Extended-A, Greek, Cyrillic, kana, GB 2312 and KS X 1001"
"""Where the characters are from."""
_ALONE = 0.3
"""Weight of a single character against 1 for longer n-grams. Frequent characters are in
every text, and without inverse document frequencies they would slow the others down;
chosen on the validation rows of CONDA."""
_RANGES = ((0x20, 0x180), (0x370, 0x400), (0x400, 0x460), (0x3040, 0x3100))
_STANDARDS = ("gb2312", "euc_kr")
"""Codecs whose two-byte characters are those of GB 2312 and KS X 1001."""


@cache
def alphabet() -> tuple[str, ...]:
    """Return the folded characters, sorted."""
    plain = (chr(code) for first, end in _RANGES for code in range(first, end))
    wide = (
        bytes([row, cell]).decode(codec, errors="ignore")
        for codec in _STANDARDS
        for row in range(0xA1, 0xFF)
        for cell in range(0xA1, 0xFF)
    )
    found = {fold(character) for character in chain(plain, wide) if character}
    return tuple(sorted(c for c in found if unicodedata.category(c) != "Cc"))


class PublicNgramLearner(NgramLearner):
    """Logistic regression on n-grams of the public alphabet; starts from zeros."""

    family = "n-grams"

    def __init__(self, labels: int, buckets: int = BUCKETS) -> None:
        self._know(alphabet(), buckets)
        self._weights = np.ones(self._size + buckets, np.float32)
        self._weights[: self._size] = _ALONE
        self._weights[0] = 0  # padding
        self.module = NgramModule(len(self._weights), labels)
        torch.nn.init.zeros_(self.module.table.weight)

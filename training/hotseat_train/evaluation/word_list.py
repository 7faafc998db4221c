"""A word list: the simplest rule for texts, with as many words as serve it best."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from hotseat_train.data.dataset import Split

SIZES = (50, 200, 800, 3200)
"""Sizes to choose from."""
_IN_ROWS = 5
"""Rows that a word has to be in."""
_HELD = 5
"""Each row of so many chooses the size, and is not counted while it does."""
_WORD = re.compile(r"[^\W\d_]{2,}|[\u3040-\u30ff\u4e00-\u9fff]")


@dataclass(frozen=True, slots=True)
class WordList:
    """Words, each with its label's number and the label's share of its rows."""

    words: Mapping[str, tuple[float, int]]
    usual: int
    """The label of a text without one of the words: the most frequent one."""

    @classmethod
    def learned(cls, train: Split) -> Self:
        """Return the list whose size has the best accuracy on rows held back.

        The words are the ones that point to one label most purely.
        """
        held = [row for row in range(len(train)) if row % _HELD == 0]
        rest = [row for row in range(len(train)) if row % _HELD]
        size = SIZES[0]
        if rest:
            part, apart = cls._of(train.pick(rest), max(SIZES)), train.pick(held)
            size = max(SIZES, key=lambda size: _first(part, size).hits(apart))
        return cls._of(train, size)

    def answers(self, texts: Sequence[str]) -> list[int]:
        """Return each text's label by its purest word, or the usual one."""
        found = []
        for text in texts:
            hits = [self.words[word] for word in _words(text) if word in self.words]
            share, label = max(hits, default=(0.0, self.usual))
            found.append(label if share > 1 / 2 else self.usual)
        return found

    def hits(self, rows: Split) -> int:
        """Return how many rows it answers rightly."""
        answers = self.answers(rows.inputs)
        return sum(a == b for a, b in zip(answers, rows.targets, strict=True))

    @classmethod
    def _of(cls, rows: Split, size: int) -> Self:
        usual = Counter(rows.targets).most_common(1)[0][0]
        counts: dict[str, Counter[int]] = defaultdict(Counter)
        for text, target in zip(rows.inputs, rows.targets, strict=True):
            for word in set(_words(text)):
                counts[word][target] += 1
        purity = {}
        for word, found in counts.items():
            label, most = found.most_common(1)[0]
            if found.total() >= _IN_ROWS and label != usual:
                purity[word] = (most / found.total(), label)
        ordered = sorted(purity.items(), key=lambda item: -item[1][0])
        return cls(dict(ordered[:size]), usual)


def _first(found: WordList, size: int) -> WordList:
    return WordList(dict(list(found.words.items())[:size]), found.usual)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())

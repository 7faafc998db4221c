"""The labels of chat moderation, and the categories of `toxic`."""

from collections.abc import Iterable
from typing import NamedTuple

from hotseat_train.models.text.categories import Categories

LABELS = ("ok", "toxic", "implicit", "report")
CATEGORIES = ("insult", "threat", "self_harm", "hate", "sexual")
"""Of `toxic`. `self_harm`: telling somebody to harm or kill themselves."""
TREE = Categories(LABELS, {"toxic": CATEGORIES})
SEVERITY = {"insult": 1, "sexual": 2, "hate": 2, "threat": 3, "self_harm": 3}
"""How grave each category is: 3 is what a person should see soon."""
TOXIC = frozenset(CATEGORIES)


class Row(NamedTuple):
    """A labelled line for the training."""

    text: str
    allowed: frozenset[str]
    """The categories that the source allows: one, or several if it knows no more."""
    key: str
    """Rows of one key are in one split."""

    @property
    def target(self) -> int:
        """The number of its label."""
        labels = {label for label in LABELS if self.allowed & {*TREE.within(label)}}
        (label,) = labels
        return LABELS.index(label)


def row(text: str, allowed: Iterable[str], key: str) -> Row:
    """Return a row; `allowed` are categories, or labels without categories."""
    return Row(text, frozenset(allowed), key)

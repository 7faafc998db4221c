"""A studio's own texts: one column of text, and the label to predict from it.

Character n-grams of one to three need no word boundaries, so one model reads several
languages. Texts that differ only in case, width, spaces and punctuation are in one
split.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from hotseat_registry import Signature
from hotseat_train.data import splits
from hotseat_train.data.dataset import Dataset, Split
from hotseat_train.data.tables import ColumnType, Options, Table
from hotseat_train.errors import DatasetError, TrainError
from hotseat_train.models.text import char_ngrams
from hotseat_train.optim.loop import Plan
from hotseat_train.optim.plan import GRADIENT
from hotseat_train.tasks.own_table import OwnTable
from hotseat_train.tasks.sentiment import key_of
from hotseat_train.tasks.supervised import Learner

_MAX_BYTES = 4096
_STEPS, _LEAST_BATCH = 20, 16
"""Steps of an epoch at least, unless batches would be smaller than this."""
_GOLDEN, _IN_TEXTS, _CHARACTERS = 16, 5, 3


@dataclass(frozen=True, kw_only=True)
class OwnText(OwnTable):
    """One text in, the label's probabilities out."""

    family: str = "n-grams"
    text: str
    """The column of the text."""

    families = ()
    optimizer = "sgd"
    intended_use = "Sort texts of the studio's own into its own labels."
    limits = (
        "It knows the words and spellings of the rows that it was trained on: other "
        "languages, irony and new slang are beyond it. It judges texts, not people."
    )

    @property
    def compressions(self) -> Sequence[str]:  # type: ignore[override] # as in TableTask
        """Methods that suit a table of n-grams."""
        return ("dynamic", "static")

    def unused(self, options: Collection[str]) -> str:
        """See `Task.unused`."""
        left = sorted(set(options) - set(GRADIENT))
        flag = left[0].replace("_", "-") if left else ""
        return f"a model of texts does not use --{flag}: leave it out" if left else ""

    def most_epochs(self, plan: Plan) -> int | None:
        """See `Task.most_epochs`."""
        return plan.max_epochs

    def choose(
        self, family: str | None, settings: Mapping[str, Any] | None = None
    ) -> Self:
        """See `Task.choose`; raises `TrainError`: there is one family."""
        if settings or family not in {None, self.family}:
            raise TrainError(
                f"--text {self.text} has one family of models: leave --family out. To "
                f"mix texts and columns: --column {self.text}=text instead of --text"
            )
        return self

    def record(self) -> dict[str, Any]:
        """Return what `tasks.of` reads, with the column of the text."""
        record = super().record()
        return {**record, "table": {**record["table"], "text": self.text}}

    def leaking(self, features: Sequence[ColumnType], rows: Sequence[Any]) -> list[str]:
        """Return nothing: a text is one column."""
        del features, rows
        return []

    def learner(self, train: Split, seed: int) -> Learner:
        """Return an untrained learner of the texts' n-grams."""
        return char_ngrams.NgramLearner(train.inputs, max(train.targets) + 1, seed)

    def signature(self, dataset: Dataset) -> Signature:
        """Return one text in, a probability for each label out."""
        return char_ngrams.signature(dataset.labels, _MAX_BYTES)

    def plan(self, optimizer: str) -> Plan:
        """Return the usual plan for n-grams."""
        return char_ngrams.plan(optimizer)

    def plan_of(self, options: Mapping[str, Any]) -> Plan:
        """See `Task.plan_of`; few rows are learned in smaller batches.

        An epoch of few steps would end before the weights have moved.
        """
        plan = super().plan_of(options)
        if options.get("batch_size") or plan.full_batch:
            return plan
        size = len(self.data.train) // _STEPS
        return replace(plan, batch_size=min(plan.batch_size, max(_LEAST_BATCH, size)))

    def golden_inputs(self, dataset: Dataset) -> Sequence[str]:
        """Return invented texts of frequent characters: no player's line."""
        counts = Counter(c for text in dataset.train.inputs for c in set(text.lower()))
        often = [c for c, n in counts.most_common(64) if n >= _IN_TEXTS and c.isalnum()]
        often = often or ["a", "b", "c"]
        return [
            "".join(often[(at * 7 + n * 5) % len(often)] for n in range(_CHARACTERS))
            + (" " + often[at % len(often)]) * (at % 3)
            for at in range(_GOLDEN)
        ]

    def _options(self) -> Options:
        options = super()._options()
        options.columns[self.text] = "text"  # type: ignore[index] # a dict of its own
        return options

    @property
    def features(self) -> list[ColumnType]:
        """Return the column of the texts alone; raises `DatasetError`."""
        found = [c for c in self._table.description.columns if c.name == self.text]
        if not found or not found[0].used:
            raise DatasetError(f"{self.path}: no text in the column {self.text!r}")
        return found

    def _rows(
        self, table: Table, targets: Sequence[Any]
    ) -> list[tuple[splits.Row, float]]:
        """Return the rows that have letters or digits, keyed by these."""
        rows = []
        for (key, (row, weight), target), moment in super()._rows(table, targets):
            text = str(row[self.text] or "").strip()
            if letters := key_of(text):
                own = key if self.id else letters
                rows.append(((own, (text, weight), target), moment))
        return rows

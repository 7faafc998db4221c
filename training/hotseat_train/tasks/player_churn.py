"""Predicts churn: World of Warcraft players of 2008, at the end of September.

Will a player who was active in July to September not play at all in October to
December? The features are those known at the time: play in each month up to September,
race, class, and the month and level of the character's start. Columns derived from the
whole year (zone, numOfJoinedGuild, level, playcount, playduration) would leak the
target and are left out.

Training rows also show the players at the end of July and of August, with the months
before as features and the three months after as the target (train-only rows): churn
looks alike in every month, so these rows improve the model.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pyarrow.parquet

from hotseat_registry import Field, Signature
from hotseat_train.data.dataset import Dataset, Split, split
from hotseat_train.data.download import Source
from hotseat_train.models.tables import families
from hotseat_train.models.tables.preprocessing import Preprocessor
from hotseat_train.optim.loop import Plan
from hotseat_train.tasks.supervised import Learner, TableTask

_PLAYERS = Source(
    "wow/players-2008.parquet",
    "https://raw.githubusercontent.com/xlegend1024/wow-player-churn/71cd500/data/play_recordes.parquet",
    "7ad42274e757cec53b6c9dd2ff594ce142905680fd1580da371e96ecf07c7fef",
    # the rows of it that are learned from, written anew
    also=("d974586596be24b67aa1aca3b7aacb2531746c4575b60c91fe342c1a5c9036eb",),
)
_APART = 5
"""Players whose number it divides are reserved for independent tests and never read."""
_MONTHS = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip
KNOWN = _MONTHS[:9]
_EARLIER = (8, 7)
"""The ends of the train-only rows; earlier ones did not improve the validation."""
_SEED = 0  # of the split, which stays the same whatever the run's seed
_TEST = 2
"""Tenths of the players; with one the intervals of the families overlap."""
NUMBERS = (
    *(Field(month.lower(), default=0, minimum=0) for month in KNOWN),
    Field("start_month", minimum=1, maximum=12, default=1),
    Field("start_level", minimum=0, default=1),  # later games have higher levels
)
SERIES = tuple(month.lower() for month in KNOWN)
WORDS = (
    Field("race", "category", default="unknown"),
    Field("charclass", "category", default="unknown"),
)


@dataclass(frozen=True, kw_only=True)
class PlayerChurn(TableTask):
    """Classification of named features: the probability that a player leaves."""

    name = "player-churn"
    groups = MappingProxyType({"months": SERIES})
    intended_use = (
        "Rank players by how likely they are to leave, so that a studio can ask the "
        "right ones to stay."
    )
    limits = (
        "Learned from one server of one game in 2008. It knows how much was played and "
        "nothing of why; what keeps a player is for an experiment to find out."
    )

    def dataset(self) -> Dataset:
        """Read the players who were active in July to September; split by player."""
        whole = pyarrow.parquet.read_table(_PLAYERS.path()).to_pylist()
        rows = [row for row in whole if row["char"] % _APART]
        # a join left some players several times, with another class or leaked column
        once = list({_same(row): row for row in reversed(rows)}.values())[::-1]
        seen = _seen(once, len(KNOWN))
        train, validation, test = split(seen, _SEED, _TEST)
        train_only = [row for end in _EARLIER for row in _seen(once, end)]
        keys, inputs, targets = zip(*train_only, strict=True)
        return Dataset(
            train=train,
            validation=validation,
            test=test,
            labels=("stays", "leaves"),
            source="xlegend1024/wow-player-churn @ 71cd500, from WoW Avatar History "
            "(Lee et al., MMSys 2011)",
            licence="published for research",
            sha256=_PLAYERS.sha256,
            preparation=(
                f"{len(rows)} rows, of which {len(once)} are there once; {len(seen)} "
                "of them played in July to September; split 70/10/20 by a hash of the "
                "player; those learned from are seen in July and August, too"
            ),
            train_only=Split(inputs, targets, keys),
        )

    def learner(self, train: Split, seed: int) -> Learner:
        """Return a model of the task's family."""
        table = Preprocessor(NUMBERS, WORDS, train, SERIES)
        return families.learner(self.family, table, 2, seed, self.settings)

    def signature(self, dataset: Dataset) -> Signature:
        """Return the signature: named features in, a probability for each label out."""
        return Preprocessor(NUMBERS, WORDS, dataset.train).signature(dataset.labels)

    def plan(self, optimizer: str) -> Plan:
        """Return settings that converge, chosen by hand."""
        return families.plan(optimizer)


TASK = PlayerChurn()


def _same(row: dict[str, Any]) -> tuple[Any, ...]:
    """Return the values that distinguish a player's rows from copies."""
    return tuple(row[name] for name in ("char", "start_month", "start_level", *_MONTHS))


def _seen(
    rows: list[dict[str, Any]], end: int
) -> list[tuple[str, dict[str, Any], int]]:
    """Return (key, features, target) of recently active players.

    `end` months are known and fill the last columns; earlier columns are zero.
    """
    known, later, shift = _MONTHS[:end], _MONTHS[end : end + 3], len(KNOWN) - end
    found = []
    for row in rows:
        if not any(row[month] > 0 for month in known[-3:]):
            continue
        counts = [0.0] * shift + [row[month] for month in known]
        features = dict(zip(SERIES, counts, strict=True))
        features["start_month"] = row["start_month"] + shift
        features["start_level"] = row["start_level"]
        features |= {name: row[name] or "unknown" for name in ("race", "charclass")}
        leaves = not any(row[month] > 0 for month in later)
        found.append((f"player {row['char']}", features, int(leaves)))
    return found

"""Who will leave: World of Warcraft players of 2008, seen at the end of September.

Of a player who was active in July to September: will there be no play at all in
October to December? Known is what was known then: play in each month up to September,
race, class, and when and at which level the character began. Columns that were made of
the whole year (zone, numOfJoinedGuild, level, playcount, playduration) would give the
answer away and are left out.
"""

from dataclasses import dataclass
from typing import Any

import pyarrow.parquet

from hotseat_registry import Field, Output, Signature
from hotseat_train.dataset import Dataset, Split, split
from hotseat_train.fit import Plan
from hotseat_train.source import Source
from hotseat_train.tabular import EstimatorLearner, NetworkLearner, Table
from hotseat_train.tasks.task import Learner

_PLAYERS = Source(
    "wow/players-2008.parquet",
    "https://raw.githubusercontent.com/xlegend1024/wow-player-churn/71cd500/data/play_recordes.parquet",
    "d974586596be24b67aa1aca3b7aacb2531746c4575b60c91fe342c1a5c9036eb",
)
KNOWN = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep")
ACTIVE, LATER = KNOWN[-3:], ("Oct", "Nov", "Dec")
_SEED = 0  # of the split, which stays the same whatever the run's seed
NUMBERS = (
    *(Field(month.lower(), default=0, minimum=0) for month in KNOWN),
    Field("start_month", minimum=1, maximum=12, default=1),
    Field("start_level", minimum=0, maximum=80, default=1),
)
WORDS = (
    Field("race", "category", default="unknown"),
    Field("charclass", "category", default="unknown"),
)


@dataclass(frozen=True)
class PlayerChurn:
    """Named features in, the probability of leaving out."""

    family: str = "trees"

    name = "player-churn"
    kind = "classification"
    intended_use = (
        "Rank players by how likely they are to leave, so that a studio can ask the "
        "right ones to stay."
    )
    limits = (
        "Learned from one server of one game in 2008. It knows how much was played and "
        "nothing of why; what keeps a player is for an experiment to find out."
    )
    group = None

    def dataset(self) -> Dataset:
        """Read the players who were active in July to September; split by player."""
        rows = pyarrow.parquet.read_table(_PLAYERS.path()).to_pylist()
        chosen = [row for row in rows if any(row[month] > 0 for month in ACTIVE)]
        train, validation, test = split([_row(row) for row in chosen], _SEED)
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
                f"{len(rows)} players, of whom {len(chosen)} played in July to "
                "September; split 80/10/10 by a hash of the player"
            ),
        )

    def learner(self, train: Split, seed: int) -> Learner:
        """Return a model of the task's family."""
        table = Table(NUMBERS, WORDS, train)
        if self.family in {"trees", "svm"}:
            return EstimatorLearner(table, self.family, seed)
        return NetworkLearner(table, 2, seed, 64 if self.family == "mlp" else 0)

    def signature(self, dataset: Dataset) -> Signature:
        """Named features in, a probability for each label out."""
        return Signature(
            inputs=Table(NUMBERS, WORDS, dataset.train).inputs,
            outputs=(Output("scores", "FP32", (-1, 2)),),
            labels=dataset.labels,
            max_rows=1000,
        )

    def plan(self, optimizer: str) -> Plan:
        """Return what was found by hand to converge."""
        return {
            "gd": Plan("gd", learning_rate=0.5, max_epochs=300),
            "sgd": Plan("sgd", learning_rate=0.1, batch_size=128),
            "momentum": Plan("momentum", 0.02, momentum=0.9, batch_size=128),
            "adam": Plan("adam", learning_rate=0.002, batch_size=128),
        }[optimizer]


TASK = PlayerChurn()


def _row(row: dict[str, Any]) -> tuple[str, dict[str, Any], int]:
    known = {month.lower(): row[month] for month in KNOWN}
    known |= {name: row[name] for name in ("start_month", "start_level")}
    known |= {name: row[name] or "unknown" for name in ("race", "charclass")}
    leaves = not any(row[month] > 0 for month in LATER)
    return f"player {row['char']}", known, int(leaves)

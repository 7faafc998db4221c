"""Families of models for tables: linear models, networks, trees, SVMs and ensembles.

A family trains on the columns of a `Preprocessor`; its graph has the input ``x``
[rows, columns] and the output ``scores`` [rows, labels].
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

from hotseat_train.errors import DatasetError
from hotseat_train.models.tables.ensemble import Member, SoftVotingEnsemble
from hotseat_train.models.tables.extra_trees import ExtraTreesLearner
from hotseat_train.models.tables.logistic import LogisticLearner
from hotseat_train.models.tables.network import NetworkLearner
from hotseat_train.models.tables.preprocessing import Preprocessor
from hotseat_train.models.tables.svm import SvmLearner
from hotseat_train.models.tables.trees import TreesLearner
from hotseat_train.optim.loop import Plan
from hotseat_train.optim.plan import GRADIENT

Settings = Mapping[str, Any]
GROUP = "hotseat.families"
Make = Callable[[Preprocessor, int, int, Settings], Member]
"""Makes an untrained model from a preprocessor, labels, a seed and settings."""


@dataclass(frozen=True, slots=True)
class Family:
    """A family of models; packages register it under ``hotseat.families``."""

    settings: Settings
    """The default settings; a search overrides them."""
    make: Make
    options: Collection[str] = GRADIENT
    """Options of a plan that it uses; others are refused."""
    compressions: Sequence[str] = ("dynamic", "static", "prune", "distill")
    """Methods of `compression.variants` that suit its graphs; trees have their own."""


def names() -> tuple[str, ...]:
    """Return the sorted names of all installed families."""
    return tuple(sorted(entry_points(group=GROUP).names))


def find(name: str) -> Family:
    """Return a family by its name; raises `DatasetError`."""
    entries = tuple(entry_points(group=GROUP, name=name))
    if not entries:
        raise DatasetError(f"no family {name!r}; there are {', '.join(names())}")
    if len({entry.value for entry in entries}) > 1:
        packages = sorted(
            entry.dist.name for entry in entries if entry.dist is not None
        )
        raise DatasetError(
            f"{' and '.join(packages)} both have a family {name!r}: remove one"
        )
    family: Family = entries[0].load()
    return family


def learner(
    family: str,
    preprocessor: Preprocessor,
    labels: int,
    seed: int,
    settings: Settings | None = None,
) -> Member:
    """Return an untrained model of a family; `settings` override the defaults.

    Raises `DatasetError` for an unknown setting, and for unknown members of an
    ensemble.
    """
    registered = find(family)
    if unknown := set(settings or {}) - set(registered.settings):
        raise DatasetError(f"{family} has no setting {min(unknown)!r}")
    chosen = {**registered.settings, **(settings or {})}
    return registered.make(preprocessor, labels, seed, chosen)


def plan(optimizer: str) -> Plan:
    """Return the training plan of the networks; chosen by hand."""
    return {
        "gd": Plan("gd", learning_rate=0.5, max_epochs=300),
        "sgd": Plan("sgd", learning_rate=0.1, batch_size=128),
        "momentum": Plan("momentum", 0.02, momentum=0.9, batch_size=128),
        "adam": Plan("adam", learning_rate=0.002, batch_size=128),
    }[optimizer]


def _network(
    preprocessor: Preprocessor, labels: int, seed: int, settings: Settings
) -> Member:
    return NetworkLearner(preprocessor, labels, seed, **settings)


def _logistic(
    preprocessor: Preprocessor, labels: int, seed: int, settings: Settings
) -> Member:
    return LogisticLearner(preprocessor, labels, seed, settings)


def _svm(
    preprocessor: Preprocessor, labels: int, seed: int, settings: Settings
) -> Member:
    family = "svm" if "gamma" in settings else "svm-linear"
    return SvmLearner(preprocessor, labels, seed, family, settings)


def _blend(
    preprocessor: Preprocessor, labels: int, seed: int, settings: Settings
) -> Member:
    members = settings["members"]
    alone = [name for name in names() if name != "blend"]
    if not members or not set(members) <= set(alone):
        raise DatasetError(f"the members of a blend are of {', '.join(alone)}")
    return SoftVotingEnsemble(
        preprocessor,
        lambda: [learner(name, preprocessor, labels, seed) for name in members],
    )


_FITTED = ("seed",)
LOGISTIC = Family({"C": 0.0}, _logistic, _FITTED, ("dynamic", "static"))
MLP = Family({"hidden": 64, "dropout": 0.2, "embedded": 0}, _network)
TREES = Family(
    {
        "n_estimators": 0, "learning_rate": 0.08, "num_leaves": 24,
        "min_child_samples": 20, "subsample": 1.0, "colsample_bytree": 1.0,
        "reg_lambda": 3.0, "categories": "auto",
    },
    TreesLearner,
    _FITTED,
)  # fmt: skip
EXTRA_TREES = Family(
    {"n_estimators": 100, "min_samples_leaf": 0}, ExtraTreesLearner, _FITTED, ()
)
SVM_LINEAR = Family({"C": 0.1}, _svm, _FITTED, ())
SVM = Family({"C": 1.0, "gamma": "scale"}, _svm, _FITTED, ())
BLEND = Family({"members": ("trees", "logistic")}, _blend)

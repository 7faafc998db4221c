"""Hyperparameter search with Optuna; on several machines with Ray.

The search minimises the validation loss of one training; it never uses the test split.
A trial that reports its epochs ends early if its loss is above the median of earlier
trials at the same epoch. All trials are in a journal, so the same command resumes a
search. On Ray each trial is a task; on one machine the journal is enough, and a cluster
needs a storage that all machines can reach (an Optuna URL).
"""

import functools
import logging
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from hotseat_train import run
from hotseat_train.data.dataset import Dataset
from hotseat_train.errors import TrainError
from hotseat_train.optim.loop import Epoch, Plan
from hotseat_train.tasks.supervised import SupervisedTask

_UNPRUNED = 5
"""Number of first trials that never end early."""
_STORE = 100 * 2**20
"""Size in bytes of the object store of a local Ray."""


@dataclass(frozen=True, slots=True)
class Objective:
    """The task, data and plan of every trial; it is pickled for other machines."""

    task: SupervisedTask
    dataset: Dataset
    plan: Plan
    rows: int | None = None
    """Number of training rows to use, the first ones; None: all."""

    def loss(self, trial: Trial) -> float:
        """Train with the trial's settings; return the lowest validation loss."""
        task, plan = chosen(trial, self.task, self.plan)
        part = self.dataset.train.pick(range(len(self.dataset.train))[: self.rows])
        validation = self.dataset.validation
        train_rows = (
            self.dataset.training_rows(part, validation) if self.rows is None else part
        )
        learner = task.learner(part, plan.seed)

        def report(epoch: Epoch) -> None:
            trial.report(epoch.validation_loss, epoch.number)
            if trial.should_prune():
                raise optuna.TrialPruned

        state = learner.fit(train_rows, validation, plan, report=report)
        return state.best_epoch.validation_loss


def chosen(
    trial: Trial, task: SupervisedTask, plan: Plan
) -> tuple[SupervisedTask, Plan]:
    """Return task and plan with the trial's settings for the task's family."""
    family = task.family
    if family == "trees":
        settings: dict[str, Any] = {
            "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.1, log=True),
            "num_leaves": trial.suggest_int("num_leaves", 4, 48, log=True),
            "min_child_samples": trial.suggest_int("min_child_samples", 5, 120),
            "subsample": trial.suggest_float("subsample", 0.5, 1.0),
            "colsample_bytree": trial.suggest_float("colsample_bytree", 0.2, 1.0),
            "reg_lambda": trial.suggest_float("reg_lambda", 0.1, 50, log=True),
            "categories": trial.suggest_categorical("categories", ["sets", "columns"]),
        }
        return task.choose(family, settings), plan
    if family == "extra-trees":
        least = trial.suggest_int("min_samples_leaf", 1, 20, log=True)
        return task.choose(family, {"min_samples_leaf": least}), plan
    if family in {"svm", "svm-linear"}:
        settings = {"C": trial.suggest_float("C", 1e-3, 30, log=True)}
        if family == "svm":
            settings["gamma"] = trial.suggest_float("gamma", 1e-4, 0.3, log=True)
        return task.choose(family, settings), plan
    if family == "logistic":
        settings = {"C": trial.suggest_float("C", 1e-3, 30, log=True)}
        return task.choose(family, settings), plan
    if family == "mlp":
        settings = {
            "hidden": trial.suggest_int("hidden", 8, 128, log=True),
            "dropout": trial.suggest_float("dropout", 0.0, 0.5),
            "embedded": trial.suggest_categorical("embedded", [0, 8]),
        }
        task = task.choose(family, settings)
    rate = trial.suggest_float(
        "learning_rate", plan.learning_rate / 10, plan.learning_rate * 10, log=True
    )
    plan = replace(plan, learning_rate=rate)
    if not plan.full_batch:
        size = trial.suggest_categorical("batch_size", [32, 64, 128, 256])
        plan = replace(plan, batch_size=size)
    if plan.momentum:
        plan = replace(plan, momentum=trial.suggest_float("momentum", 0.5, 0.99))
    return task, plan


@dataclass(frozen=True, slots=True)
class Search:
    """A search: where its trials are stored, and how to run more."""

    folder: Path
    seed: int = 0
    storage: str | None = None
    """An Optuna URL; None: a journal in the folder."""

    @property
    def best(self) -> Path:
        """The file of the best settings, for ``hotseat train --plan``."""
        return self.folder / "best.json"

    def study(self, worker: int = 0) -> optuna.Study:
        """Open the study, with a sampler seeded by the number of its trials."""
        opened = _open(self.folder, self.storage)
        study = _study(opened, self.folder.name)
        done = len(study.get_trials(deepcopy=False))
        # a repeated search gives the same trials, a resumed one gives new trials
        study.sampler = optuna.samplers.TPESampler(seed=self.seed + done + worker)
        study.pruner = optuna.pruners.MedianPruner(n_startup_trials=_UNPRUNED)
        return study

    def run(
        self,
        objective: Objective,
        trials: int,
        *,
        timeout: float | None = None,
        ray: str | None = None,
        workers: int = 2,
        report: Callable[[FrozenTrial], None] = lambda _trial: None,
    ) -> FrozenTrial:
        """Search until there are `trials`, or for `timeout` seconds; return the best.

        `ray` is an address, or ``local`` to start a Ray with `workers`. Raises
        `TrainError` for a blend, and if no trial was completed.
        """
        if objective.task.family == "blend":
            raise TrainError(
                "blend has no settings to search: search those of one of its members"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        study = self.study()
        left = trials - len(_ended(study))
        if left > 0 and ray is None:
            study.optimize(
                objective.loss, n_trials=left, timeout=timeout,
                callbacks=[lambda _study, trial: report(trial)],
            )  # fmt: skip
        elif left > 0:
            self._on_ray(objective, left, timeout, str(ray), workers, report)
        study = self.study()
        if not any(t.state == TrialState.COMPLETE for t in study.trials):
            raise TrainError("no trial was completed: raise the time limit")
        task, plan = chosen_again(study.best_trial, objective)
        changed = {
            name: value
            for name, value in asdict(plan).items()
            if value != getattr(objective.plan, name)
        }
        best = {
            "optimizer": plan.optimizer,
            "plan": changed,
            "loss": study.best_value,
            "trials": len(_ended(study)),
        }
        if task.family:
            best |= {"family": task.family, "settings": task.record()["settings"]}
        run.write(self.best, best)
        return study.best_trial

    def _on_ray(
        self,
        objective: Objective,
        trials: int,
        timeout: float | None,
        address: str,
        workers: int,
        report: Callable[[FrozenTrial], None],
    ) -> None:
        import ray

        is_local = address == "local"
        local: Any = {
            "num_cpus": workers, "object_store_memory": _STORE,
            "include_dashboard": False, "_node_ip_address": "127.0.0.1",
            "log_to_driver": False, "logging_level": logging.ERROR,
        }  # fmt: skip
        end = time.monotonic() + timeout if timeout else None
        # Ray's usage reporting uses the network and leaves files and sockets open
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ray.init("local" if is_local else address, **(local if is_local else {}))
        try:
            shared = ray.put(objective)
            remote_trial = ray.remote(max_retries=2)(_trial)
            search = replace(self, folder=self.folder.resolve())
            waiting = []
            for number in range(trials):
                waiting.append(remote_trial.remote(search, shared, number))
                if len(waiting) < workers and number + 1 < trials:
                    continue
                done, waiting = ray.wait(waiting)
                for trial in ray.get(done):
                    report(trial)
                if end and time.monotonic() > end:
                    break
            for trial in ray.get(waiting):
                report(trial)
        finally:
            ray.shutdown()


def _trial(search: Search, objective: Objective, number: int) -> FrozenTrial:
    """Run one trial, on any machine."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = search.study(worker=1000 * (number + 1))
    trials: list[FrozenTrial] = []
    study.optimize(
        objective.loss,
        n_trials=1,
        callbacks=[lambda _study, trial: trials.append(trial)],
    )
    return trials[0]


def chosen_again(
    trial: FrozenTrial, objective: Objective
) -> tuple[SupervisedTask, Plan]:
    """Return task and plan of an earlier trial."""
    fixed: Any = optuna.trial.FixedTrial(trial.params)
    return chosen(fixed, objective.task, objective.plan)


def _ended(study: optuna.Study) -> list[FrozenTrial]:
    ended = (TrialState.COMPLETE, TrialState.PRUNED)
    return study.get_trials(deepcopy=False, states=ended)


def _study(storage: BaseStorage, name: str) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(storage=storage, study_name=name, load_if_exists=True)


@functools.cache
def _open(folder: Path, url: str | None) -> BaseStorage:
    if url:
        return RDBStorage(url)
    return JournalStorage(JournalFileBackend(str(folder / "trials.journal")))

"""Settings that fit best, searched with Optuna; on many machines with Ray.

What is lowered is the validation loss of one training; the test split is never looked
at. Where a training reports its epochs, one that does worse than most did by then is
ended early (median rule). All trials lie in a journal, so the same command goes on
where it was. On Ray each trial is a task; a cluster of several machines needs a storage
that all of them reach (an Optuna URL), on one machine the journal is enough.
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
"""Trials before any is ended early."""
_STORE = 100 * 2**20
"""Bytes of Ray's store of objects, on a Ray that is started here."""


@dataclass(frozen=True, slots=True)
class Objective:
    """What every trial is about; it goes to other machines whole."""

    task: SupervisedTask
    dataset: Dataset
    plan: Plan
    rows: int | None = None
    """Of the training rows, the first."""

    def loss(self, trial: Trial) -> float:
        """Train with the trial's settings; return the lowest validation loss."""
        task, plan = chosen(trial, self.task, self.plan)
        part = self.dataset.train.pick(range(len(self.dataset.train))[: self.rows])
        held = self.dataset.validation
        train_rows = (
            self.dataset.training_rows(part, held) if self.rows is None else part
        )
        learner = task.learner(part, plan.seed)

        def report(epoch: Epoch) -> None:
            trial.report(epoch.validation_loss, epoch.number)
            if trial.should_prune():
                raise optuna.TrialPruned

        state = learner.fit(train_rows, held, plan, report=report)
        return state.best_epoch.validation_loss


def chosen(
    trial: Trial, task: SupervisedTask, plan: Plan
) -> tuple[SupervisedTask, Plan]:
    """Return task and plan with what the trial suggests for the task's family."""
    family = task.family
    if family == "trees":
        settings: dict[str, Any] = {
            "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.1, log=True),
            "num_leaves": trial.suggest_int("num_leaves", 4, 48, log=True),
            "min_child_samples": trial.suggest_int("min_child_samples", 5, 120),
            "subsample": trial.suggest_float("subsample", 0.5, 1.0),
            "colsample_bytree": trial.suggest_float("colsample_bytree", 0.2, 1.0),
            "reg_lambda": trial.suggest_float("reg_lambda", 0.1, 50, log=True),
        }
        return task.choose(family, settings), plan
    if family in {"svm", "svm-linear"}:
        settings = {"C": trial.suggest_float("C", 1e-3, 30, log=True)}
        if family == "svm":
            settings["gamma"] = trial.suggest_float("gamma", 1e-4, 0.3, log=True)
        return task.choose(family, settings), plan
    if family == "mlp":
        settings = {
            "hidden": trial.suggest_int("hidden", 8, 128, log=True),
            "dropout": trial.suggest_float("dropout", 0.0, 0.5),
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
    """Where the trials of one objective lie, and how more are made."""

    folder: Path
    seed: int = 0
    storage: str | None = None
    """An Optuna URL; None: a journal in the folder."""

    @property
    def best(self) -> Path:
        """Where the best settings are written, for ``hotseat train --plan``."""
        return self.folder / "best.json"

    def study(self, worker: int = 0) -> optuna.Study:
        """Open the trials; a sampler goes on from as many as there are, seeded."""
        opened = _open(self.folder, self.storage)
        study = _study(opened, self.folder.name)
        done = len(study.get_trials(deepcopy=False))
        # the same command gives the same trials, and one that goes on gives new ones
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

        `ray` is an address, or ``local`` to start one here with `workers`. Raises
        `TrainError` for a blend, and where no trial came to an end.
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
            raise TrainError("no trial came to an end: give it more time")
        task, plan = chosen_again(study.best_trial, objective)
        changed = {
            name: value
            for name, value in asdict(plan).items()
            if value != getattr(objective.plan, name)
        }
        found = {
            "optimizer": plan.optimizer,
            "plan": changed,
            "loss": study.best_value,
            "trials": len(_ended(study)),
        }
        if task.family:
            found |= {"family": task.family, "settings": task.record()["settings"]}
        run.write(self.best, found)
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

        here = address == "local"
        local: Any = {
            "num_cpus": workers, "object_store_memory": _STORE,
            "include_dashboard": False, "_node_ip_address": "127.0.0.1",
            "log_to_driver": False, "logging_level": logging.ERROR,
        }  # fmt: skip
        end = time.monotonic() + timeout if timeout else None
        # Ray's own reporting reaches out and leaves files and sockets open
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ray.init(None if here else address, **(local if here else {}))
        try:
            shared = ray.put(objective)
            one = ray.remote(max_retries=2)(_trial)
            where = replace(self, folder=self.folder.resolve())
            begun = range(trials)
            queue, waiting = iter(begun), []
            for number in queue:
                waiting.append(one.remote(where, shared, number))
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


def _trial(where: Search, objective: Objective, number: int) -> FrozenTrial:
    """Make one trial, wherever this runs."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = where.study(worker=1000 * (number + 1))
    found: list[FrozenTrial] = []
    study.optimize(
        objective.loss,
        n_trials=1,
        callbacks=[lambda _study, trial: found.append(trial)],
    )
    return found[0]


def chosen_again(
    trial: FrozenTrial, objective: Objective
) -> tuple[SupervisedTask, Plan]:
    """Return task and plan of a trial that was made before."""
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

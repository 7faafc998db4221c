"""Makes a run by federated training: clients keep their rows, the server averages."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from hotseat_train import run as runs
from hotseat_train.data.dataset import Split
from hotseat_train.errors import TrainError
from hotseat_train.evaluation import membership, parity
from hotseat_train.federated import partition, privacy
from hotseat_train.federated.local_training import Client, Weights
from hotseat_train.federated.privacy import Budget
from hotseat_train.federated.settings import Settings
from hotseat_train.optim import checkpoint
from hotseat_train.optim.gradient_learner import GradientLearner
from hotseat_train.optim.loop import Epoch
from hotseat_train.optim.plan import Plan
from hotseat_train.optim.supervised import fit_learner, measure
from hotseat_train.optim.threads import one_thread
from hotseat_train.reports import learning_curve
from hotseat_train.run import Run
from hotseat_train.tasks.federated import FederatedTask
from hotseat_train.tasks.task import Progress

if TYPE_CHECKING:
    from hotseat_train.federated.messages import Round

MISSING = (
    "Flower is not installed here. It pins older libraries than the service, so it has "
    "an environment of its own: python -m venv flower, then flower/bin/pip install "
    "'hotseat-platform[federate]', then flower/bin/hotseat federate ..."
)
SECURE_AGGREGATION = (
    "none: Flower's message API has none, so the server sees each client's update "
    "(over TLS) before it averages them"
)


@dataclass(frozen=True, slots=True)
class Clients:
    """How rows are cut into clients; see `partition.partition`."""

    count: int = 10
    by: str | None = None


def federate(
    task: FederatedTask,
    settings: Settings,
    folder: Path,
    clients: Clients,
    *,
    progress: Progress | None = None,
) -> Run:
    """Train on clients cut from the task's training rows; write a run to `folder`.

    The run is one like any other: it is evaluated, published and promoted as such. An
    interrupted training resumes after its last round. Raises `TrainError`.
    """
    flower = flower_module()
    dataset, progress = task.data, progress or Progress()
    cut = partition.partition(
        dataset.train, clients.count, clients.by, getattr(task.inner, "id", None)
    )
    learner = task.learner(dataset.train, settings.seed)
    budget = privacy.budget(settings, len(cut.clients))
    server = Server(task, learner, settings, Run(folder), progress)
    held = [Client(learner, rows) for rows in cut.clients]
    if server.after is None or server.after.number < settings.rounds:
        flower.simulate(
            flower.trainer(learner.module, held), server.first, settings, budget,
            len(held), server.report, after=server.after,
        )  # fmt: skip
    found = _attack(task, learner, server.last, settings)
    return server.finish(
        {
            "flower": flower.VERSION,
            "clients": len(held),
            "groups": cut.groups,
            "by": cut.by,
            "unit": cut.unit,
            "privacy": described(budget, settings, cut.unit),
            "membership": found.to_json(),
        }
    )


def flower_module() -> Any:
    """Import the module of Flower; raises `TrainError` where it is not installed."""
    try:
        from hotseat_train.federated import flower
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"flwr", "dp_accounting"}:
            raise
        raise TrainError(MISSING) from None
    return flower


class Server:
    """The server's side of a run: it validates, saves and ends a training."""

    def __init__(
        self, task: FederatedTask, learner: GradientLearner, settings: Settings,
        run: Run, progress: Progress,
    ) -> None:  # fmt: skip
        self._task, self._learner, self._settings = task, learner, settings
        self._run, self._progress = run, progress
        self._validation = learner.encode(task.data.validation.inputs)
        self._began = datetime.now(UTC)
        self.first: Weights = _copied(learner.module.state_dict())
        self.curve: list[Epoch] = []
        self.after: Round | None = None
        run.folder.mkdir(parents=True, exist_ok=True)
        if run.record.exists():
            run.clear()
        elif run.checkpoint.exists():
            self._resume(checkpoint.load(run.checkpoint))

    @property
    def last(self) -> Weights:
        """The weights after the last round."""
        assert self.after is not None
        return dict(self.after.weights)

    def report(self, done: "Round") -> None:
        """Take the result of a round: validate it, save it, show it."""
        module = self._learner.module
        module.load_state_dict(done.weights)
        targets = self._task.data.validation.targets
        loss, accuracy = measure(module, self._validation, targets)
        self.curve.append(Epoch(done.number, done.loss, loss, accuracy))
        self.after = done
        checkpoint.save(
            self._run.checkpoint,
            {
                "settings": asdict(self._settings),
                "identity": self._identity(),
                "curve": [asdict(epoch) for epoch in self.curve],
                "round": asdict(done),
            },
        )
        self._progress.epoch(self.curve[-1])

    def finish(self, facts: Mapping[str, Any]) -> Run:
        """Write graph, curve and record of the last round's model."""
        task, learner, settings = self._task, self._learner, self._settings
        learner.module.load_state_dict(self.last)
        learner.module.eval()
        learner.export(self._run.model)
        dataset, ended = task.data, datetime.now(UTC)
        plan = Plan(
            "sgd", settings.learning_rate, settings.momentum, settings.batch_size,
            settings.rounds, seed=settings.seed,
        )  # fmt: skip
        record = {
            "task": task.name,
            "family": task.family,
            "plan": asdict(plan),
            "data": {
                "source": dataset.source, "licence": dataset.licence,
                "sha256": dataset.sha256, "preparation": dataset.preparation,
                "rows": {"train": len(dataset.train),
                         "validation": len(dataset.validation),
                         "test": len(dataset.test)},
            },
            "curve": [asdict(epoch) for epoch in self.curve],
            "best": asdict(self.curve[-1]),
            "reason": "rounds",
            "answers": parity.answers(learner, dataset.validation),
            "began_at": self._began.isoformat(timespec="seconds"),
            "seconds": round((ended - self._began).total_seconds(), 1),
            "commit": runs.commit(),
            **task.record(),
            "federated": {
                "settings": asdict(settings),
                "preprocessing": task.preprocessing,
                "secure_aggregation": SECURE_AGGREGATION,
                **facts,
            },
        }  # fmt: skip
        learning_curve.plot(record, self._run.curve)
        runs.write(self._run.record, record)
        return self._run

    def _identity(self) -> str:
        """Return what a checkpoint must share: data, labels, shapes of the model."""
        shapes = {name: tuple(value.shape) for name, value in self.first.items()}
        data = self._task.data
        return f"{data.sha256} {data.labels} {shapes}"

    def _resume(self, content: Mapping[str, Any]) -> None:
        from hotseat_train.federated.messages import Round

        before = Settings.of(content.get("settings", {}))
        if content.get("identity") != self._identity() or not self._settings.resumes(
            before
        ):
            return
        self.curve = [Epoch(**epoch) for epoch in content["curve"]]
        self.after = Round(**content["round"])


def described(
    budget: Budget | None, settings: Settings, unit: str
) -> dict[str, Any] | None:
    """Return a budget for a run's record, None without one."""
    if budget is None:
        return None
    return {
        **asdict(budget),
        "unit": unit,
        "clip": settings.clip,
        "neighbours": "all clients, or all but one",
        "accountant": "Renyi differential privacy, no amplification by sampling",
        "mechanism": "Gaussian noise on the mean of clipped updates, at the server",
    }


def _attack(
    task: FederatedTask, learner: GradientLearner, weights: Weights, settings: Settings
) -> membership.Membership:
    """Attack the model by its training rows and the test's."""
    data = task.data
    reference = task.learner(data.validation, settings.seed)
    halves = _halves(data.validation)
    plan = Plan("adam", 0.005, batch_size=64, max_epochs=15, seed=settings.seed)
    learner.module.load_state_dict(weights)
    learner.module.eval()
    with one_thread():
        fit_learner(reference, *halves, plan)
        return membership.attack(learner, reference, data.train, data.test)


def _halves(rows: Split) -> tuple[Split, Split]:
    """Return rows to train a reference model on, and to stop it by."""
    cut = len(rows) * 4 // 5
    return rows.pick(range(cut)), rows.pick(range(cut, len(rows)))


def _copied(weights: Mapping[str, torch.Tensor]) -> Weights:
    return {name: value.clone() for name, value in weights.items()}

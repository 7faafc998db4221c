"""A federated training between machines, as an app that Flower runs.

`write` writes the app's folder, which `flwr run` sends to a SuperLink. There `server`
holds the validation and test rows; on each SuperNode `client` trains on the table that
the node's configuration names.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from hotseat_train import tasks
from hotseat_train.data.dataset import Split
from hotseat_train.errors import TrainError
from hotseat_train.federated import partition, privacy
from hotseat_train.federated.local_training import Client, Update
from hotseat_train.federated.settings import Settings
from hotseat_train.optim.gradient_learner import GradientLearner
from hotseat_train.optim.loop import Epoch
from hotseat_train.pipeline import federate
from hotseat_train.run import Run
from hotseat_train.tasks.federated import FederatedTask, restored
from hotseat_train.tasks.own_table import OwnTable
from hotseat_train.tasks.task import Progress

_PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "1.0.0"
description = "A federated training of Hotseat"
license = "Apache-2.0"
dependencies = []

[tool.flwr.app]
publisher = "hotseat"

[tool.flwr.app.components]
serverapp = "hotseat_app:server"
clientapp = "hotseat_app:client"

[tool.flwr.app.config]
training = {training}
"""
_MODULE = '''\
"""The two apps; hotseat-platform[federate] is installed on each machine."""

from hotseat_train.pipeline.federated_app import client_app, server_app

server = server_app()
client = client_app()
'''


@dataclass(frozen=True, slots=True)
class Training:
    """What server and clients agree on."""

    task: Mapping[str, Any]
    """The record that `tasks.of` reads; a client puts its own table in."""
    settings: Settings
    labels: tuple[str, ...]
    clients: int
    run: str
    """The run's folder on the server."""

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "Training":
        """Return the training of a run's configuration."""
        stored = json.loads(config["training"])
        stored["settings"] = Settings.of(stored["settings"])
        return cls(**{**stored, "labels": tuple(stored["labels"])})


def write(
    folder: Path, task: FederatedTask, settings: Settings, clients: int, run: Path
) -> None:
    """Write the app of a training on so many clients; raises `TrainError`."""
    privacy.budget(settings, clients)  # refused here and not on the server
    record = {"task": task.name, "family": task.family, **task.record()}
    record["data"] = {"sha256": None}
    training = json.dumps(
        asdict(Training(record, settings, task.data.labels, clients,
                        str(run.resolve())))
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    project = _PROJECT.format(name=f"hotseat-{task.name}", training=_toml(training))
    (folder / "pyproject.toml").write_text(project, "utf-8")
    (folder / "hotseat_app.py").write_text(_MODULE, "utf-8")


def server_app() -> Any:
    """Return the app that Flower starts on the server; raises `TrainError`."""
    flower = federate.flower_module()

    def serve(grid: Any, config: Mapping[str, Any]) -> None:
        training = Training.of(config)
        settings, clients = training.settings, training.clients
        task = _task(training.task)
        learner = task.learner(task.data.train, settings.seed)
        budget = privacy.budget(settings, clients)
        server = federate.Server(
            task, learner, settings, Run(Path(training.run)), Progress(epoch=_line)
        )
        flower.rounds(
            grid, server.first, settings, budget, clients, server.report,
            after=server.after,
        )  # fmt: skip
        unit = "one client: all rows of one machine"
        server.finish(
            {
                "flower": flower.VERSION,
                "clients": clients,
                "unit": unit,
                "privacy": federate.described(budget, settings, unit),
                "membership": None,
            }
        )

    return flower.server_app(serve)


def client_app() -> Any:
    """Return the app that Flower starts on a client; raises `TrainError`."""
    flower = federate.flower_module()

    def train(order: Any) -> Update:
        learner, client = _held(
            str(order.run["training"]), tuple(sorted(order.node.items()))
        )
        learner.module.load_state_dict(order.weights)
        return client.update(
            learner.module, order.settings, order.round_number, order.client
        )

    return flower.client_app(train)


@cache
def _held(
    training: str, node: tuple[tuple[str, Any], ...]
) -> tuple[GradientLearner, Client]:
    """Return the model and a client's encoded rows."""
    agreed = Training.of({"training": training})
    of_node = dict(node)
    task = _task(agreed.task, str(of_node.get("data", "")))
    rows = _rows(task, agreed.labels, of_node)
    learner = task.learner(rows, agreed.settings.seed)
    return learner, Client(learner, rows)


def _rows(
    task: FederatedTask, labels: tuple[str, ...], node: Mapping[str, Any]
) -> Split:
    """Return all rows of a client's table, or its part of a task's training rows."""
    data = task.inner.data
    if unknown := sorted(set(data.labels) - set(labels)):
        raise TrainError(
            f"the client's rows have the label {unknown[0]!r}; the server's labels are "
            f"{', '.join(labels)}"
        )
    rows = data.train
    if isinstance(task.inner, OwnTable):
        rows = rows + data.validation + data.test
    elif parts := int(node.get("num-partitions", 0)):
        cut = partition.partition(rows, parts, None, None)
        rows = cut.clients[int(node["partition-id"])]
    number = [labels.index(label) for label in data.labels]
    return replace(rows, targets=tuple(number[target] for target in rows.targets))


def _task(record: Mapping[str, Any], data: str = "") -> FederatedTask:
    """Return the task, on the table or in the folder `data` where there is one."""
    if "table" in record:
        table = {**record["table"], **({"path": data} if data else {})}
        record = {**record, "table": table}
    elif data:
        os.environ["HOTSEAT_DATA"] = data
    return restored(tasks.of(record), record)


def _line(epoch: Epoch) -> None:
    print(  # noqa: T201 (the server's log, which flwr run --stream shows)
        f"round {epoch.number}: loss {epoch.train_loss:.4f}, validation "
        f"{epoch.validation_loss:.4f}, accuracy {epoch.validation_accuracy:.3f}",
        flush=True,
    )


def _toml(text: str) -> str:
    """Return a string as TOML: JSON's escapes are among its own."""
    return json.dumps(text)

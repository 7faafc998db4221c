"""Federated training on CONDA by match, beside training in one place.

CONDA (chat of Dota 2 matches) is split by match; the training matches are dealt to
clients. Accuracy is on the same test matches. Membership attacks (see
`hotseat_train.evaluation.membership`) run against each model, and against a control
that was trained on 1,000 rows until it knew them by heart.

    make bench-federated
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hotseat_train.data.dataset import Dataset
from hotseat_train.errors import DatasetError
from hotseat_train.evaluation.membership import Membership, attack
from hotseat_train.federated.settings import Settings
from hotseat_train.machine import cpu
from hotseat_train.models.text import char_ngrams
from hotseat_train.models.text.public_ngrams import PublicNgramLearner
from hotseat_train.optim import checkpoint
from hotseat_train.optim.loop import Plan
from hotseat_train.optim.supervised import fit_learner, measure
from hotseat_train.optim.threads import one_thread
from hotseat_train.pipeline.federate import Clients, federate
from hotseat_train.tasks.chat_moderation import CONDA
from hotseat_train.tasks.federated import FederatedTask
from hotseat_train.tasks.own_text import OwnText

CLIENTS, PRIVATE_CLIENTS = 20, 500
PLAIN = Settings()
PRIVATE = replace(PLAIN, epsilon=8.0, local_epochs=1, server_learning_rate=2.0,
                  batch_size=64)  # fmt: skip
LABELS = 4
CONTROL = 1_000


def task() -> FederatedTask:
    """Return the task of CONDA; raises `DatasetError` without its file."""
    own = OwnText(
        path=CONDA.path(), target="intentClass", name="conda", text="utterance",
        id="matchId",
    )  # fmt: skip
    return FederatedTask.of(own, None)


def centrally(learner: Any, data: Dataset, plan: Plan) -> Any:
    """Train a learner on all training rows."""
    with one_thread():
        fit_learner(learner, data.train, data.validation, plan)
    return learner


def federated(conda: FederatedTask, settings: Settings, clients: int) -> Any:
    """Train by clients; return the model."""
    with tempfile.TemporaryDirectory() as folder:
        run = federate(conda, settings, Path(folder), Clients(clients))
        learner = conda.learner(conda.data.train, 0)
        weights = checkpoint.load(run.checkpoint)["round"]["weights"]
        learner.module.load_state_dict(weights)
    return learner


def reference(data: Dataset) -> Any:
    """Train the attacks' reference model, on validation rows alone."""
    cut = len(data.validation) * 4 // 5
    rest = range(cut, len(data.validation))
    parts = [data.validation.pick(rows) for rows in (range(cut), rest)]
    learner = PublicNgramLearner(LABELS)
    with one_thread():
        fit_learner(learner, *parts, Plan("adam", 0.005, batch_size=64, max_epochs=15))
    return learner


def control(data: Dataset, against: Any) -> Membership:
    """Attack a model that knows its rows by heart."""
    few = data.train.pick(range(CONTROL))
    learner = PublicNgramLearner(LABELS)
    plan = Plan("adam", 0.05, batch_size=64, max_epochs=40, patience=40)
    with one_thread():
        fit_learner(learner, few, few, plan)
        return attack(learner, against, few, data.test)


def runs(conda: FederatedTask) -> Mapping[str, Callable[[], Any]]:
    """Return the trainings by their names."""
    data = conda.data
    sgd = char_ngrams.plan("sgd")
    return {
        "one place, vocabulary of its rows": lambda: centrally(
            char_ngrams.NgramLearner(data.train.inputs, LABELS, 0), data, sgd
        ),
        "one place, public alphabet": lambda: centrally(
            PublicNgramLearner(LABELS), data, sgd
        ),
        "FedAvg": lambda: federated(conda, replace(PLAIN, strategy="fedavg"), CLIENTS),
        "FedAvgM": lambda: federated(conda, PLAIN, CLIENTS),
        "FedAvgM, epsilon 8": lambda: federated(conda, PRIVATE, PRIVATE_CLIENTS),
    }


def main() -> int:
    """Print the table; return 1 if an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the figures, too")
    arguments = parser.parse_args()
    try:
        conda = task()
        data = conda.data
    except DatasetError as error:
        print(f"federated: {error}", file=sys.stderr)
        return 2
    against = reference(data)
    found: dict[str, dict[str, Any]] = {}
    matches = len(set(data.train.keys))
    print(
        f"{cpu()}; {len(data.train):,} training rows of {matches:,} matches, "
        f"{len(data.test):,} test rows"
    )
    for name, train in runs(conda).items():
        began = time.perf_counter()
        model = train()
        seconds = time.perf_counter() - began
        loss, accuracy = measure(
            model.module, model.encode(data.test.inputs), data.test.targets
        )
        with one_thread():
            known = attack(model, against, data.train, data.test)
        found[name] = {"accuracy": accuracy, "loss": loss, "seconds": seconds,
                       "membership": known.to_json()}  # fmt: skip
        print(f"{name:36} accuracy {accuracy:.4f}  loss {loss:.3f}  attack "
              f"{known.auc:.3f}  {seconds:.0f} s", flush=True)  # fmt: skip
    hearts = control(data, against)
    print(f"{'control, 1,000 rows by heart':36} attack {hearts.auc:.3f}")
    best = max(item["accuracy"] for name, item in found.items() if "one" in name)
    lost = 100 * (best - found["FedAvgM"]["accuracy"])
    cost = 100 * (found["FedAvgM"]["accuracy"]
                  - found["FedAvgM, epsilon 8"]["accuracy"])  # fmt: skip
    print(f"FedAvgM is {lost:.2f} points below the better training in one place; "
          f"epsilon 8 costs {cost:.1f} more, of {PRIVATE_CLIENTS} clients")  # fmt: skip
    if arguments.json:
        written = {**found, "control": hearts.to_json(), "cpu": cpu()}
        arguments.json.write_text(json.dumps(written, indent=1))
    held = (
        lost <= 1
        and found["FedAvgM, epsilon 8"]["membership"]["auc"] <= 0.55
        and hearts.auc >= 0.65
    )
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())

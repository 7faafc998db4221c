"""Weights and costs of a streamed training, and what it refuses."""

import json
import random

import pytest

from hotseat import _cli
from hotseat_registry import Manifest
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_serve.runtime.session import Session
from hotseat_train.run import Run


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Three thousand rows; those of weight 0 say the opposite."""
    rng = random.Random(0)
    lines = ["hours,trust,churned"]
    for _ in range(3000):
        hours, wrong = round(rng.uniform(0, 40), 3), rng.random() < 0.3
        leaves = (hours + rng.gauss(0, 3) < 8) != wrong
        lines.append(f"{hours},{0 if wrong else 2},{'yes' if leaves else 'no'}")
    path = tmp_path_factory.mktemp("table") / "players.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def command(table, *words):
    """Run ``hotseat train --stream`` on the table."""
    return _cli.main(
        ["train", "--data", str(table), "--target", "churned", "--stream",
         "--threads", "1", *map(str, words)]
    )  # fmt: skip


def test_rows_of_no_weight_are_not_learned_from(table, tmp_path):
    """And what a miss costs decides the answers, as in memory."""
    run = Run(tmp_path / "run")
    plan = tmp_path / "plan.json"  # one whole tree: validation rows have no weights
    settings = {"n_estimators": 1, "learning_rate": 0.9}
    plan.write_text(json.dumps({"settings": settings}))
    words = ("--weight", "trust", "--cost", "5", "--plan", plan, "--run", run.folder)
    assert command(table, *words) == 0
    assert _cli.main(["evaluate", str(run.folder)]) == 0
    manifest = Manifest.from_json(json.loads(run.manifest.read_bytes()))
    names = [field.name for item in manifest.signature.inputs for field in item.fields]
    assert names == ["hours"]
    assert manifest.signature.label_threshold is not None
    model = LoadedModel(manifest, "fp32", Session(run.model))
    few, many = model.predict([{"hours": 1}, {"hours": 38}])
    assert few["scores"]["yes"] > 0.8
    assert many["scores"]["yes"] < 0.2
    assert few["threshold"]["label"] == "yes"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--weight", "hours", "--workers", "2"), "--weight is for one process"),
        (("--now", "2026-01-01"), "--now is for tables that are trained in memory"),
        (("--time", "hours"), "--time is for tables that are trained in memory"),
        (("--weight", "debt"), "--weight debt: a row holds -"),
    ],
)
def test_what_a_streamed_training_cannot_do_is_refused(
    table, words, says, tmp_path, capsys
):
    """Before the training, with the flag's name."""
    lines = table.read_text().splitlines()
    changed = tmp_path / "players.csv"
    changed.write_text(
        "\n".join(
            [f"{lines[0]},debt",
             *(f"{line},{at % 7 - 3}" for at, line in enumerate(lines[1:]))]
        )
    )  # fmt: skip
    assert command(changed, *words, "--run", tmp_path / "run") != 0
    assert says in capsys.readouterr().err

"""Every family goes the whole way on three hundred rows.

Train, quantize, evaluate, publish, serve, explain and score a table; a family without
weights for int8 says so and is published as it is.
"""

import csv

import pytest

from hotseat import _cli
from hotseat_registry import Reference
from hotseat_serve.kinds.explain import explain
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings
from hotseat_train.compression import variants
from hotseat_train.errors import RunError
from hotseat_train.models.tables.families import names
from hotseat_train.pipeline.evaluate import evaluate, write
from hotseat_train.pipeline.publish import publish
from hotseat_train.pipeline.train import train
from hotseat_train.testing import own_table, players

COLUMNS = {
    "mixed": ("hours", "level", "country", "vip", "churned"),
    "numbers": ("hours", "level", "churned"),
    "categories": ("country", "tier", "churned"),
}


def rows(kind):
    """Three hundred players with these columns; in tiers by their hours."""
    return [
        {name: {**row, "tier": "abc"[(row["hours"] or 0) > 5]}[name]
         for name in COLUMNS[kind]}
        for row in players(300)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("family", "kind"),
    [
        *((family, "mixed") for family in names()),
        ("mlp", "numbers"),
        ("svm", "numbers"),
        ("trees", "categories"),
    ],
)
def test_a_family_goes_the_whole_way(family, kind, tmp_path, registry):
    """No step fails on a small table, and every left-out variant is named."""
    task, _ = own_table(tmp_path, rows(kind), family=family)
    run = train(task, task.plan_of({"max_epochs": 3}), tmp_path / "run")
    if methods := variants.suitable(run):
        assert variants.make(run, methods)
    else:
        with pytest.raises(RunError, match="without weights that int8 could hold"):
            variants.make(run)
    manifest = write(run, evaluate(run))
    lines = []
    published = publish(run, registry, by="ada", report=lines.append)
    left = {v.name for v in manifest.variants} - {v.name for v in published.variants}
    assert all(any(name in line for line in lines) for name in left)
    assert all(f"| {name}, refused |" in published.card for name in left)
    settings = Settings(cache=str(tmp_path / "cache"))
    model = ModelCache(registry, settings).get(Reference("players", version=1))
    row = task.dataset().test.inputs[0]
    (answer,) = model.predict([row])
    assert sum(answer["scores"].values()) == pytest.approx(1, abs=1e-3)
    parts = explain(manifest.signature, row, model.predict)["parts"]
    assert {part["part"] for part in parts} == set(COLUMNS[kind]) - {"churned"}
    scored = tmp_path / "scored.csv"
    words = ["predict", "--run", run.folder, "--input", task.path, "--output", scored]
    assert _cli.main([*map(str, words)]) == 0
    with scored.open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 300
    assert {line["label"] for line in lines} <= {"yes", "no"}
    assert not any(line["error"] for line in lines)

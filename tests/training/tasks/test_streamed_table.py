"""Tables read in batches: trained, evaluated and published like those in memory."""

import json
import math

import lightgbm
import numpy as np
import pytest
import size_table
from sklearn.metrics import roc_auc_score

from hotseat import _cli
from hotseat_registry import Manifest
from hotseat_train.data.tables import Options, batches, describe
from hotseat_train.run import Run

ROWS = 20_000


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A generated table with missing numbers and categories of many values."""
    path = tmp_path_factory.mktemp("table") / "players.csv"
    size_table.write(path, ROWS)
    return path


def _train(table, run, *more):
    return _cli.main(
        ["train", "--data", str(table), "--target", "churned", "--run", str(run),
         "--stream", "--threads", "1", *more]
    )  # fmt: skip


@pytest.fixture(scope="module")
def run(table, tmp_path_factory):
    """A streamed training of the table."""
    folder = tmp_path_factory.mktemp("run")
    assert _train(table, folder) == 0
    return Run(folder)


def test_a_streamed_run_is_evaluated_and_published(run, table, tmp_path, monkeypatch):
    """It needs the table no more, also where the run has moved."""
    moved = tmp_path / "moved"
    run.folder.rename(moved)
    hidden = table.rename(table.with_suffix(".away"))
    try:
        monkeypatch.setenv("HOTSEAT_REGISTRY", f"file://{tmp_path}/registry")
        assert _cli.main(["evaluate", str(moved)]) == 0
        assert _cli.main(["publish", str(moved)]) == 0
    finally:
        hidden.rename(table)
        moved.rename(run.folder)
    manifest = Manifest.from_json(json.loads(run.manifest.read_bytes()))
    metrics = manifest.variants[0].metrics
    assert metrics["parity_difference"] < 1e-5
    assert metrics["roc_auc"] > 0.78
    assert "read in batches" in manifest.card
    record = run.read()
    rows = record["data"]["rows"]
    assert rows["train"] + rows["validation"] + rows["test"] == ROWS
    assert not (run.folder / "encoded").exists()
    ahead = record["forecast"]
    assert 0.6 < ahead["memory_bytes"] / ahead["measured_memory_bytes"] < 1.7
    assert ahead["rows"] == ROWS
    assert ahead["columns"] == 20


def test_golden_rows_are_no_rows_of_players(run, table):
    """Their columns come from different rows."""
    options = Options(targets=("churned",))
    told = {
        tuple(map(str, row.values()))
        for batch in batches(table, options=options)
        for row in batch.drop_columns(["churned"]).to_pylist()
    }
    golden = json.loads(run.golden.read_bytes())["rows"]
    names = [
        column.name
        for column in describe(table, options=options).columns
        if column.name != "churned"
    ]
    for row in golden:
        assert tuple(str(row["input"].get(name)) for name in names) not in told


def test_it_is_as_good_as_lightgbm_in_memory(run, table):
    """On the same columns, with LightGBM's own categories."""
    options = Options(targets=("churned",), columns={"churned": "category"})
    description = describe(table, options=options)
    columns, targets = [], []
    for column in description.columns:
        values = [
            cell
            for batch in batches(table, options=options, description=description)
            for cell in batch.column(column.name).to_pylist()
        ]
        if column.name == "churned":
            targets = np.array(values) == "yes"
        elif column.type == "category":
            columns.append(np.unique(values, return_inverse=True)[1].astype(float))
        else:
            columns.append(np.array([math.nan if v is None else v for v in values]))
    x = np.stack(columns, 1)
    categories = [
        at
        for at, column in enumerate(
            c for c in description.columns if c.name != "churned"
        )
        if column.type == "category"
    ]
    cut, end = int(0.8 * ROWS), int(0.9 * ROWS)
    model = lightgbm.LGBMClassifier(
        n_estimators=300, num_leaves=63, min_child_samples=100, verbose=-1, n_jobs=1
    )
    model.fit(
        x[:cut], targets[:cut], categorical_feature=categories,
        eval_X=(x[cut:end],), eval_y=(targets[cut:end],),
        callbacks=[lightgbm.early_stopping(20, verbose=False)],
    )  # fmt: skip
    alone = roc_auc_score(targets[end:], model.predict_proba(x[end:])[:, 1])
    ours = json.loads(run.manifest.read_bytes())["variants"][0]["metrics"]["roc_auc"]
    assert ours > alone - 0.02  # 2,000 rows: the interval is 0.02 wide


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (("--family", "mlp"), "learned by trees"),
        (("--balance",), "--balance is for tables that are trained in memory"),
        (("--cv", "3"), "needs all rows in memory"),
        (("--learning-rate", "0.1"), "do not use --learning-rate"),
        (("--cluster", "ray://nowhere:1"), "--workers N"),
    ],
)
def test_what_a_streamed_training_cannot_do_is_refused(
    more, expected, table, tmp_path, capsys
):
    """With the flag and the way out."""
    assert _train(table, tmp_path / "run", *more) == 1
    assert expected in capsys.readouterr().err


def test_the_same_seed_gives_the_same_graph(run, table, tmp_path):
    """Byte for byte."""
    assert _train(table, tmp_path) == 0
    assert Run(tmp_path).model.read_bytes() == run.model.read_bytes()

"""Explanations against the package shap, which runs in an environment of its own.

`make .venv/libraries/ready` sets it up.
"""

import json
import subprocess

import lightgbm
import numpy as np
import pytest
from own_models import LIBRARIES
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVR

from hotseat_registry import Reference, open_registry
from hotseat_serve.runtime.loader import load
from hotseat_serve.settings import Settings
from hotseat_train import api

PYTHON = LIBRARIES / "shap/bin/python"
ROWS, CLOSE = 1_000, 1e-6
SCRIPT = """
import sys, lightgbm, numpy as np, onnxruntime, shap
folder = sys.argv[1]
with np.load(f"{folder}/in.npz") as given:
    given = dict(given)
booster = lightgbm.Booster(model_file=f"{folder}/trees.txt")
trees = shap.TreeExplainer(booster)
found = {"trees": trees.shap_values(given["rows"]), "trees_base": trees.expected_value}
plain, background = given["plain"], given["background"]
mask = shap.maskers.Independent(background, max_samples=len(background))
linear = shap.LinearExplainer((given["coefficients"], given["intercept"]), mask)
found["linear"] = linear.shap_values(plain)
session = onnxruntime.InferenceSession(f"{folder}/svr.onnx")
name = session.get_inputs()[0].name
def answers(rows):
    (found,) = session.run(None, {name: rows.astype(np.float32)})
    return found.reshape(-1).astype(float)
exact = shap.explainers.Exact(answers, mask)
found["coalitions"] = exact(plain[:5]).values
np.savez(f"{folder}/out.npz", **found)
"""

pytestmark = pytest.mark.skipif(
    not PYTHON.exists(), reason="make .venv/libraries/ready"
)


@pytest.fixture(scope="module")
def rows():
    """Rows [n, 8] with missing numbers, a category's codes and one as four columns."""
    rng = np.random.default_rng(11)
    rows = rng.normal(size=(ROWS + 1_000, 8)).astype(np.float32)
    rows[:, 2] = rng.integers(0, 6, len(rows))
    rows[:, 4:8] = np.eye(4, dtype=np.float32)[rng.integers(0, 4, len(rows))]
    rows[rng.random(len(rows)) < 0.15, 0] = np.nan
    rows[rng.random(len(rows)) < 0.4, 1] = np.nan
    return rows


def opened(model, example, folder, name, labels=()):
    """Publish a model and open it as the service does."""
    uri = f"file://{folder}/registry"
    api.publish(
        model, name=name, example=example, labels=labels, registry=uri,
        notify=lambda _: None,
    )  # fmt: skip
    settings = Settings(cache=str(folder / "cache"))
    return load(open_registry(uri), Reference(name, version=1), settings)


def explained(model, rows, method):
    """Return the weights [rows, columns] for the last label, and the base value."""
    (item,) = model.manifest.signature.inputs
    found, base = [], 0.0
    for row in rows:
        given = [None if np.isnan(x) else float(x) for x in row]
        if item.fields:
            names = [field.name for field in item.fields]
            given = dict(zip(names, given, strict=True))
        answer = model.explain(given, "")
        assert answer["method"] == method
        sign = -1 if answer.get("label") == "no" else 1
        base = sign * answer["base"]
        found.append([sign * part["weight"] for part in answer["parts"]])
    return np.array(found), base


def test_the_package_shap_says_the_same(rows, tmp_path):
    """Of trees on 1,000 rows, of a linear model, and of all coalitions of a machine."""
    score = np.nan_to_num(rows[:, 0]) * rows[:, 3] + (rows[:, 2] == 4) - rows[:, 5]
    labels = (score > 0.1).astype(int)
    trees = lightgbm.LGBMClassifier(n_estimators=60, verbose=-1).fit(rows, labels)
    trees.booster_.save_model(tmp_path / "trees.txt")
    forest = opened(trees, rows[:120], tmp_path, "trees", ("no", "yes"))
    plain = np.nan_to_num(rows[:, :4])
    logistic = LogisticRegression(max_iter=1_000).fit(plain, labels)
    line = opened(logistic, plain[:150], tmp_path, "line", ("no", "yes"))
    machine = opened(SVR().fit(plain[:300], score[:300]), plain[:150], tmp_path, "svr")
    (tmp_path / "svr.onnx").write_bytes(machine.graph.read_bytes())
    background = json.loads(machine.fetch("background.json").read_bytes())["rows"]
    np.savez(
        tmp_path / "in.npz",
        rows=rows[-ROWS:],
        plain=plain[-50:],
        background=[np.ravel(list(row.values())) for row in background],
        coefficients=logistic.coef_[0],
        intercept=logistic.intercept_[0],
    )
    subprocess.run([PYTHON, "-c", SCRIPT, tmp_path], check=True, timeout=300)
    with np.load(tmp_path / "out.npz") as found:
        ours, base = explained(forest, rows[-ROWS:], "trees")
        np.testing.assert_allclose(ours, found["trees"], atol=CLOSE)
        assert base == pytest.approx(float(found["trees_base"]), abs=CLOSE)
        ours, _ = explained(line, plain[-50:], "linear")
        np.testing.assert_allclose(ours, found["linear"], atol=CLOSE)
        ours, _ = explained(machine, plain[-50:-45], "coalitions")
        np.testing.assert_allclose(ours, found["coalitions"], atol=CLOSE)

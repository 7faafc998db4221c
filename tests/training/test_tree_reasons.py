"""Explanations of published trees against the libraries' own Shapley values."""

import lightgbm
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from hotseat_registry import Reference, open_registry
from hotseat_serve.runtime.loader import load
from hotseat_serve.settings import Settings
from hotseat_train import api
from hotseat_train.pipeline.evaluate import evaluate, write
from hotseat_train.pipeline.publish import publish
from hotseat_train.pipeline.train import train
from hotseat_train.testing import own_table, players

FEATURES = 6


@pytest.fixture(scope="module")
def rows():
    """Rows [n, features] with missing values and a column of few values."""
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(1500, FEATURES)).astype(np.float32)
    rows[:, 2] = rng.integers(0, 3, len(rows))
    return rows


def loaded(model, rows, tmp_path, labels=()):
    """Publish a model and open it as the service does."""
    uri = f"file://{tmp_path}/registry"
    api.publish(model, name="m", example=rows[:50], labels=labels, registry=uri)
    settings = Settings(cache=str(tmp_path / "cache"))
    return load(open_registry(uri), Reference("m", version=1), settings)


def explained(model, row):
    """Return the explanation of one row, and its weights [features]."""
    (item,) = model.manifest.signature.inputs
    names = [field.name for field in item.fields or ()]
    given = dict(zip(names, map(float, row), strict=True)) if names else row.tolist()
    answer = model.explain(given, "/input")
    assert answer["method"] == "trees"
    assert answer["additivity_error"] < 1e-9
    return answer, np.array([part["weight"] for part in answer["parts"]])


@pytest.mark.parametrize("labels", [2, 3])
def test_lightgbm_says_the_same(rows, tmp_path, labels):
    """Equal to its contributions for the answer's label, and to its base value."""
    score = rows[:, 0] * rows[:, 1] + rows[:, 2]
    target = np.digitize(score, [1.0, 2.5][: labels - 1])
    fitted = lightgbm.LGBMClassifier(n_estimators=40, verbose=-1).fit(rows, target)
    names = tuple("abc"[:labels])
    model = loaded(fitted, rows, tmp_path, names)
    own = fitted.predict(rows[:100], pred_contrib=True).reshape(100, -1, FEATURES + 1)
    for row, expected in zip(rows[:100], own, strict=True):
        answer, weights = explained(model, row)
        assert answer["scale"] == "log_odds"
        at = names.index(answer["label"])
        sign, part = (1, expected[at]) if labels > 2 else (2 * at - 1, expected[0])
        np.testing.assert_allclose(weights, sign * part[:-1], atol=1e-6)
        assert answer["base"] == pytest.approx(sign * part[-1], abs=1e-6)


def test_a_forest_s_probabilities_add_up(rows, tmp_path):
    """Base value and weights are the probability of the answer's label."""
    target = (rows[:, 0] > rows[:, 1]).astype(int)
    fitted = RandomForestClassifier(20, max_depth=5, random_state=0).fit(rows, target)
    model = loaded(fitted, rows, tmp_path, ("no", "yes"))
    for row in rows[:20]:
        answer, weights = explained(model, row)
        assert answer["scale"] == "probability"
        total = answer["base"] + weights.sum()
        assert total == pytest.approx(answer["probability"], abs=1e-5)


def test_a_regression_s_value_adds_up(rows, tmp_path):
    """Base value and weights are the value."""
    fitted = RandomForestRegressor(20, max_depth=5, random_state=0)
    model = loaded(fitted.fit(rows, rows[:, 0] + rows[:, 2]), rows, tmp_path)
    answer, weights = explained(model, rows[0])
    assert answer["scale"] == "value"
    assert answer["base"] + weights.sum() == pytest.approx(answer["value"], abs=1e-4)
    assert np.argmax(np.abs(weights)) in {0, 2}


@pytest.mark.parametrize("count", [300, 2600])
def test_an_own_table_s_columns_belong_to_its_fields(tmp_path, count):
    """Trees over computed columns are explained by the fields of a request.

    Of the larger table categories are split by sets of their values.
    """
    table = players(count)
    task, _ = own_table(tmp_path, table, family="trees", id="player_id")
    run = train(task, task.plan_of({}), tmp_path / "run")
    write(run, evaluate(run))
    registry = open_registry(f"file://{tmp_path}/registry")
    number = publish(run, registry, by="ada", report=lambda _: None).version
    settings = Settings(cache=str(tmp_path / "cache"))
    model = load(registry, Reference(task.name, version=number), settings)
    fields = {"hours", "level", "country", "vip"}
    for row in table[:20]:
        given = {name: row[name] for name in fields if row[name] != ""}
        answer = model.explain(given, "/input")
        assert answer["method"] == "trees", answer["note"]
        assert {part["part"] for part in answer["parts"]} == fields
        assert answer["additivity_error"] < 1e-9
        total = answer["base"] + sum(part["weight"] for part in answer["parts"])
        assert 1 / (1 + np.exp(-total)) == pytest.approx(answer["probability"], 1e-4)
    weights = {part["part"]: abs(part["weight"]) for part in answer["parts"]}
    assert max(weights, key=weights.__getitem__) == "hours"

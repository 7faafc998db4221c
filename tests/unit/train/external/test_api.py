"""A model in memory becomes a version in one call."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_wine
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hotseat_registry import Reference, open_registry
from hotseat_serve.runtime.loader import load
from hotseat_serve.settings import Settings
from hotseat_train import api
from hotseat_train.errors import ParityError
from hotseat_train.external.errors import SourceError


@pytest.fixture
def publish(tmp_path):
    """Publish to a registry of the test's own; return what answers."""
    registry = f"file://{tmp_path.as_posix()}/registry"

    def publish(model, example, **more):
        published = api.publish(
            model, name="mine", example=example, registry=registry, by="ada", **more
        )
        return load(
            open_registry(registry),
            Reference.parse(published.reference),
            Settings(cache=str(tmp_path / "cache")),
        )

    return publish


def test_a_pipeline_answers_as_scikit_learn(publish):
    """With the names of its classes."""
    wine = load_wine()
    names = wine.target_names[wine.target]
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(wine.data, names)
    answers = publish(model, wine.data).predict(
        [{"X": row} for row in wine.data.tolist()]
    )
    found = [[one["scores"][label] for label in model.classes_] for one in answers]
    np.testing.assert_allclose(found, model.predict_proba(wine.data), atol=1e-5)


def test_a_regressor_answers_as_scikit_learn(publish):
    """A number a row."""
    rows, targets = load_diabetes(return_X_y=True)
    rows = rows.astype(np.float32)
    model = GradientBoostingRegressor(n_estimators=20).fit(rows, targets)
    answers = publish(model, rows[:50]).predict(
        [{"X": row} for row in rows[:50].tolist()]
    )
    found = [one["value"] for one in answers]
    np.testing.assert_allclose(found, model.predict(rows[:50]), rtol=1e-5)


def test_boosted_trees_answer_as_lightgbm(publish):
    """Labels may be given in place of the classes' numbers."""
    import lightgbm

    wine = load_wine()
    rows = wine.data.astype(np.float32)
    model = lightgbm.LGBMClassifier(n_estimators=10, verbose=-1).fit(rows, wine.target)
    loaded = publish(model, rows, labels=("red", "white", "rose"))
    (answer,) = loaded.predict([{"x": rows[0].tolist()}])
    wanted = model.predict_proba(rows[:1])[0]
    np.testing.assert_allclose(list(answer["scores"].values()), wanted, atol=1e-5)
    assert set(answer["scores"]) == {"red", "white", "rose"}


def test_a_model_of_another_library_is_refused(publish):
    """The converters there are, and the way out."""
    with pytest.raises(SourceError, match="Export it to ONNX"):
        publish(object(), np.zeros((4, 2)))


def test_a_graph_that_answers_otherwise_is_refused(publish, monkeypatch):
    """What is published is what was trained."""
    wine = load_wine()
    rows = StandardScaler().fit_transform(wine.data)
    model = LogisticRegression().fit(rows, wine.target)
    other = LogisticRegression().fit(rows, wine.target[::-1])
    real = api._CONVERTERS["sklearn"]
    monkeypatch.setitem(api._CONVERTERS, "sklearn", lambda _, some: real(other, some))
    with pytest.raises(ParityError, match="answers of graph and model differ"):
        publish(model, rows)

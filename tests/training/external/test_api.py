"""A model in memory becomes a version in one call."""

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_wine
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from hotseat_registry import Reference, open_registry
from hotseat_serve.runtime.loader import load
from hotseat_serve.settings import Settings
from hotseat_train import api, converters
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
    model = lightgbm.LGBMClassifier(n_estimators=10, verbose=-1, n_jobs=1).fit(
        rows, wine.target
    )
    loaded = publish(model, rows, labels=("red", "white", "rose"))
    (answer,) = loaded.predict([{"x": rows[0].tolist()}])
    wanted = model.predict_proba(rows[:1])[0]
    np.testing.assert_allclose(list(answer["scores"].values()), wanted, atol=1e-5)
    assert set(answer["scores"]) == {"red", "white", "rose"}


def test_columns_of_a_data_frame_are_fields(publish):
    """Numbers and strings in one pipeline, by one call."""
    pandas = pytest.importorskip("pandas", reason="data frames need pandas")
    rng = np.random.default_rng(0)
    frame = pandas.DataFrame({
        "hours": rng.uniform(0, 40, 200).round(2), "level": rng.integers(0, 50, 200),
        "country": rng.choice(["de", "fr", "us"], 200),
    })  # fmt: skip
    stays = np.where(frame.hours + frame.level > 40, "stays", "leaves")
    columns = ColumnTransformer([("numbers", StandardScaler(), ["hours", "level"]),
                                 ("words", OneHotEncoder(), ["country"])])  # fmt: skip
    model = make_pipeline(columns, LogisticRegression()).fit(frame, stays)
    said = []
    loaded = publish(model, frame, notify=said.append)
    answers = loaded.predict(frame.to_dict("records"))
    found = [[one["scores"][label] for label in model.classes_] for one in answers]
    np.testing.assert_allclose(found, model.predict_proba(frame), atol=1e-5)
    assert said == ["The answers of graph and model differ for 0 of 200 rows (0.00%)."]
    assert loaded.manifest.lineage["rows_that_differ"] == 0
    assert said[0] in loaded.manifest.card


def test_numbers_may_be_missing_where_the_model_takes_nan(publish):
    """NaN in the example lets callers send null."""
    import lightgbm

    wine = load_wine()
    rows = wine.data.astype(np.float32)
    rows[::3, 2] = np.nan
    model = lightgbm.LGBMClassifier(n_estimators=10, verbose=-1, n_jobs=1).fit(
        rows, wine.target
    )
    loaded = publish(model, rows)
    given = [None if np.isnan(x) else x for x in rows[0].tolist()]
    assert None in given
    (answer,) = loaded.predict([{"x": given}])
    wanted = model.predict_proba(rows[:1])[0]
    np.testing.assert_allclose(list(answer["scores"].values()), wanted, atol=1e-5)


def test_a_model_without_probabilities_agrees_by_its_labels(publish):
    """A linear machine has margins; its labels are compared."""
    wine = load_wine()
    names = wine.target_names[wine.target]
    rows = StandardScaler().fit_transform(wine.data)
    model = LinearSVC().fit(rows, names)
    said = []
    answers = publish(model, rows, notify=said.append).predict(
        [{"X": row} for row in rows.tolist()]
    )
    assert [one["label"] for one in answers] == model.predict(rows).tolist()
    assert "differ for 0 of 178 rows" in said[0]


@pytest.mark.parametrize(
    "example", [np.zeros(4), np.array([["a", "b"]]), np.zeros((2, 2, 2))]
)
def test_an_example_that_is_no_table_is_named(publish, example):
    """Its type and shape, and what fits."""
    with pytest.raises(SourceError, match="pass an array of numbers"):
        publish(LogisticRegression(), example)


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
    real = converters.CONVERTERS["sklearn"]
    monkeypatch.setitem(
        converters.CONVERTERS, "sklearn", lambda _, some: real(other, some)
    )
    with pytest.raises(ParityError, match="answers of graph and model differ"):
        publish(model, rows)

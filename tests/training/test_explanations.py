"""Explanations of published models of other kinds than trees, through the service."""

import json
from functools import cache

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from hotseat_serve.api.factory import create_router
from hotseat_serve.api.messages import Request
from hotseat_serve.settings import Settings
from hotseat_train import api
from hotseat_train.pipeline.evaluate import evaluate, write
from hotseat_train.pipeline.publish import publish
from hotseat_train.pipeline.train import train
from hotseat_train.testing import own_table, players


@pytest.fixture(scope="module")
def rows():
    """Rows [400, 4], and a target that depends on two of the columns."""
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(400, 4)).astype(np.float32)
    return rows, 3 * rows[:, 0] - rows[:, 1] * rows[:, 2]


@cache
def router(tmp_path):
    """Return a service of the folder's registry."""
    uri = f"file://{tmp_path}/registry"
    return create_router(Settings(registry=uri, cache=str(tmp_path / "cache")))


def asked(tmp_path, path, body):
    """Return status and JSON of a request to the service."""
    request = Request("POST", path, json.dumps(body).encode())
    answer = router(tmp_path).answer(request)
    return answer.status, json.loads(answer.body)


def published(model, rows, tmp_path, labels=(), name="m"):
    """Publish a model of columns, and make it live."""
    uri = f"file://{tmp_path}/registry"
    return api.publish(
        model, name=name, example=rows[:150], labels=labels, registry=uri,
        notify=lambda _: None,
    )  # fmt: skip


def explain(tmp_path, row, **options):
    """Return the explanation of one row of the version."""
    body = {"input": np.asarray(row).tolist(), "options": {"explain": options or True}}
    status, found = asked(tmp_path, "/v1/models/m/versions/1/predict", body)
    assert status == 200, found
    return found


def weights(found):
    """Return the weights of an explanation."""
    return np.array([part["weight"] for part in found["parts"]])


def background(tmp_path):
    """Return the background rows of the only version, as numbers."""
    (manifest,) = (tmp_path / "registry/models/m/versions").glob("*.json")
    files = json.loads(manifest.read_bytes())["files"]
    digest = files["background.json"]["sha256"]
    path = tmp_path / "registry/blobs/sha256" / digest[:2] / digest
    rows = json.loads(path.read_bytes())["rows"]
    return np.array([np.ravel(list(row.values())) for row in rows])


@pytest.mark.parametrize("scaled", [False, True])
def test_a_logistic_regression_by_its_coefficients(rows, tmp_path, scaled):
    """Log odds: coefficient times the distance from the background's mean."""
    x, target = rows
    model = LogisticRegression()
    pipeline = make_pipeline(StandardScaler(), model) if scaled else model
    pipeline.fit(x, (target > 0).astype(int))
    published(pipeline, x, tmp_path, ("no", "yes"))
    coefficients = model.coef_[0]
    if scaled:
        coefficients = coefficients / pipeline[0].scale_
    mean = background(tmp_path).mean(0)
    for row in x[200:210]:
        found = explain(tmp_path, row)
        assert (found["method"], found["scale"]) == ("linear", "log_odds")
        sign = 1 if found["label"] == "yes" else -1
        expected = sign * coefficients * (row - mean)
        np.testing.assert_allclose(weights(found), expected, atol=1e-4)
        total = found["base"] + weights(found).sum()
        chance = 1 / (1 + np.exp(-total))
        assert chance == pytest.approx(found["probability"], abs=1e-5)
        assert found["additivity_error"] < 1e-9
        assert "128 made rows" in found["reference"]


def test_three_labels_and_a_number_are_linear_too(rows, tmp_path):
    """The logit of the answer's label before normalisation; a regression's value."""
    x, target = rows
    published(LinearRegression().fit(x, target), x, tmp_path)
    found = explain(tmp_path, x[300])
    assert (found["method"], found["scale"]) == ("linear", "value")
    total = found["base"] + weights(found).sum()
    assert total == pytest.approx(found["value"], abs=1e-4)
    other = tmp_path / "three"
    labels = np.digitize(target, [-1, 1])
    published(LogisticRegression().fit(x, labels), x, other, ("a", "b", "c"))
    assert explain(other, x[300])["method"] == "linear"


def test_any_model_of_few_fields_by_all_coalitions(rows, tmp_path):
    """The mean answer without the coalition's columns, over the background."""
    x, target = rows
    model = SVR().fit(x, target)
    published(model, x, tmp_path)
    found = explain(tmp_path, x[300])
    assert (found["method"], found["scale"]) == ("coalitions", "value")
    assert found["evaluations"] == 128 << 4
    reference = background(tmp_path)
    assert found["base"] == pytest.approx(model.predict(reference).mean(), abs=1e-4)
    total = found["base"] + weights(found).sum()
    assert total == pytest.approx(found["value"], abs=1e-5)
    assert np.argmax(np.abs(weights(found))) == 0
    assert "not one ensemble" in found["note"]
    sampled = explain(tmp_path, x[300], method="sampling", evaluations=2_000)
    errors = np.array([part["standard_error"] for part in sampled["parts"]])
    off = np.abs(weights(sampled) - weights(found))
    assert (off <= 5 * errors + 1e-4).all()
    assert sampled["evaluations"] <= 2_000


def test_the_cost_is_known_before_the_work(rows, tmp_path):
    """More evaluations than allowed are refused, with the option that raises it."""
    x, target = rows
    published(SVR().fit(x, target), x, tmp_path)
    for options, way in (
        ({"method": "coalitions", "evaluations": 2_000}, '"evaluations": 2048'),
        ({"method": "sampling", "evaluations": 10}, '"evaluations": 80'),
    ):
        body = {"input": x[0].tolist(), "options": {"explain": options}}
        status, found = asked(tmp_path, "/v1/models/m/versions/1/explain", body)
        assert (status, found["code"]) == (413, "too_large")
        assert way in found["detail"]
    body = {"input": x[0].tolist(), "options": {"explain": {"method": "trees"}}}
    status, found = asked(tmp_path, "/v1/models/m/versions/1/explain", body)
    assert status == 422
    assert "trees does not suit this model" in found["detail"]


def test_many_inputs_and_tensors_are_explained_alike(rows, tmp_path):
    """Of /v1 beside each prediction, of /v2 as JSON in a parameter."""
    x, target = rows
    model = LogisticRegression().fit(x, (target > 0).astype(int))
    item = published(model, x, tmp_path, ("no", "yes")).signature.inputs[0]
    body = {"inputs": x[:3].tolist(), "explain": True}
    status, found = asked(tmp_path, "/v1/models/m/versions/1/predict", body)
    assert status == 200, found
    assert "warnings" not in found
    tensor = {"name": item.name, "datatype": item.datatype, "shape": [3, 4],
              "data": x[:3].ravel().tolist()}  # fmt: skip
    where = "/v2/models/m/versions/1/infer"
    body = {"parameters": {"explain": True}, "inputs": [tensor]}
    status, answer = asked(tmp_path, where, body)
    assert status == 200, answer
    explained = json.loads(answer["parameters"]["explanations"])
    for one, other in zip(found["predictions"], explained, strict=True):
        assert (one["parts"], one["label"]) == (other["parts"], other["label"])
    body["parameters"] = {"explain": True, "explain_method": "moves"}
    status, answer = asked(tmp_path, where, body)
    assert status == 400
    assert "moves does not suit" in answer["error"]
    status, answer = asked(tmp_path, where, {"inputs": [tensor]})
    assert "explanations" not in answer["parameters"]
    body = {"inputs": x[:101].tolist(), "explain": True}
    status, answer = asked(tmp_path, "/v1/models/m/versions/1/predict", body)
    assert (status, answer["code"]) == (413, "too_large")


def test_a_table_carries_background_and_reasons(tmp_path):
    """Made rows, no player's; codes and texts that may be edited and translated."""
    table = players(400)
    task, _ = own_table(tmp_path, table, family="mlp", id="player_id")
    run = train(task, task.plan_of({"max_epochs": 3}), tmp_path / "run")
    write(run, evaluate(run))
    reasons = json.loads(run.reasons.read_bytes())
    reasons["reasons"]["hours"]["for"]["texts"]["fr"] = "{part} annonce {answer}"
    run.reasons.write_text(json.dumps(reasons), "utf-8")
    write(run, evaluate(run))  # measures anew and leaves the edited file
    uri = f"file://{tmp_path}/registry"
    from hotseat_registry import open_registry

    publish(run, open_registry(uri), by="ada", report=lambda _: None)
    made = json.loads(run.background.read_bytes())["rows"]
    assert len(made) >= 100
    fields = {"hours", "level", "country", "vip"}
    seen = {tuple(str(row[name]) for name in sorted(fields)) for row in table}
    copies = [
        row for row in made if tuple(map(str, map(row.get, sorted(fields)))) in seen
    ]
    assert len(copies) < len(made) / 10
    given = {name: table[0][name] for name in fields if table[0][name] != ""}
    where = f"/v1/models/{task.name}/versions/1/predict"
    body = {"input": given, "explain": {"language": "fr"}}
    status, found = asked(tmp_path, where, body)
    assert status == 200, found
    assert found["method"] == "coalitions"
    assert {part["part"] for part in found["parts"]} == fields
    for part in found["parts"]:
        if part["weight"]:
            direction = "for" if part["weight"] > 0 else "against"
            assert part["code"] == f"{part['part']}.{direction}"
            assert found["label"] in part["text"]
    body = {"input": given, "explain": {"language": "tlh"}}
    status, found = asked(tmp_path, where, body)
    assert [one["code"] for one in found["warnings"]] == ["unknown_language"]


@pytest.mark.parametrize(
    ("name", "change", "fault"),
    [
        ("background", lambda value: value["rows"].clear(), "100 to 1000 inputs"),
        ("background", lambda value: value["groups"].update(g=["no"]), "no such field"),
        ("background", lambda value: value["rows"][3].update(hours="x"), "/rows/3"),
        ("reasons", lambda value: value.pop("language"), "/language"),
        ("reasons", lambda value: value["reasons"].update(hours=[]), "/reasons/hours"),
    ],
)
def test_files_that_cannot_be_read_are_not_published(tmp_path, name, change, fault):
    """Each fault is named before the version exists."""
    from hotseat_registry.errors import IntegrityError
    from hotseat_train.evaluation import explanation_files, reason_texts

    task, _ = own_table(tmp_path, players(200), family="logistic", id="player_id")
    signature = task.signature(task.data)
    path = tmp_path / f"{name}.json"
    made = task.background()
    data = (
        made.to_bytes() if name == "background" else reason_texts.default(signature, {})
    )
    value = json.loads(data)
    change(value)
    path.write_text(json.dumps(value), "utf-8")
    files = {"background": None, "reasons": None, name: path}
    with pytest.raises(IntegrityError, match=fault):
        explanation_files.checked(signature, **files)

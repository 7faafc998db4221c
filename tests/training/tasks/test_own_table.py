"""A studio's own table, trained in each family and served."""

import json

import pytest

from hotseat_registry import Reference
from hotseat_registry.cache import Cache
from hotseat_serve.kinds.explain import explain
from hotseat_serve.problems import Problem
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings
from hotseat_train import tasks
from hotseat_train.errors import DatasetError
from hotseat_train.pipeline.evaluate import evaluate, write
from hotseat_train.pipeline.publish import publish
from hotseat_train.pipeline.train import train
from hotseat_train.testing import own_table as table
from hotseat_train.testing import players as rows


@pytest.mark.parametrize("family", ["trees", "svm-linear", "mlp", "blend"])
def test_all_families_are_served_by_one_function(family, tmp_path, registry):
    """Trees, an SVM and a network go one way, and answer gaps and unseen categories."""
    task, _ = table(tmp_path, rows(), family=family)
    run = train(task, task.plan("adam"), tmp_path / "run")
    manifest = write(run, evaluate(run))
    metrics = manifest.variants[0].metrics
    assert metrics["roc_auc"] > 0.75
    assert 0 <= metrics["calibration_error"] < 0.5
    assert set(metrics["corrupted"]) == {"gaps", "noise", "unseen_categories"}
    assert "| hours | number | told apart | any | from " in manifest.card
    assert "; ROC AUC 0." in manifest.card
    assert str(tmp_path) not in json.dumps(manifest.to_json())
    publish(run, registry, by="ada")
    settings = Settings(cache=str(tmp_path / "cache"))
    loaded = ModelCache(registry, settings).get(Reference("players", version=1))
    asked = [
        {"hours": 1, "level": 9, "country": "de", "vip": True},
        {"hours": 60, "level": 9, "country": "de", "vip": True},
        {"hours": None, "country": "atlantis"},
        {},
    ]
    leaving = [answer["scores"]["yes"] for answer in loaded.predict(asked)]
    assert leaving[0] > leaving[1]
    assert all(0 <= chance <= 1 for chance in leaving)
    with pytest.raises(Problem, match="expected a number at /0/hours, got a string"):
        loaded.predict([{"hours": "many"}])
    parts = explain(manifest.signature, asked[0], loaded.predict)["parts"]
    assert {part["part"] for part in parts} == {"hours", "level", "country", "vip"}


def test_a_run_knows_its_table_again_and_that_it_changed(tmp_path):
    """The family and settings come back; another file is not taken for the same."""
    task, _ = table(tmp_path, rows(), family="svm-linear", settings={"C": 0.5})
    run = train(task, task.plan("adam"), tmp_path / "run")
    again = tasks.of(run.read())
    assert (again.family, again.settings) == ("svm-linear", {"C": 0.5})
    assert again.dataset().test == task.dataset().test
    task.path.write_text(task.path.read_text() + "999,1,1,de,true,no\n")
    with pytest.raises(DatasetError, match="has changed since it was trained on"):
        tasks.of(run.read()).dataset()


def everything():
    """Return rows with a column of every type, and 20 planted players."""
    made = []
    for at, row in enumerate(rows()):
        planted = at % 15 == 0
        made.append(
            row
            | {
                "hours": f"{1234.5678 + at}" if planted else row["hours"],
                "email": f"player{at}@mail.example",
                "steam": 76561190000000000 + 977 * at,
                "joined": f"2026-0{at % 6 + 1}-{at % 28 + 1:02d}T13:{at % 60:02d}:17",
                "perks": "|".join(["axe", "bow", f"p{at % 4}", "ram"][at % 3 :]),
                "note": f"secret{at} is it" if planted else f"good fun day {at % 40}",
                "guild": f"guild of {at}" if planted else f"g{at % 5}",
            }
        )
    return made


@pytest.mark.parametrize("family", ["trees", "logistic"])
def test_no_row_of_the_table_is_in_any_file_of_a_version(family, tmp_path, registry):
    """Planted ids, texts, categories and numbers, in every file, card and manifest."""
    made = everything()
    task, _ = table(tmp_path, made, family=family, id="player_id")
    run = train(task, task.plan_of({"max_epochs": 2}), tmp_path / "run")
    write(run, evaluate(run))
    manifest = publish(run, registry, by="ada", max_loss=100)
    paths = registry.fetch(manifest, Cache(tmp_path / "cache"), list(manifest.files))
    files = {name: path.read_bytes() for name, path in paths.items()}
    files["manifest"] = manifest.to_bytes()
    files["record"] = run.record.read_bytes()
    planted = [row for row in made if str(row["note"]).startswith("secret")]
    secrets = [
        str(row[name])
        for row in planted
        for name in ("hours", "email", "steam", "joined", "guild")
    ] + [f"secret{at}" for at in range(0, 300, 15)]
    for name, data in files.items():
        assert [secret for secret in secrets if secret.encode() in data] == [], name
    golden = json.loads(files["golden.json"])["rows"]
    known = {json.dumps(row, sort_keys=True) for row in task.dataset().test.inputs}
    assert not known & {json.dumps(row["input"], sort_keys=True) for row in golden}


def test_every_type_of_column_is_trained_and_served(tmp_path, registry):
    """A row as it stands in the table gets the same answer as its typed values."""
    made = everything()
    task, _ = table(tmp_path, made, family="logistic", id="player_id")
    run = train(task, task.plan_of({"max_epochs": 30}), tmp_path / "run")
    manifest = write(run, evaluate(run))
    types = {f.name: f.type for i in manifest.signature.inputs for f in i.fields}
    assert types == {
        "hours": "number", "level": "number", "country": "category", "vip": "number",
        "joined": "date", "now": "date", "perks": "list", "note": "text",
        "guild": "category",
    }  # fmt: skip
    publish(run, registry, by="ada", max_loss=100)
    settings = Settings(cache=str(tmp_path / "cache"))
    loaded = ModelCache(registry, settings).get(Reference("players", version=1))
    dropped = ("player_id", "email", "steam", "churned")
    texts = [
        {k: str(v) for k, v in row.items() if k not in dropped} | {"now": "2026-07-01"}
        for row in made[:40]
    ]
    typed = task.dataset()
    scored = loaded.predict(texts)
    rows_of = {json.dumps(row, sort_keys=True): row for row in typed.train.inputs}
    assert len(rows_of) > 100
    values = task._table.rows([name for name in types if name != "now"])[:40]
    again = loaded.predict([row | {"now": 20635} for row in values])
    assert [a["scores"] for a in scored] == [a["scores"] for a in again]
    later = loaded.predict([texts[0] | {"now": "2027-07-01"}])[0]["scores"]
    assert later != scored[0]["scores"]
    assert (
        "| email | id | it holds e-mail addresses | 300 | 0 | it holds" in manifest.card
    )

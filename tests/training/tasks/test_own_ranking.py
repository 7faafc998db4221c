"""Rows ordered within their group: learned, measured by NDCG, served as scores."""

import random

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from hotseat_registry import Reference
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings
from hotseat_train import tasks
from hotseat_train.errors import DatasetError
from hotseat_train.models.tables.ranking import ndcg
from hotseat_train.pipeline.evaluate import evaluate, write
from hotseat_train.pipeline.publish import publish
from hotseat_train.pipeline.train import train
from hotseat_train.tasks.own_number import chosen
from hotseat_train.testing import own_table


def offers(shops=120):
    """Offers of shops: liked where the price is low for the shop's own level."""
    rng = random.Random(5)
    rows = []
    for shop in range(shops):
        level = rng.uniform(1, 9)  # of the shop: says nothing within it
        for _ in range(rng.randint(4, 9)):
            price, rarity = rng.random(), rng.choice(["common", "rare", "epic"])
            liking = 2 - 2 * price + ("common", "rare", "epic").index(rarity)
            rows.append(
                {"shop": f"s{shop}", "level": round(level, 2), "price": round(price, 3),
                 "rarity": rarity,
                 "churned": max(0, min(3, round(liking + rng.gauss(0, 0.3))))}
            )  # fmt: skip
    return rows


def ranking(folder, **more):
    """Return the task of ordering the offers of a shop."""
    task, notes = own_table(folder, offers(), id="shop", **more)
    return chosen(task, "rank", notes.append), notes


def test_an_order_within_groups_goes_the_whole_way(tmp_path, registry):
    """Better than the best column and chance; the service gives the better a more."""
    task, notes = ranking(tmp_path)
    run = train(task, task.plan_of({}), tmp_path / "run")
    assert "rows of one shop are ordered by churned, of 4 grades" in notes
    assert type(tasks.of(run.read())) is type(task)
    manifest = write(run, evaluate(run))
    metrics = manifest.variants[0].metrics
    assert metrics["parity_difference"] < 1e-3
    assert metrics["quality"] > metrics["simplest_rule_ndcg"] + 0.02
    assert metrics["simplest_rule_ndcg"] > metrics["order_by_chance_ndcg"]
    assert metrics["simplest_rule"] == "price, lowest first"
    low, high = metrics["interval"]
    assert low < metrics["quality"] < high
    published = publish(run, registry, by="ada", report=lambda _line: None)
    assert "NDCG of the first 10 rows of each shop" in published.card
    settings = Settings(cache=str(tmp_path / "cache"))
    model = ModelCache(registry, settings).get(Reference("players", version=1))
    cheap, dear = model.predict(
        [{"level": 5, "price": 0.05, "rarity": "epic"},
         {"level": 5, "price": 0.95, "rarity": "common"}]
    )  # fmt: skip
    assert cheap["value"] > dear["value"]


def test_no_group_is_in_two_splits(tmp_path):
    """A group that was trained on tells nothing of others."""
    task, _ = ranking(tmp_path)
    data = task.dataset()
    parts = [set(part.keys) for part in (data.train, data.validation, data.test)]
    assert not parts[0] & parts[1]
    assert not (parts[0] | parts[1]) & parts[2]


@pytest.mark.parametrize("seed", range(5))
def test_ndcg_is_scikit_learn_s(seed):
    """With ties among the scores, too."""
    rng = np.random.default_rng(seed)
    grades = np.append(rng.integers(0, 4, 14), [0, 3])
    scores = rng.integers(0, 5, 16).astype(float)
    want = ndcg_score([np.exp2(grades) - 1], [scores], k=10)
    assert ndcg(scores, grades) == pytest.approx(want)
    assert ndcg(grades.astype(float), grades) == pytest.approx(1)
    assert ndcg(scores, np.zeros(16)) is None


def test_what_cannot_be_ordered_is_refused(tmp_path):
    """Without a group, or with as many relevances as rows."""
    task, notes = own_table(tmp_path, offers(30))
    with pytest.raises(DatasetError, match="with --id COLUMN"):
        chosen(task, "rank", notes.append)
    rows = [row | {"churned": at / 7} for at, row in enumerate(offers(30))]
    task, _ = own_table(tmp_path, rows, id="shop")
    with pytest.raises(DatasetError, match="from 2 to 31 grades"):
        chosen(task, "rank", notes.append).dataset()

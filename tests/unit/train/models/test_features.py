"""Features of dates, texts, lists and categories of many values."""

import datetime as dt
import random

import numpy as np
import pytest

from hotseat_registry import Field
from hotseat_registry.reading import Reading
from hotseat_train.data.dataset import Split
from hotseat_train.models.tables import synthetic_rows, word_features
from hotseat_train.models.tables.preprocessing import Preprocessor
from hotseat_train.models.tables.target_codes import TargetCodes

ISO = Reading(date="iso")
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def split(rows, targets=None):
    targets = targets or [at % 2 for at in range(len(rows))]
    return Split(tuple(rows), tuple(targets))


def test_a_date_becomes_age_weekday_and_hour():
    """Against datetime; the missing date has the usual age, and no weekday."""
    rng = random.Random(0)
    days = [19_000 + rng.random() * 1_000 for _ in range(60)]
    rows = [{"joined": None if at % 9 == 0 else day, "now": 20_100.0}
            for at, day in enumerate(days)]  # fmt: skip
    fields = (Field("joined", "date", reading=ISO),)
    preprocessor = Preprocessor((), (), split(rows), dates=fields)
    plain = preprocessor_plain(preprocessor, rows)
    there = [20_100 - r["joined"] for r in rows if r["joined"] is not None]
    for row, values in zip(rows, plain, strict=True):
        age, log, missing = values[:3]
        weekday, (sine, cosine) = values[3:10], values[10:]
        if row["joined"] is None:
            assert missing == 1
            assert age == pytest.approx(np.median(there), abs=0.01)
            assert not values[3:].any()
            continue
        moment = EPOCH + dt.timedelta(days=row["joined"])
        assert age == pytest.approx(20_100 - row["joined"], abs=0.01)
        assert log == pytest.approx(np.log1p(age), rel=1e-4)
        assert weekday.argmax() == moment.weekday()
        assert weekday.sum() == 1
        hour = (moment.hour + moment.minute / 60) / 24 * 2 * np.pi
        assert (sine, cosine) == pytest.approx((np.sin(hour), np.cos(hour)), abs=0.02)


def preprocessor_plain(preprocessor, rows):
    """Return the features before they are standardised."""
    columns = preprocessor.encode(rows)
    plain = np.zeros((len(rows), 12), np.float32)
    plain[:, preprocessor._varying] = columns * preprocessor._scale + preprocessor._mean
    return np.round(plain, 5)


def test_the_present_day_is_the_request_s_if_it_names_none():
    rows = [{"joined": float(day), "now": 20_000.0} for day in range(60)]
    fields = (Field("joined", "date", reading=ISO),)
    preprocessor = Preprocessor((), (), split(rows), dates=fields)
    given = preprocessor.tensors([{"joined": "1970-02-01"}])["numbers"][0]
    today = (dt.datetime.now(dt.UTC) - EPOCH).total_seconds() / 86_400
    assert given[0] == 31
    assert given[1] == pytest.approx(today, abs=0.1)


def test_words_pairs_and_items_are_features_where_they_occur():
    texts = ["good game", "bad game", "game good", "", "BAD!"] * 6
    lists = [["bow"], ["bow", "axe"], [], None, ["axe"]] * 6
    rows = [{"say": s, "has": h} for s, h in zip(texts, lists, strict=True)]
    fields = (Field("say", "text", reading=Reading()),
              Field("has", "list", reading=Reading(separator="|")))  # fmt: skip
    preprocessor = Preprocessor((), (), split(rows), texts=fields)
    said, has = preprocessor.vocabularies.values()
    assert set(said) == {("good",), ("bad",), ("game",), ("good", "game"),
                         ("bad", "game"), ("game", "good")}  # fmt: skip
    assert has == [("axe",), ("bow",)]
    other = [{"say": "Good  GAME, unknown", "has": "axe|rare"}, {}]
    found = preprocessor.encode(other)
    names = [*said, *has]
    assert {names[at] for at in np.flatnonzero(found[0])} == {
        ("good",), ("game",), ("good", "game"), ("axe",),
    }  # fmt: skip
    assert not found[1].any()


def test_the_words_that_tell_the_most_are_chosen():
    """Of 400 words one goes with the label; it is kept, however rare it is."""
    rng = random.Random(0)
    words = [f"w{at}" for at in range(400)]
    texts, targets = [], []
    for _ in range(300):
        target = rng.random() < 0.1
        row = rng.sample(words, 30) + (["refund"] if target else [])
        texts.append("\x1f".join(row))
        targets.append(int(target))
    assert ("refund",) in word_features.vocabulary(texts, targets, pairs=False)


def test_codes_of_a_training_row_do_not_know_its_own_label():
    """By chance labels, codes of the rows tell nothing; those of the table would."""
    rng = np.random.default_rng(0)
    values = np.array([f"v{n}" for n in rng.integers(0, 400, 4_000)], object)
    targets = rng.integers(0, 2, 4_000)
    codes = TargetCodes(values, targets)
    own = dict(zip(codes.values, codes.table[:, 0], strict=True))
    leaked = np.array([own.get(value, 0.0) for value in values])
    assert np.corrcoef(leaked, targets)[0, 1] > 0.2
    assert abs(np.corrcoef(codes.rows[:, 0], targets)[0, 1]) < 0.05
    assert len(TargetCodes(values, targets, keys=list(values)).rows) == 4_000


def test_a_category_of_many_values_has_codes_in_the_graph():
    """Known values have the table's code, unknown ones 0, training rows their own."""
    rng = np.random.default_rng(0)
    cities = [f"c{n}" for n in rng.integers(0, 300, 6_000)]
    targets = [int(int(city[1:]) % 2) for city in cities]
    rows = [{"city": city} for city in cities]
    fields = (Field("city", "category", default=""),)
    preprocessor = Preprocessor((), fields, split(rows, targets))
    codes = preprocessor.codes[0]
    fresh = preprocessor.encode([{"city": "c1"}, {"city": "c2"}, {"city": "new"}])
    assert fresh[0, -1] > 1
    assert fresh[1, -1] < -1
    assert fresh[2, -1] == 0
    np.testing.assert_allclose(
        preprocessor.encode(rows[:50])[:, -1], codes.rows[:50, 0], rtol=1e-6
    )


@pytest.mark.parametrize(
    ("value", "low", "high"), [(1234.5, 1230, 1240), (-0.0123456, -0.0124, -0.0123),
                               (7, 7, 7), (0, 0, 0)],
)  # fmt: skip
def test_numbers_are_rounded_outwards(value, low, high):
    assert synthetic_rows.rounded(value, up=False) == low
    assert synthetic_rows.rounded(value, up=True) == high

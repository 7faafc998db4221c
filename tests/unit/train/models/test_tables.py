"""Preprocessing of tables in the graph, and settings of families."""

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotseat_registry import Field
from hotseat_train.data.dataset import Split
from hotseat_train.errors import DatasetError
from hotseat_train.models.tables import time_series_features
from hotseat_train.models.tables.families import learner
from hotseat_train.models.tables.preprocessing import Preprocessor
from hotseat_train.onnx_graph.builder import FLOAT, Graph

NUMBERS = (Field("hours", default=0, minimum=0), Field("days", default=0, minimum=0))
WORDS = (Field("race", "category", default="unknown"),)


def rows(count, seed):
    """Players who leave when they play little; orcs a little later."""
    random = np.random.default_rng(seed)
    made, targets = [], []
    for _ in range(count):
        hours, days = float(random.integers(0, 50)), float(random.integers(0, 9))
        race = str(random.choice(["elf", "orc", "unknown"]))
        made.append({"hours": hours, "days": days, "race": race})
        targets.append(int(hours + 5 * (race == "orc") + random.normal() * 5 < 20))
    return Split(tuple(made), tuple(targets))


TRAIN, TEST = rows(400, 0), rows(200, 1)
GAPS = Split(
    tuple(
        {"hours": None if at % 7 == 0 else row["hours"] - 20, "race": row["race"]}
        for at, row in enumerate(TRAIN.inputs)
    ),
    TRAIN.targets,
)
WITH_GAPS = Preprocessor((Field("hours"),), WORDS, GAPS)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "hours": st.none() | st.floats(-1e6, 1e6, width=32),
                "race": st.sampled_from(["elf", "orc", "unknown", "dragon", ""]),
            }
        ),
        min_size=1,
        max_size=5,
    )
)
def test_numbers_are_logarithms_and_gaps_are_told(given_rows):
    """Against the definition: log with its sign, sign, gap; known words, else zeros."""
    hours = [row["hours"] for row in GAPS.inputs if row["hours"] is not None]
    middle = float(np.float32(np.median(hours)))

    def plain(row):
        value = middle if row["hours"] is None else row["hours"]
        sign = np.sign(value)
        return [sign * np.log1p(abs(value)), sign, float(row["hours"] is None)]

    seen = np.array([plain(row) for row in GAPS.inputs])
    wanted = (np.array([plain(row) for row in given_rows]) - seen.mean(0)) / seen.std(0)
    x = WITH_GAPS.encode(given_rows)
    np.testing.assert_allclose(x[:, :3], wanted, rtol=1e-3, atol=1e-4)
    for row, line in zip(given_rows, x, strict=True):
        known = row["race"] in {"elf", "orc", "unknown"}
        assert line[-3:].sum() == float(known)


def test_infinity_is_no_more_than_very_much():
    """What a binary request may hold does not turn the columns into NaN."""
    x = WITH_GAPS.encode([{"hours": float("inf"), "race": "elf"}])
    assert np.isfinite(x).all()


@settings(deadline=None)
@given(st.lists(st.integers(0, 900), min_size=9, max_size=9))
def test_what_months_say_is_what_it_is_called(months):
    """Recency, streak, first, active, gaps, falls and changes, against plain Python."""
    graph = Graph()
    logs = graph.add("Log", graph.add("Add", "n", graph.constant("one", np.float32(1))))
    told = time_series_features.parts(graph, "n", logs, range(9))
    graph.add("Concat", *told, name="x", axis=1)
    model = graph.model("history", {"n": (FLOAT, [1, 9])}, {"x": (FLOAT, [1, "k"])})
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (found,) = session.run(None, {"n": np.array([months], np.float32)})[0]
    active = [at for at, count in enumerate(months, 1) if count]
    last, first = max(active, default=0), min(active, default=10)
    streak = next((at for at, count in enumerate(months[::-1]) if not count), 9)
    heights = np.log1p(months)
    wanted = [
        last, streak, first, len(active), last - first + 1 - len(active),
        np.log1p(sum(months)), np.log1p(sum(months[-3:])), np.log1p(sum(months[:-3])),
        heights.max(), heights.max() - heights[-1], heights[-3:].min(),
        heights[-3:].max(), *np.diff(heights),
    ]  # fmt: skip
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_a_setting_that_a_family_does_not_have_is_refused():
    """A plan of another family is not taken in silence."""
    with pytest.raises(DatasetError, match="trees has no setting 'hidden'"):
        learner("trees", Preprocessor(NUMBERS, WORDS, TRAIN), 2, 0, {"hidden": 3})


@pytest.mark.parametrize("members", [(), ("trees", "forest"), ("blend",)])
def test_a_blend_of_what_is_no_family_is_refused(members):
    """A plan written by hand is told what it may name."""
    with pytest.raises(DatasetError, match="members of a blend are of"):
        learner(
            "blend", Preprocessor(NUMBERS, WORDS, TRAIN), 2, 0, {"members": members}
        )

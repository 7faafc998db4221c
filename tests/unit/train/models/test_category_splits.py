"""Splits of categories as splits of numbers: the same answers, to the last bit."""

from unittest import mock

import lightgbm
import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotseat_train.models.tables import category_splits
from hotseat_train.models.tables.category_splits import Block, Layout, as_numbers


def table(sizes, rows, rng):
    """Return ``x`` with a number, the blocks and a number, and its layout."""
    blocks, parts, start = [], [rng.normal(size=(rows, 1))], 1
    for at, size in enumerate(sizes):
        codes = rng.integers(-1, size, rows)  # -1: an unknown value
        one_hot = np.zeros((rows, size))
        one_hot[codes >= 0, codes[codes >= 0]] = 1
        parts.append(one_hot)
        blocks.append(Block(f"category{at}", start, size))
        start += size
    parts.append(rng.normal(size=(rows, 1)))
    x = np.concatenate(parts, axis=1).astype(np.float32)
    return x, Layout(x.shape[1], tuple(blocks))


@settings(max_examples=12, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 70), min_size=1, max_size=3),
    labels=st.integers(2, 3),
    seed=st.integers(0, 2**31),
)
def test_the_trees_answer_as_lightgbm_s_own_splits_do(sizes, labels, seed):
    """In LightGBM bit for bit; the graph's columns are those of numpy."""
    rng = np.random.default_rng(seed)
    x, layout = table(sizes, 300, rng)
    y = np.arange(300) % labels
    data = lightgbm.Dataset(
        layout.codes(x), y, categorical_feature=layout.categories,
        params={"verbose": -1},
    )  # fmt: skip
    trees = lightgbm.train(
        {"objective": "multiclass", "num_class": labels, "verbose": -1,
         "min_data_in_leaf": 5, "min_data_per_group": 5, "cat_smooth": 1,
         "num_threads": 1, "seed": seed % 1000}, data, 5,
    )  # fmt: skip
    numbers, sets = as_numbers(trees, layout)
    asked, _ = table(sizes, 200, rng)
    want = trees.predict(layout.codes(asked))
    assert np.array_equal(numbers.predict(sets.columns(asked)), want)
    few = 7 * sets.columns(asked).shape[1]
    with mock.patch.object(category_splits, "_CELLS", few):  # parts of seven rows
        assert np.array_equal(sets.predict(numbers, asked), want)
    graph = sets.part(layout.columns).SerializeToString()
    (found,) = onnxruntime.InferenceSession(graph).run(None, {"x": asked})
    assert np.array_equal(found, sets.columns(asked))


def test_a_set_of_many_values_is_one_split():
    """Sixty values whose odd ones are right: one column, one split, no chain."""
    rng = np.random.default_rng(0)
    x, layout = table([60], 4000, rng)
    codes = layout.codes(x)[:, 2]
    odd = np.nan_to_num(codes) % 2
    data = lightgbm.Dataset(
        layout.codes(x), odd, categorical_feature=layout.categories,
        params={"verbose": -1},
    )  # fmt: skip
    trees = lightgbm.train(
        {"objective": "binary", "verbose": -1, "num_leaves": 2,
         "max_cat_threshold": 64, "min_data_per_group": 5, "num_threads": 1}, data, 1,
    )  # fmt: skip
    numbers, sets = as_numbers(trees, layout)
    assert sets.fields == ("category0",)
    assert numbers.dump_model()["tree_info"][0]["num_leaves"] == 2
    found = numbers.predict(sets.columns(x))
    known = ~np.isnan(codes)
    assert found[known & (odd == 1)].min() > found[known & (odd == 0)].max()
    with pytest.raises(lightgbm.basic.LightGBMError):
        numbers.predict(x)  # without the column of the set

"""Splits: every stratum in each, groups whole, time in order."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotseat_train.data.splits import by_time, content_keys, stratified
from hotseat_train.errors import DatasetError


def keyed(labels, groups=None):
    """A row for each label, with its number as input."""
    keys = groups or [str(at) for at in range(len(labels))]
    return [(str(k), at, label) for at, (k, label) in
            enumerate(zip(keys, labels, strict=True))]  # fmt: skip


@given(st.lists(st.integers(0, 3), min_size=60, max_size=200), st.integers(0, 9))
def test_every_label_of_ten_rows_is_in_each_split(labels, seed):
    """With at least one row, and near a tenth; no row is lost or in two splits."""
    rows = keyed(labels)
    parts = stratified(rows, labels, seed)
    assert sorted(x for part in parts for x in part.inputs) == list(range(len(rows)))
    for label in set(labels):
        count = labels.count(label)
        if count >= 10:
            assert parts[2].targets.count(label) == max(1, round(count / 10))
            assert parts[1].targets.count(label) >= 1


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 1)), min_size=80),
       st.randoms())  # fmt: skip
def test_groups_are_whole_and_the_order_of_the_file_does_not_matter(pairs, rng):
    """The same rows, shuffled, are in the same splits."""
    groups, labels = zip(*pairs, strict=True)
    try:
        parts = stratified(keyed(labels, groups), labels, 0)
    except DatasetError:
        return  # too few groups
    keys = [set(part.keys) for part in parts]
    assert not keys[0] & keys[1]
    assert not keys[0] & keys[2]
    assert not keys[1] & keys[2]
    mixed = list(pairs)
    rng.shuffle(mixed)
    groups, labels = zip(*mixed, strict=True)
    again = stratified(keyed(labels, groups), labels, 0)
    assert [set(part.keys) for part in again] == keys


def test_the_newest_rows_are_the_test():
    """Nothing in training is newer than the validation, nothing there than the test."""
    rng = random.Random(0)
    moments = [float(rng.randint(0, 40)) for _ in range(300)]
    train, validation, test = by_time(keyed(moments), moments)
    assert max(train.targets) < min(validation.targets)
    assert max(validation.targets) < min(test.targets)
    assert 20 <= len(test) <= 60
    train, validation, none = by_time(keyed(moments), moments, test=False)
    assert max(train.targets) < min(validation.targets)
    assert not none
    with pytest.raises(DatasetError, match="2 different moments"):
        by_time(keyed([0, 1] * 50), [0.0, 1.0] * 50)


def test_equal_rows_are_one_key_unless_most_are_equal():
    """Copies are not tested on; in a table of few columns equal rows are no copies."""
    assert content_keys(["a", "b", "a"]) == ["a", "b", "a"]
    assert len(set(content_keys(["a"] * 50 + ["b"] * 50))) == 100

"""Rows are cut into clients by whole groups."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotseat_train.data.dataset import Split
from hotseat_train.errors import TrainError
from hotseat_train.federated.partition import EACH, partition

ROWS = Split(
    tuple({"country": c, "hours": n} for n, c in enumerate("aabbbcdd")),
    (0, 1) * 4,
    tuple("ppqqrrst"),
)


@given(st.lists(st.sampled_from("abcdefgh"), min_size=2), st.integers(0, 8))
def test_each_row_is_at_one_client_and_each_group_whole(keys, count):
    """Clients are a partition; no key is at two of them; none is empty."""
    rows = Split(tuple(range(len(keys))), (0,) * len(keys), tuple(keys))
    if len(set(keys)) < max(2, count):
        with pytest.raises(TrainError, match="fewer clients"):
            partition(rows, count, None, None)
        return
    cut = partition(rows, count, None, None)
    assert sorted(i for c in cut.clients for i in c.inputs) == list(range(len(keys)))
    assert sum(len(set(c.keys)) for c in cut.clients) == len(set(keys))
    assert all(cut.clients)
    assert len(cut.clients) == (count or len(set(keys)))


def test_a_place_does_not_depend_on_the_order_of_rows():
    """Rows in another order are dealt to the same clients."""
    backwards = ROWS.pick(range(len(ROWS))[::-1])
    first, second = (partition(r, 2, None, None) for r in (ROWS, backwards))
    assert [set(c.keys) for c in first.clients] == [set(c.keys) for c in second.clients]


def test_a_column_groups_rows():
    """The unit is named after the column, and says when a client is one value."""
    cut = partition(ROWS, EACH, "country", "player")
    assert [len({r["country"] for r in c.inputs}) for c in cut.clients] == [1] * 4
    assert cut.unit == "one client, which is one country"
    assert partition(ROWS, EACH, "player", "player").groups == 5
    few = partition(ROWS, 2, "country", None)
    assert few.unit == "one client, which holds about 2 values of country"


def test_a_column_that_is_not_there_is_refused():
    """The error names the columns, or the way for texts."""
    with pytest.raises(TrainError, match=r"no such column among country, hours.*--id"):
        partition(ROWS, 2, "region", None)
    texts = Split(("gg", "wp"), (0, 1), ("a", "b"))
    with pytest.raises(TrainError, match="--id region"):
        partition(texts, 2, "region", None)

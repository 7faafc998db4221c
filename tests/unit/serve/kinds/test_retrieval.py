"""Which documents answer a query: order, filters, files that do not fit."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hotseat_registry.errors import IntegrityError
from hotseat_registry.retrieval import Retrieval
from hotseat_serve.kinds.options import Options
from hotseat_serve.kinds.retrieval import Index, best, open_index, places
from hotseat_serve.problems import Problem

INDEX = Index(
    np.eye(4, dtype=np.float32),
    ["a", "b", "c", "d"],
    ["one", "two", "three", "four"],
    {"region": ["north", "south", "north", None], "level": [1, 2.5, True, 9]},
)
SCORES = st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0])


@given(
    arrays.arrays(np.float32, st.integers(1, 30), elements=SCORES),
    st.integers(1, 35), st.sets(st.integers(0, 29)) | st.none(),
)  # fmt: skip
def test_the_best_come_first_and_of_equals_the_first(scores, count, kept):
    """As a stable sort of all has them, with and without a filter."""
    allowed = None
    if kept is not None:
        allowed = np.array(sorted(at for at in kept if at < len(scores)), np.int64)
    among = range(len(scores)) if allowed is None else allowed.tolist()
    wanted = sorted(among, key=lambda at: (-scores[at], at))[:count]
    assert best(scores, count, allowed).tolist() == wanted


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        ({"region": "north"}, [0, 2]),
        ({"region": None}, [3]),
        ({"region": ["south", "east"]}, [1]),
        ({"region": []}, []),
        ({"level": {"min": 2}}, [1, 3]),
        ({"level": {"min": 1, "max": 2.5}, "region": "north"}, [0]),
        ({"level": 1}, [0]),
        ({"level": True}, [2]),
    ],
)
def test_a_filter_keeps_what_it_says(rule, wanted):
    """A value, one of a list, a range; true is no 1."""
    assert places(INDEX, rule).tolist() == wanted


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({"place": "north"}, "no field 'place'; they have level, region"),
        ({"level": {"least": 1}}, '"min" or "max" at /options/filter/level'),
        ({"level": {"min": "1"}}, "expected a number at /options/filter/level"),
        ({"region": [["north"]]}, "a text, a number, or true or false"),
    ],
)
def test_a_filter_that_cannot_be_is_refused(rule, says):
    """By the name of its field, with what there is."""
    with pytest.raises(Problem, match=says):
        places(INDEX, rule)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"top_k": 0}, "from 1 to 1000 at /options/top_k"),
        ({"top_k": True}, "/options/top_k"),
        ({"filter": ["region"]}, "an object at /options/filter"),
        ({"min_score": 2}, "from -1 to 1 at /options/min_score"),
    ],
)
def test_options_of_a_search_are_checked(options, says):
    """Numbers in their range, and a filter is an object."""
    with pytest.raises(Problem, match=says):
        Options.read({"options": options})


def _files(folder, count=3, datatype="FP32", **changed):
    record = Retrieval(count, 2, datatype=datatype)
    paths = {name: folder / name for name in (record.vectors, record.documents)}
    vectors = np.array([[1, 0], [0, 1], [0.6, 0.8]], datatype.replace("FP", "f")[:1] +
                       str(int(datatype[2:]) // 8))  # fmt: skip
    vectors.tofile(paths[record.vectors])
    documents = {"ids": ["a", "b", "c"], "texts": [], "metadata": {}, **changed}
    paths[record.documents].write_text(json.dumps(documents))
    return record, paths


@pytest.mark.parametrize("datatype", ["FP32", "FP16"])
def test_an_index_opens_as_it_was_written(tmp_path, datatype):
    """In 32 bits, or in 16 that are 32 in memory."""
    index = open_index(*_files(tmp_path, datatype=datatype))
    np.testing.assert_allclose(index.vectors[2], [0.6, 0.8], atol=1e-3)
    assert index.vectors.dtype == np.float32
    assert index.document(1, 0.5) == {"id": "b", "score": 0.5}


@pytest.mark.parametrize(
    ("changed", "count", "says"),
    [
        ({}, 4, "has not the size of 4 vectors"),
        ({"ids": ["a"]}, 3, "has to list 3 documents"),
        ({"metadata": {"x": [1]}}, 3, "has to list 3 documents"),
        ({"metadata": 7}, 3, "cannot be read"),
    ],
)
def test_an_index_that_does_not_fit_is_refused(tmp_path, changed, count, says):
    """Before it answers."""
    record, paths = _files(tmp_path, count, **changed)
    with pytest.raises(IntegrityError, match=says):
        open_index(record, paths)

"""Rows invented from a declaration of columns."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotseat_train.errors import DatasetError
from hotseat_train.models.tables.declared_rows import Declaration
from hotseat_train.models.tables.preprocessing import MIN_ROWS

DOCUMENT = {
    "labels": ["no", "yes"],
    "columns": {
        "hours": {"minimum": 0, "maximum": 500, "missing": True},
        "country": {"categories": ["de", "fr", "cn"]},
        "vip": {"type": "boolean"},
    },
}


@settings(max_examples=15)
@given(
    st.floats(-1e6, 1e6), st.floats(1, 1e6),
    st.lists(st.text(min_size=1), min_size=1, max_size=20, unique=True),
)  # fmt: skip
def test_rows_cover_the_declaration(low, width, categories):
    """Numbers reach both ends and no further; a version may hold each category."""
    declared = Declaration.of(
        {
            "labels": ["a", "b"],
            "columns": {
                "n": {"minimum": low, "maximum": low + width},
                "c": {"categories": categories},
            },
        },
        "test",
    )
    rows = declared.rows()
    numbers = [row["n"] for row in rows.inputs]
    assert min(numbers) == pytest.approx(low, rel=1e-6, abs=1e-9)
    assert max(numbers) == pytest.approx(low + width, rel=1e-6)
    words = [row["c"] for row in rows.inputs]
    assert all(words.count(c) >= MIN_ROWS for c in categories)
    assert set(rows.targets) == {0, 1}


def test_a_declaration_is_stored_whole():
    """What a run's record holds gives the same rows."""
    first = Declaration.of(DOCUMENT, "test")
    again = Declaration.of(json.loads(json.dumps(first.to_json())), "test")
    assert again == first
    assert again.rows() == first.rows()


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"labels": ["no"]}, "two or more labels at /labels"),
        ({"columns": {}}, "expected columns at /columns"),
        ({"columns": {"born": {"type": "date"}}}, r"/columns/born/minimum.*=out"),
        ({"columns": {"n": {"minimum": 3, "maximum": 3}}}, "minimum below maximum"),
        ({"columns": {"c": {"categories": []}}}, "/columns/c/categories"),
    ],
)
def test_a_wrong_declaration_is_refused(change, where):
    """The error names the place, and the way out."""
    with pytest.raises(DatasetError, match=where):
        Declaration.of({**DOCUMENT, **change}, "--schema x.json")

"""A table's cell means the same in training and in a request."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotseat_registry import Field, Input, Signature
from hotseat_registry.reading import Reading
from hotseat_serve.codec import cells, game_json
from hotseat_serve.codec.features import columns
from hotseat_serve.codec.input_warnings import Warnings
from hotseat_serve.codec.rows import Rows
from hotseat_serve.problems import Problem

NUMBERS = [
    ("1.5", {}, 1.5),
    (" -3 ", {}, -3),
    ("1e3", {}, 1000),
    ("1,5", {"decimal": ","}, 1.5),
    ("1.234.567,5", {"decimal": ",", "thousands": "."}, 1234567.5),
    ("1,234", {"thousands": ","}, 1234),
    ("12,34,567", {"thousands": ","}, 1234567),
    ("1\u00a0234,5", {"decimal": ",", "thousands": " "}, 1234.5),
    ("1’234.5", {"thousands": "'"}, 1234.5),
    ("€ 12", {"unit": "€"}, 12),
    ("-€12", {"unit": "€"}, -12),
    ("12 %", {"unit": "%"}, 12),
    ("\u22125", {}, -5),
    ("YES", {"true": ["yes"], "false": ["no"]}, 1),
    ("False", {}, 0),
    ("#N/A", {}, None),
    ("inf", {}, None),
    ("n.v.", {"missing": ["n.v."]}, None),
]


@pytest.mark.parametrize(("text", "reading", "value"), NUMBERS)
def test_numbers_in_every_notation(text, reading, value):
    assert cells.number(text, Reading.from_json(reading)) == value


@pytest.mark.parametrize(
    ("text", "reading"),
    [("1,5", {}), ("1_000", {}), ("0x1F", {}), ("1,23,4", {"thousands": ","}),
     ("12 %", {}), ("five", {}), ("1 2", {})],
)  # fmt: skip
def test_other_texts_are_no_numbers(text, reading):
    with pytest.raises(ValueError, match=re.escape(text)):
        cells.number(text, Reading.from_json(reading))


@pytest.mark.parametrize(
    ("value", "form", "days"),
    [("1970-01-02", "iso", 1), ("1970-01-02T12:00:00Z", "iso", 1.5),
     ("02.01.1970", "%d.%m.%Y", 1), ("01/02/1970", "%m/%d/%Y", 1),
     ("1970-01-03", "%d.%m.%Y", 2), (86_400, "s", 1), ("86400000", "ms", 1),
     (7.5, "iso", 7.5), ("n/a", "iso", None)],
)  # fmt: skip
def test_dates_are_days_since_1970(value, form, days):
    assert cells.date(value, Reading(date=form)) == days


def test_categories_have_one_text():
    """NA is a region; a number, a truth value and a text mean the same."""
    codes = Reading(whole=True)
    assert {cells.category(v, codes) for v in (3, 3.0, "3", " 3.0 ")} == {"3"}
    assert cells.category(True, Reading()) == "true"
    assert cells.category("NA", Reading()) == "NA"
    assert cells.category(" ", Reading()) is None
    assert cells.category("NA", Reading(missing=("na",))) is None


def test_words_and_items():
    assert cells.words("Nice Ｍate! 你好").split(cells.BETWEEN) == [
        "nice", "mate", "你", "好",
    ]  # fmt: skip
    bars = Reading(separator="|")
    for value in ("bow| sword|", ["bow", "sword", None], '["bow", "sword"]'):
        assert cells.items(value, bars).split(cells.BETWEEN) == ["bow", "sword"]


FIELDS = (
    Field("gold", reading=Reading(decimal=",")),
    Field("vip", default=0, minimum=0, maximum=1, reading=Reading(true=("ja",))),
    Field("joined", "date", reading=Reading(date="%d.%m.%Y")),
    Field("now", "date", default="now", reading=Reading(date="iso")),
)
NAMED = Signature(
    (Input("numbers", "FP32", (-1, 4), "features", fields=FIELDS),), (), non_finite=True
)


def test_a_request_is_read_like_a_row_of_the_table():
    """Texts of the table, JSON's own types and missing markers; now is the present."""
    given_rows = [
        {"gold": "1,5", "vip": "ja", "joined": "02.01.1970", "now": "1970-01-04"},
        {"gold": 1.5, "vip": True, "joined": 1, "now": "now"},
        {"gold": "n/a", "vip": "-", "joined": ""},
    ]
    rows = Rows(NAMED, given_rows, ["/0", "/1", "/2"], Warnings())
    found = columns(NAMED.inputs[0], rows, clock=lambda: 3 * 86_400.0)
    nan = np.nan
    np.testing.assert_array_equal(
        found, [[1.5, 1, 1, 3], [1.5, 1, 1, 3], [nan, 0, nan, 3]]
    )


@pytest.mark.parametrize(
    ("row", "says"),
    [({"gold": "much"}, "expected a number at /0/gold, got a string"),
     ({"joined": "soon"}, "expected a date at /0/joined, got a string"),
     ({"joined": True}, "expected a date at /0/joined, got true")],
)  # fmt: skip
def test_what_the_table_could_not_hold_is_refused(row, says):
    with pytest.raises(Problem, match=re.escape(says)):
        game_json.encode(NAMED, [row])


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([".", ","]))
def test_a_printed_number_is_read_back(value, decimal):
    text = repr(value).replace(".", decimal)
    assert cells.parse(text, decimal, "") == value


@given(st.integers(-(10**15), 10**15), st.sampled_from([",", ".", " ", "'"]))
def test_a_grouped_number_is_read_back(value, mark):
    text = f"{value:,}".replace(",", mark)
    assert cells.parse(text, "," if mark == "." else ".", mark) == value


@given(st.text())
def test_no_text_breaks_the_reading(text):
    """A text is a value, missing, or a ValueError; never anything else."""
    for read in (cells.number, cells.date, cells.category, cells.items):
        try:
            read(text, Reading())
        except ValueError:
            continue
    cells.words(text)


def test_a_version_with_dates_needs_a_newer_reader():
    assert NAMED.format == 3
    assert Signature.from_json(NAMED.to_json()) == NAMED

"""Warnings of a request: which there are, how many, and how long they get."""

import difflib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotseat_serve.codec.input_warnings import MOST, Warnings, nearest
from hotseat_serve.problems import Problem

names = st.text(max_size=12)


def test_each_place_is_warned_of_once_for_each_code():
    """The same code at the same place says nothing new; another code does."""
    warnings = Warnings()
    warnings.add("out_of_range", "81", "/input/hours")
    warnings.add("out_of_range", "81", "/input/hours")
    warnings.add("unknown_category", "x", "/input/hours")
    assert [one["code"] for one in warnings.to_json()] == [
        "out_of_range", "unknown_category",
    ]  # fmt: skip


def test_a_strict_caller_gets_the_first_as_an_error():
    """The pointer and the words are the warning's."""
    with pytest.raises(Problem, match=r"'agee'.*'age'.*options\.strict") as caught:
        Warnings(strict=True).unknown({"agee"}, ["age"], "/input")
    assert (caught.value.code, caught.value.pointer) == ("invalid_input", "/input/agee")


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 99), st.text(max_size=300)), max_size=60))
def test_an_answer_never_grows_with_what_is_wrong(fields):
    """At most 20 and one that counts the others, each with names cut at 80."""
    warnings = Warnings()
    for row, name in fields:
        warnings.unknown({name}, ["hours", "level"], f"/inputs/{row}")
    found = warnings.to_json()
    assert len(found) <= MOST + 1
    if warnings.count > MOST:
        more = warnings.count - MOST
        assert found[-1] == {
            "code": "more_warnings",
            "detail": f"{more} more warnings are left out",
            "pointer": "",
        }
    for one in found:
        assert len(one["detail"]) < 1_200  # 80 characters, each escaped
        assert len(one["pointer"]) < 200
    json.dumps(found)


@settings(deadline=None)
@given(names, st.lists(names, max_size=6))
def test_the_nearest_name_is_difflibs_whatever_the_case(name, known):
    """Among the known names one with the best ratio is found, or none is near."""
    found = nearest(name, known)
    matcher = difflib.SequenceMatcher()
    matcher.set_seq2(name.lower())
    ratios = {}
    for one in known:
        matcher.set_seq1(one.lower())
        ratios[one] = matcher.ratio()
    if found is None:
        assert all(ratio < 0.6 for ratio in ratios.values())
    else:
        assert ratios[found] == max(ratios.values())


@pytest.mark.parametrize(
    ("name", "near"),
    [("agee", "age"), ("Hours", "hours"), ("January", "jan"), ("HP", None)],
)
def test_what_was_probably_meant_is_found(name, near):
    """A letter too many, another case, a long form; nothing where none is alike."""
    assert nearest(name, ["age", "hours", "jan", "level"]) == near


def test_a_request_has_only_so_many_names_compared():
    """Of a table of 2,000 columns two strange names are looked up, and no third."""
    warnings = Warnings()
    known = [f"column {number}" for number in range(2_000)]
    warnings.unknown([f"colum {number}" for number in range(4)], known, "")
    found = warnings.to_json()
    assert [("suggestion" in one) for one in found] == [True, True, False, False]
    assert found[2]["detail"].endswith("'column 4' and 1995 more")

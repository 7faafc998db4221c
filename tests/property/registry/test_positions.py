"""Where an alias stood, and the numbers of what was retired, in little room."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotseat_registry import entry as ledger
from hotseat_registry.checksummed_json import read_checksummed, write_checksummed
from hotseat_registry.entry import Entry
from hotseat_registry.errors import IntegrityError, RefusedError
from hotseat_registry.positions import POSITIONS, positions, previous_position
from hotseat_registry.ranges import Ranges

NOON = "2026-11-23T12:00:00+00:00"
NUMBERS = st.sets(st.integers(1, 40))


def first_release(entry):
    """Return an entry as the first releases wrote it."""
    return replace(entry, retired=tuple(entry.retired), retired_ranges=None,
                   positions=None, kind=None)  # fmt: skip


@st.composite
def ledgers(draw):
    """A ledger of promotes, roll backs and retirements, by old and new releases."""
    entries = []
    for number in range(draw(st.integers(1, 90))):
        head = entries[-1] if entries else None
        alias = draw(st.sampled_from(["live", "canary", "beta"]))
        way = positions(entries, alias)
        act = draw(st.sampled_from(["promote", "promote", "rollback", "retire"]))
        change = Entry("mood", act, "ada", NOON, alias=alias)
        if act == "rollback" and len(way) > 1:
            steps = draw(st.integers(1, len(way) - 1))
            change = replace(change, steps=steps, after=way[-1 - steps])
        elif act == "retire":
            change = replace(change, alias=None, retired=(1000 + number,))
        else:
            after = draw(st.integers(1, 5))
            change = replace(change, action="promote", after=after)
        entry = ledger.follow(head, change)
        entries.append(first_release(entry) if draw(st.booleans()) else entry)
    return entries


@given(ledgers(), st.sampled_from(["live", "canary", "beta"]))
def test_the_way_back_is_that_of_the_whole_ledger(entries, alias):
    """Read from the newest back, in any mixture of forms, it is the same."""
    ledger.check(entries)
    way = positions(entries, alias)
    for steps in range(1, len(way)):
        assert previous_position(reversed(entries), alias, steps) == way[-1 - steps]
    if way:
        with pytest.raises(RefusedError, match=f"moved {len(way) - 1} times"):
            previous_position(reversed(entries), alias, len(way))


@given(st.lists(st.integers(1, 3), min_size=1, max_size=80))
def test_a_new_ledger_s_newest_entry_is_enough(versions):
    """For as many steps as an entry keeps, and the refusal of one too many."""
    entry = None
    for version in versions:
        change = Entry("mood", "promote", "ada", NOON, alias="live", after=version)
        entry = ledger.follow(entry, change)
    way = positions(
        [Entry("mood", "promote", "ada", NOON, alias="live", after=v)
         for v in versions], "live")  # fmt: skip
    for steps in range(1, min(len(way), POSITIONS)):
        assert previous_position([entry], "live", steps) == way[-1 - steps]
    if len(way) <= POSITIONS:
        with pytest.raises(RefusedError, match=f"moved {len(way) - 1} times"):
            previous_position([entry], "live", len(way))


@given(NUMBERS, NUMBERS)
def test_ranges_are_the_numbers_in_them(one, two):
    """Equal to the sorted tuple, whatever is asked of them."""
    found = Ranges.of(one, Ranges.of(two))
    expected = tuple(sorted(one | two))
    assert found == expected
    assert expected == found
    assert found == Ranges.of(expected)
    assert (tuple(found), len(found)) == (expected, len(expected))
    assert [found[n] for n in range(-len(expected), len(expected))] == [
        *expected, *expected]  # fmt: skip
    assert found[1:-1] == expected[1:-1]
    assert [n in found for n in range(42)] == [n in expected for n in range(42)]
    for (_, last), (first, _) in zip(found.pairs, found.pairs[1:], strict=False):
        assert last + 1 < first
    with pytest.raises(IndexError):
        found[len(expected)]


def test_entries_of_both_forms_are_read_and_written_as_they_were():
    """An old entry keeps its list and its digest, a new one has ranges alone."""
    change = Entry("mood", "retire", "gc", NOON, retired=(1, 2, 3, 7))
    new = ledger.follow(None, change)
    old = first_release(new)
    assert new.retired == old.retired == (1, 2, 3, 7)
    assert read_checksummed(old.to_bytes(), "x")["retired"] == [1, 2, 3, 7]
    assert "retired_ranges" not in read_checksummed(old.to_bytes(), "x")
    assert read_checksummed(new.to_bytes(), "x")["retired_ranges"] == [[1, 3], [7, 7]]
    for entry in (old, new):
        again = Entry.from_bytes(entry.to_bytes(), "head")
        assert again == entry
        assert again.digest() == entry.digest()
        assert [n for n in range(9) if again.is_retired(n)] == [1, 2, 3, 7]
        more = replace(change, retired=(4, 8))
        assert ledger.follow(again, more).retired_ranges == ((1, 4), (7, 8))


@pytest.mark.parametrize(
    "wrong",
    [
        {"retired_ranges": [[3, 2]]},
        {"retired_ranges": [[1, 4], [4, 6]]},
        {"retired_ranges": [[0, 4]]},
        {"retired_ranges": [[1, 1 << 60]]},
        {"retired_ranges": [[1]]},
        {"retired_ranges": ["12"]},
        {"retired_ranges": [[1, True]]},
        {"retired": "12"},
        {"positions": {"live": [2]}},
        {"positions": {"live": []}},
        {"positions": {"other": [1]}},
        {"positions": [1]},
        {"positions": {"live": 1}},
        {"kind": 7},
    ],
)
def test_an_entry_that_contradicts_itself_is_refused(wrong):
    """Ranges that are none, and positions that are not where the alias stands."""
    change = Entry("mood", "promote", "ada", NOON, alias="live", after=1)
    value = ledger.follow(None, change).to_json()
    with pytest.raises(IntegrityError):
        Entry.from_bytes(write_checksummed({**value, **wrong}), "head")

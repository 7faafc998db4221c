"""The chain of alias moves."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotseat_registry import entry as ledger
from hotseat_registry.checksummed_json import write_checksummed
from hotseat_registry.entry import Entry
from hotseat_registry.errors import (
    AliasNotFoundError,
    IntegrityError,
    RefusedError,
)

NOON = "2026-11-23T12:00:00+00:00"


def promote(version, *, at=NOON, alias="live", **fields):
    """A promote, before it follows anything."""
    return Entry("mood", "promote", "ada", at, alias=alias, after=version, **fields)


def chain(*versions, alias="live"):
    """Entries of promotes to these versions."""
    entries = []
    for version in versions:
        move = promote(version, alias=alias)
        entries.append(ledger.follow(entries[-1] if entries else None, move))
    return entries


def test_rolling_back_twice_goes_two_versions_back():
    """A second roll back goes one further and not to and fro."""
    entries = chain(1, 2, 3)
    assert ledger.before(entries, "live") == 2
    back = replace(promote(2), action="rollback")
    entries.append(ledger.follow(entries[-1], back))
    assert ledger.before(entries, "live") == 1


def test_a_roll_back_undoes_as_many_moves_as_it_says():
    """Rolling back over a version that was live twice goes to the right one."""
    entries = chain(1, 2, 1, 3)
    assert ledger.before(entries, "live", steps=3) == 1
    back = replace(promote(1), action="rollback", steps=3)
    entries.append(ledger.follow(entries[-1], back))
    with pytest.raises(RefusedError, match="moved 0 times"):
        ledger.before(entries, "live")


def test_rolling_back_several_steps():
    """`steps` counts moves, and cannot go beyond the first."""
    assert ledger.before(chain(1, 2, 3), "live", steps=2) == 1
    with pytest.raises(RefusedError, match="moved 2 times"):
        ledger.before(chain(1, 2, 3), "live", steps=3)
    with pytest.raises(AliasNotFoundError):
        ledger.before(chain(1, 2), "canary")


def test_time_never_goes_backwards():
    """An entry is not older than the one before, whatever the clock says."""
    head = ledger.follow(None, promote(1))
    assert ledger.follow(head, promote(2, at="2026-11-23T11:00:00+00:00")).at == NOON


def test_the_state_is_carried_on():
    """An entry that changes one thing leaves the rest as it was."""
    entries = chain(1, 2)
    gate = Entry("mood", "gate", "ada", NOON, gate={"floor": 0.8})
    retire = Entry("mood", "retire", "ada", NOON, retired=(1,))
    for change in (gate, retire, promote(3, alias="canary")):
        entries.append(ledger.follow(entries[-1], change))
    last = entries[-1]
    assert last.aliases == {"live": 2, "canary": 3}
    assert (last.gate, last.retired) == ({"floor": 0.8}, (1,))
    ledger.check(entries)


@given(st.lists(st.integers(1, 9), min_size=3, max_size=9), st.data())
def test_the_chain_shows_what_was_done_to_it(versions, data):
    """An edited, removed or reordered entry is detected."""
    entries = chain(*versions)
    ledger.check(entries)
    at = data.draw(st.integers(0, len(entries) - 2))
    edited = [*entries]
    edited[at] = replace(edited[at], by="mallory")
    swapped = [*entries]
    swapped[at], swapped[at + 1] = swapped[at + 1], swapped[at]
    for damaged in (edited, swapped, entries[:at] + entries[at + 1 :]):
        with pytest.raises(IntegrityError):
            ledger.check(damaged)


def test_an_entry_is_read_as_it_is_written():
    """Bytes to entry to bytes changes nothing, unknown fields included."""
    data = write_checksummed({**chain(1, 2)[1].to_json(), "later": 1})
    entry = Entry.from_bytes(data, "head")
    assert entry.extra == {"later": 1}
    assert Entry.from_bytes(entry.to_bytes(), "head") == entry

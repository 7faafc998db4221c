"""What a registry costs as it grows: requests, counted; bytes of the newest entry."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from growth import AT, grown

from hotseat_registry import Reference, Registry, layout
from hotseat_registry.entry import PROMOTE, RETIRE, Entry, follow
from hotseat_registry.errors import IntegrityError
from hotseat_registry.gc import collect_garbage
from hotseat_registry.testing import MemoryStore


@pytest.fixture
def counts():
    """How often each operation was sent to the store."""
    return Counter()


@pytest.fixture
def store(counts):
    """A store that counts; a list is a request for each thousand names."""
    return MemoryStore(lambda operation, _key: counts.update([operation]))


@pytest.fixture
def registry(store, clock):
    """A registry over the store."""
    return Registry(store, clock)


def sent(counts, call):
    """Return how many requests a call takes."""
    counts.clear()
    call()
    return counts.total()


@pytest.mark.parametrize("where", ["newest", "oldest", "old ledger"])
def test_a_roll_back_takes_eight_requests(registry, publish, counts, where):
    """Of 10,000 entries, wherever among them the alias moved last."""
    for n in range(3):
        publish(positive=0.6 + n / 10)
    live = [{"alias": "live", "after": n} for n in (1, 2)]
    beta = [{"alias": "beta", "after": 1 + n % 3} for n in range(9_998)]
    whole = [*beta, *live] if where != "oldest" else [*live, *beta]
    grown(registry.store, whole, old=range(10_001) if where == "old ledger" else ())
    assert sent(counts, lambda: registry.plan_rollback("mood", "live")) <= 4
    assert sent(counts, lambda: registry.rollback("mood", by="ada")) <= 8
    head = registry.ledger.head("mood").entry
    assert (head.action, head.before, head.after) == ("rollback", 2, 1)
    assert head.sequence == 10_001


def test_history_reads_what_it_shows(registry, counts):
    """Twenty of 5,000 changes are twenty requests, and their chain is checked."""
    grown(registry.store, [{"alias": "live", "after": 1 + n % 2} for n in range(5_000)])
    assert sent(counts, lambda: registry.ledger.history("mood", 20)) == 20
    found = registry.ledger.history("mood", 20)
    assert [entry.sequence for entry in found] == list(range(4_981, 5_001))
    key = layout.entry("mood", 4_990)
    bad = replace(Entry.from_bytes(registry.store.objects[key], key), by="eve")
    registry.store.objects[key] = bad.to_bytes()
    with pytest.raises(IntegrityError, match="4991 does not follow"):
        registry.ledger.history("mood", 20)
    assert registry.ledger.history("mood", 9)
    back = registry.ledger.back(registry.ledger.head("mood"))
    with pytest.raises(IntegrityError, match="4991 does not follow"):
        list(back)


def test_ten_thousand_retirements_stay_small(registry, counts):
    """One by one, with holes: the newest entry and a look at it stay small."""
    entry = follow(None, Entry("mood", PROMOTE, "ada", AT, alias="live", after=10_500))
    for number in range(1, 10_001):
        gone = number + number // 100  # every hundredth version stays
        entry = follow(entry, Entry("mood", RETIRE, "gc", AT, retired=(gone,)))
    registry.store.objects[layout.head("mood")] = entry.to_bytes()
    assert len(entry.to_bytes()) < 4_000
    retired = registry.ledger.retired("mood")
    assert len(retired) == 10_000
    assert (1 in retired, 100 in retired, 101 in retired) == (True, False, True)
    assert sent(counts, lambda: registry.ledger.retired("mood")) == 1


def test_gc_reads_of_the_ledger_what_is_within_the_days_to_keep(
    registry, publish, counts, clock
):
    """And each manifest of what is not retired once or twice, never an old entry."""
    for n in range(3):
        publish(positive=0.6 + n / 10)
    grown(registry.store, [{"alias": "live", "after": 1 + n % 2} for n in range(3_000)])
    clock.now = datetime(2026, 12, 1, tzinfo=UTC)
    registry.promote(Reference("mood", version=3), by="ada")
    clock.now += timedelta(days=31)
    assert sent(counts, lambda: collect_garbage(registry, by="gc", dry_run=True)) < 30
    assert collect_garbage(registry, by="gc").retired == ("mood@1", "mood@2")


def test_names_and_versions_are_listed_by_folder(registry, publish, counts):
    """However many versions and entries lie below a model's name."""
    publish(), publish(model="other")
    grown(registry.store, [{"alias": "live", "after": 1} for _ in range(2_000)])
    assert sent(counts, registry.models) == 1
    assert sent(counts, lambda: registry.versions("mood")) == 1
    assert registry.models() == ["mood", "other"]

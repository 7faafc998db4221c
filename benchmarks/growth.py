"""What a registry costs as it grows: requests, counted on a store in memory.

Also for the tests, which hold the same bounds.
"""

import tempfile
import time
from collections import Counter
from dataclasses import replace

from hotseat_registry import Reference, Registry, layout
from hotseat_registry.cache import describe
from hotseat_registry.entry import PROMOTE, RETIRE, Entry, follow
from hotseat_registry.testing import MemoryStore
from hotseat_serve.api.messages import Request
from hotseat_serve.api.router import Router
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings

AT = "2026-01-01T00:00:00.000+00:00"


class Counting(MemoryStore):
    """Counts requests: a list of names is one for each thousand."""

    def __init__(self):
        self.sent = Counter()
        super().__init__(lambda operation, _key: self.sent.update([operation]))

    def list(self, prefix):
        """See `Store.list`."""
        return self._paged(super().list(prefix))

    def folders(self, prefix):
        """See `Store.folders`."""
        return self._paged(super().folders(prefix))

    def _paged(self, names):
        for number, name in enumerate(names):
            if number and not number % 1000:
                self.sent["list"] += 1
            yield name


def grown(store, changes, *, old=(), model="mood"):
    """Write a ledger quickly; entries numbered in `old` as the first releases did."""
    head = None
    for number, change in enumerate(changes, 1):
        entry = follow(head, Entry(model, PROMOTE, "ada", AT, **change))
        if number in old:
            entry = replace(entry, positions=None, kind=None)
        if head:
            store.objects[layout.entry(model, head.sequence)] = head.to_bytes()
        head = entry
    store.objects[layout.head(model)] = head.to_bytes()


def filled(store, manifest, files, models, versions=20, entries=200):
    """Write so many models; of their ledgers the newest entry, and the others' keys."""
    described = {name: describe(path) for name, path in files.items()}
    manifest = replace(manifest, files=described, published_at=AT, published_by="ada")
    head = None
    for number in range(entries):
        change = Entry("mood", PROMOTE, "ada", AT, alias="live",
                       after=1 + number % versions, kind=manifest.kind)  # fmt: skip
        head = follow(head, change)
    for model in (f"m{number:04}" for number in range(models)):
        for number in range(1, versions + 1):
            data = replace(manifest, model=model, version=number).to_bytes()
            store.objects[layout.manifest(model, number)] = data
        store.objects[layout.head(model)] = replace(head, model=model).to_bytes()
        for number in range(1, entries):
            store.objects[layout.entry(model, number)] = b"an older entry, never read"


def measure(manifest, files):
    """Return rows of (what, target, requests, seconds)."""
    rows = []

    def count(store, what, target, call):
        store.sent.clear()
        start = time.perf_counter()
        call()
        seconds = time.perf_counter() - start
        rows.append((what, target, f"{store.sent.total():,}", f"{seconds:.3f} s"))

    store = Counting()
    registry = Registry(store)
    for _ in range(3):
        registry.publish(manifest, files, by="bench")
    live = [{"alias": "live", "after": number} for number in (1, 2)]
    others = [{"alias": "canary", "after": 1 + n % 3} for n in range(9_998)]
    grown(store, [*live, *others])
    count(store, "roll back, 10,000 entries", "<= 8 requests",
          lambda: registry.rollback("mood", by="bench"))  # fmt: skip
    assert registry.aliases("mood")["live"] == 1
    third = Reference("mood", version=3)
    count(store, "promote, 10,000 entries", "<= 8 requests",
          lambda: registry.promote(third, by="bench"))  # fmt: skip
    count(store, "the last 20 changes", "<= 20 requests",
          lambda: registry.ledger.history("mood", 20))  # fmt: skip
    entry = registry.ledger.head("mood").entry
    for number in range(4, 10_004):
        entry = follow(entry, Entry("mood", RETIRE, "gc", AT, retired=(number,)))
    size = len(entry.to_bytes())
    rows.append(
        ("newest entry, 10,000 retired", "< 4,000 bytes", f"{size:,} bytes", "")
    )
    store = Counting()
    filled(store, manifest, files, 1_000)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(cache=folder, refresh_seconds=600, log=False)
        router = Router(ModelCache(Registry(store), settings), settings)
        shape = "catalogue, 1,000 models x 20 versions x 200 entries"

        def ask():
            answer = router.answer(Request("GET", "/v1/models", b"", {}, "bench"))
            assert answer.status == 200, answer.body

        count(store, f"{shape}, cold", "<= 1,100 requests", ask)
        count(store, f"{shape}, warm", "no request", ask)
    return rows

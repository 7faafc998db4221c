"""Any sequence of acts, with a store that fails at any call, against a simple model."""

import itertools
import json
import tempfile
from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from onnx import TensorProto, helper

from hotseat_registry import (
    Input,
    Manifest,
    Output,
    Reference,
    Registry,
    Signature,
    Variant,
    layout,
)
from hotseat_registry import entry as entries
from hotseat_registry.audit import audit
from hotseat_registry.entry import Entry
from hotseat_registry.errors import (
    AliasNotFoundError,
    ConflictError,
    IntegrityError,
    NotFoundError,
    RefusedError,
    RegistryError,
    RetiredError,
)
from hotseat_registry.gc import collect_garbage
from hotseat_registry.positions import positions
from hotseat_registry.testing import MemoryStore

KEEP, GRACE = timedelta(days=10), timedelta(days=1)
GRAPH = helper.make_model(
    helper.make_graph(
        [helper.make_node("Cast", ["text"], ["scores"], to=TensorProto.FLOAT)],
        "mood",
        [helper.make_tensor_value_info("text", TensorProto.STRING, ["n"])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 2])],
    ),
    ir_version=9,
).SerializeToString()


class Crash(RegistryError):  # noqa: N818 (it is no error but the end)
    """The process dies here."""


class RegistryMachine(RuleBasedStateMachine):
    """What the registry says, against what a plain list would."""

    @initialize()
    def begin(self):
        self.folder = tempfile.TemporaryDirectory()
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.store = MemoryStore(self.before, self.after)
        self.registry = Registry(self.store, lambda: self.now)
        self.left = None  # calls until the store fails
        self.published = {}  # number -> content, of all that anybody saw
        self.moves = []  # (alias, version) of every move that succeeded or may have
        self.names = itertools.count()

    def teardown(self):
        if hasattr(self, "folder"):
            self.folder.cleanup()

    def before(self, _operation, _key):
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Crash

    def after(self, _operation, _key):
        if self.left == 0:  # it was written, but the answer is lost
            raise Crash

    def act(self, call, crash):
        """Do something that may die after `crash` calls of the store."""
        self.left = crash
        try:
            return call()
        except Crash:
            return None
        finally:
            self.left = None

    @rule(content=st.integers(0, 3), crash=st.none() | st.integers(0, 12))
    def publish(self, content, crash):
        path = Path(self.folder.name, f"{content}.onnx")
        path.write_bytes(GRAPH + bytes([0x32, 1, 65 + content]))  # a doc_string
        golden = Path(self.folder.name, f"{content}.json")
        golden.write_text(json.dumps(content))
        manifest = Manifest(
            model="mood",
            kind="classification",
            signature=Signature(
                inputs=(Input("text", "BYTES", (-1,), "text"),),
                outputs=(Output("scores", "FP32", (-1, 2)),),
                labels=("negative", "positive"),
            ),
            variants=(Variant("fp32", "model.onnx"),),
            default_variant="fp32",
            golden="golden.json",
            card=str(next(self.names)),
        )
        files = {"model.onnx": path, "golden.json": golden}
        try:
            made = self.act(
                lambda: self.registry.publish(manifest, files, by="ada"), crash
            )
        except ConflictError:
            assert any(  # gc was interrupted while it removed these bytes
                b'"deleting": true' in data for data in self.store.objects.values()
            )
            return
        if made:
            assert made.version not in self.published
            self.published[made.version] = made.content()

    @rule(
        number=st.integers(1, 6),
        alias=st.sampled_from(["live", "canary"]),
        crash=st.none() | st.integers(0, 6),
    )
    def promote(self, number, alias, crash):
        reference = Reference("mood", version=number)
        gone = number in self.registry.ledger.retired("mood")
        there = number in self.registry.versions("mood") and not gone
        expected = nullcontext() if there else pytest.raises(NotFoundError)
        if crash is not None:
            expected = suppress(NotFoundError)
        with expected:
            self.act(lambda: self.registry.promote(reference, alias, by="ada"), crash)

    @rule(
        alias=st.sampled_from(["live", "canary"]),
        steps=st.integers(1, 2),
        crash=st.none() | st.integers(0, 8),
    )
    def rollback(self, alias, steps, crash):
        with suppress(RefusedError, AliasNotFoundError, RetiredError):
            self.act(
                lambda: self.registry.rollback("mood", alias, steps=steps, by="bob"),
                crash,
            )

    @rule(number=st.integers(1, 6), alias=st.sampled_from(["live", "canary"]))
    def promote_with_the_first_release(self, number, alias):
        """Which knew neither positions nor ranges nor kinds."""
        head = self.registry.ledger.newest("mood")
        gone = self.registry.ledger.retired("mood")
        if number in gone or number not in self.registry.versions("mood"):
            return
        at = self.registry.time()
        change = Entry("mood", "promote", "old", at, alias=alias, after=number)
        entry = entries.follow(head.entry if head else None, change)
        entry = replace(entry, retired_ranges=None, positions=None, kind=None,
                        retired=tuple(gone))  # fmt: skip
        if head:
            key = layout.entry("mood", head.entry.sequence)
            with suppress(ConflictError):
                self.store.write(key, head.entry.to_bytes())
        tag = head.tag if head else None
        self.store.write(layout.head("mood"), entry.to_bytes(), replacing=tag)

    @rule(crash=st.none() | st.integers(0, 25), dry_run=st.booleans())
    def gc(self, crash, dry_run):
        before = dict(self.store.objects)
        self.act(
            lambda: collect_garbage(
                self.registry, by="gc", keep=KEEP, grace=GRACE, dry_run=dry_run
            ),
            crash,
        )
        if dry_run:
            assert self.store.objects == before

    @rule(hours=st.sampled_from([2, 30, 300]))
    def wait(self, hours):
        self.now += timedelta(hours=hours)

    @rule(hours=st.integers(1, 20))
    def clock_goes_back(self, hours):
        self.now -= timedelta(hours=hours)

    @invariant()
    def no_half_version_and_no_alias_to_nowhere(self):
        if hasattr(self, "registry"):
            assert audit(self.registry).damage == ()

    @invariant()
    def numbers_have_no_gap_and_versions_never_change(self):
        if not hasattr(self, "registry"):
            return
        numbers = self.registry.versions("mood")
        assert numbers == list(range(1, len(numbers) + 1))
        for number, content in self.published.items():
            found = self.registry.resolve(Reference("mood", version=number))
            assert found.content() == content

    @invariant()
    def the_ledger_is_whole_and_says_what_holds(self):
        if not hasattr(self, "registry"):
            return
        history = self.registry.ledger.history("mood")
        entries.check(history)
        assert [e.sequence for e in history] == list(range(1, len(history) + 1))
        assert history[: len(self.moves)] == self.moves, "the past was changed"
        self.moves = history
        aliases = {}
        for entry in history:
            if entry.alias:
                assert entry.before == aliases.get(entry.alias)
                aliases[entry.alias] = entry.after
            assert entry.aliases == aliases
            assert not set(aliases.values()) & set(entry.retired)
        assert self.registry.aliases("mood") == aliases
        retired = set()
        for entry in history:
            retired |= set(entry.retired)
            assert set(entry.retired) == retired, "a retired version came back"
        self.way_back_is_the_ledgers(history, aliases)
        for entry in history[-3:]:
            then = datetime.fromisoformat(entry.at)
            last = [e for e in history if e.at == entry.at][-1]
            assert self.registry.ledger.as_of("mood", then) == last.aliases

    def way_back_is_the_ledgers(self, history, aliases):
        """What the newest entry says of the way back is what all entries say."""
        for alias in aliases:
            way = positions(history, alias)
            for steps in range(1, len(way)):
                _, after = self.registry.plan_rollback("mood", alias, steps)
                assert after == way[-1 - steps]
            with pytest.raises(RefusedError, match=f"moved {len(way) - 1} times"):
                self.registry.plan_rollback("mood", alias, len(way))


TestRegistryMachine = RegistryMachine.TestCase
TestRegistryMachine.settings = settings(
    max_examples=150,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def test_the_machine_finds_a_registry_that_writes_the_alias_apart(monkeypatch):
    """The machine is no ornament: it catches a head that skips its archive."""
    write = MemoryStore.write

    def forgetful(self, key, data, *, replacing=None):
        if key.startswith(layout.ledger("mood")):
            return "forgotten"
        return write(self, key, data, replacing=replacing)

    monkeypatch.setattr(MemoryStore, "write", forgetful)
    machine = RegistryMachine()
    machine.begin()
    machine.publish(0, None)
    machine.promote(1, "live", None)
    machine.promote(1, "canary", None)
    with pytest.raises(IntegrityError):
        machine.the_ledger_is_whole_and_says_what_holds()
    machine.teardown()

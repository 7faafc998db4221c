"""What a start reads at once: rounds of requests, and what must not be believed."""

import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hotseat_registry import Reference, Registry, archive, layout, trust
from hotseat_registry.ahead import start_ahead
from hotseat_registry.cache import Cache
from hotseat_registry.entry import GATE, PROMOTE, Entry, follow
from hotseat_registry.errors import IntegrityError, StoreError, UntrustedError
from hotseat_registry.testing import MemoryStore
from hotseat_registry.trust import LocalKey, Trust
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings

LIVE = Reference("mood", alias="live")


class Together:
    """A store's listener that answers some keys only when all of them are asked for."""

    def __init__(self):
        self.asked = []
        self.barrier, self.keys = None, ()

    def expect(self, *keys):
        """Let requests for `keys` wait for each other."""
        self.keys, self.barrier = keys, threading.Barrier(len(keys))

    def __call__(self, operation, key):
        self.asked.append((operation, key))
        if key in self.keys:
            try:
                self.barrier.wait(20)
            except threading.BrokenBarrierError:
                raise StoreError(f"{key} came alone") from None


@pytest.fixture
def together():
    """The listener of `store`."""
    return Together()


@pytest.fixture
def store(together):
    """A store whose requests are watched."""
    return MemoryStore(together)


@pytest.fixture
def signed(store, clock, publish, keys):
    """A registry with a signed version that is live, and the keys that it trusts."""
    registry = Registry(store, clock)
    manifest = publish(registry)
    archive.add_signature(registry, manifest, trust.sign(manifest, LocalKey(keys[0])))
    registry.promote(Reference("mood", version=1), by="ada")
    return Registry(store, clock, trust=Trust.read(str(keys[1]))), manifest


def served(registry, tmp_path, **options):
    """Return the version that a service of this registry answers with."""
    options = {"cache": str(tmp_path / "cache"), **options}
    return ModelCache(registry, Settings(**options)).get(LIVE)


def keys_of(manifest):
    """Return the keys that a start needs beside the head."""
    files = manifest.files.values()
    return [
        layout.manifest("mood", 1), *(layout.blob(file.sha256) for file in files)
    ]  # fmt: skip


def test_a_start_takes_two_rounds(signed, together, tmp_path):
    """The head, and then manifest, signature and all files at once."""
    registry, manifest = signed
    signature = layout.signature("mood", 1, registry.trust.hints[0])
    needed = [*keys_of(manifest), signature]
    together.asked.clear()
    together.expect(*needed)
    assert served(registry, tmp_path).manifest == manifest
    assert together.asked[0] == ("read", layout.head("mood"))
    assert sorted(key for _, key in together.asked[1:]) == sorted(needed)


def test_files_come_at_once_without_a_hint(signed, together, tmp_path):
    """As from a head of an earlier release: they follow the manifest, together."""
    registry, manifest = signed
    key = layout.head("mood")
    head = Entry.from_bytes(registry.store.objects[key], key)
    plain = {k: v for k, v in head.to_json().items() if k != "start_files"}
    registry.store.objects[key] = Entry.from_json(plain).to_bytes()
    together.expect(*keys_of(manifest)[1:])
    assert served(registry, tmp_path).manifest == manifest


@pytest.mark.parametrize("what", ["wrong", "missing", "large", "strange", "other"])
def test_a_wrong_hint_changes_no_answer(signed, tmp_path, what):
    """A hint that names too much, too little or nothing of the version is no error."""
    registry, manifest = signed
    right = manifest.start_files()
    wrong = {
        "wrong": {"0" * 64 + ".onnx": 5},
        "missing": {},
        "large": dict.fromkeys(right, 1 << 50),
        "strange": {"../../etc/passwd": 5, "": -1, "A" * 64: 0},
        "other": dict.fromkeys(right, 1),
    }[what]
    key = layout.head("mood")
    head = Entry.from_bytes(registry.store.objects[key], key)
    changed = {**head.to_json(), "start_files": {"live": wrong}}
    registry.store.objects[key] = Entry.from_json(changed).to_bytes()
    loaded = served(registry, tmp_path)
    assert loaded.manifest == manifest
    inside = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert all((tmp_path / "cache") in path.resolve().parents for path in inside)


def test_what_came_early_is_checked_as_ever(signed, tmp_path):
    """A changed file or manifest, and a foreign or a removed signature, are refused."""
    registry, manifest = signed
    objects = registry.store.objects
    blob = layout.blob(manifest.files["model.onnx"].sha256)
    signature = layout.signature("mood", 1, registry.trust.hints[0])
    for number, (key, data, error) in enumerate((
        (blob, objects[blob][:-1] + b"!", IntegrityError),
        (keys_of(manifest)[0], b"{}", IntegrityError),
        (signature, b"{}", UntrustedError),
        (signature, None, UntrustedError),
    )):  # fmt: skip
        good = objects.pop(key)
        if data is not None:
            objects[key] = data
        with pytest.raises(error):
            served(registry, tmp_path / str(number))
        objects[key] = good


def test_a_folder_is_read_in_turn(tmp_path, publish):
    """Threads save nothing where nobody waits."""
    registry = Registry(MemoryStore())
    registry.store.uri = "file:///somewhere"
    manifest = publish(registry)
    cache = Cache(tmp_path / "cache")
    version = Reference("mood", version=1)
    files = manifest.start_files()
    ahead = start_ahead(registry.store, cache, version, files=files, trust=None)
    assert ahead.path(manifest.files["model.onnx"], ".onnx") is None
    assert not (tmp_path / "cache").exists()


ALIASES = st.sampled_from(["live", "beta", "next"])


@given(
    st.lists(st.tuples(st.sampled_from([PROMOTE, GATE]), ALIASES, st.booleans())),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_hint_is_of_the_version_where_the_alias_stands(moves):
    """Whatever moved, by this release or by one that writes no hints."""
    entry = None
    for number, (action, alias, writes) in enumerate(moves, start=1):
        at = f"2026-11-29T00:00:{number % 60:02}Z"
        if action == GATE:
            change = Entry("mood", GATE, "ada", at, gate={})
        else:
            files = {alias: {f"{number:064x}.onnx": number}} if writes else None
            change = Entry(
                "mood", PROMOTE, "ada", at, alias=alias, after=number, start_files=files
            )
        entry = follow(entry, change)
        assert Entry.from_bytes(entry.to_bytes(), "it") == entry
        for name in entry.aliases:
            stands, files = entry.position(name)
            assert files in (None, {f"{stands:064x}.onnx": stands})
            if action != GATE and name == alias:
                assert (files is not None) == writes

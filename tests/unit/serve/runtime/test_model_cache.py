"""Which version serves, when aliases move and things break."""

import threading
import time
from dataclasses import dataclass, replace

import onnx
import pytest

from hotseat_registry import Reference, Registry, Variant, layout
from hotseat_registry.entry import RETIRE, Entry
from hotseat_registry.errors import (
    IntegrityError,
    NotFoundError,
    RegistryError,
    RetiredError,
    StoreError,
)
from hotseat_registry.stores.folder import FolderStore
from hotseat_registry.testing import MemoryStore
from hotseat_serve.runtime import alias_state
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings

LIVE = Reference("mood", alias="live")


@dataclass
class Seconds:
    """A monotonic clock that is moved by hand."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds():
    """The service's clock."""
    return Seconds()


@pytest.fixture
def models(registry, seconds, tmp_path):
    """A service's models that look again after ten seconds."""
    return made(registry, seconds, tmp_path)


def made(registry, seconds, tmp_path, jobs=None, **options):
    """Models without chance; looks are made at once, or put into `jobs`."""
    chosen = {"refresh_seconds": 10, "cache": str(tmp_path / "cache"), **options}
    return ModelCache(
        registry,
        Settings(**chosen),
        seconds,
        draw=lambda: 0.0,
        in_background=(lambda job: job()) if jobs is None else jobs.append,
    )


def moved(registry, publish, seconds, tmp_path):
    """Models that serve version 1 while version 2 is live, and their waiting looks."""
    jobs = []
    models = made(registry, seconds, tmp_path, jobs)
    publish(), publish(positive=0.8)
    promote(registry, 1)
    models.get(LIVE)
    promote(registry, 2)
    return models, jobs


def in_a_thread(job):
    threading.Thread(target=job, daemon=True).start()


def promote(registry, version):
    registry.promote(Reference("mood", version=version), by="ada")


def test_a_promote_is_noticed_after_the_refresh_time(
    models, registry, publish, seconds
):
    """The old version serves until the alias is looked up again, then the new one."""
    publish(positive=0.9), publish(positive=0.8)
    promote(registry, 1)
    assert models.get(LIVE).predict(["good"])[0]["probability"] == pytest.approx(0.9)
    promote(registry, 2)
    seconds.now = 9.9
    assert models.get(LIVE).manifest.version == 1
    seconds.now = 10.0
    assert models.get(LIVE).manifest.version == 2
    registry.rollback("mood", by="ada")
    seconds.now = 20.0
    assert models.get(LIVE).manifest.version == 1


def test_a_store_that_is_away_changes_nothing(publish, seconds, tmp_path, caplog):
    """While the registry cannot be reached, the last good version serves."""
    away = []

    def fail(_operation, _key):
        if away:
            raise StoreError("the bucket is away")

    registry = Registry(MemoryStore(fail))
    models = made(registry, seconds, tmp_path)
    publish(registry), publish(registry, positive=0.8)
    promote(registry, 1)
    assert models.get(LIVE).manifest.version == 1
    promote(registry, 2)
    away.append(True)
    seconds.now = 10
    assert models.get(LIVE).manifest.version == 1
    assert "mood#live stays on mood@1: the bucket is away" in caplog.text
    away.clear()
    seconds.now = 20
    assert models.get(LIVE).manifest.version == 2


def test_a_damaged_version_never_takes_over(models, registry, publish, seconds, caplog):
    """One flipped byte in the new version: the old one goes on serving."""
    publish()
    promote(registry, 1)
    assert models.get(LIVE).manifest.version == 1
    broken = publish(positive=0.8)
    key = layout.blob(broken.files["model.onnx"].sha256)
    data = bytearray(registry.store.objects[key])
    data[len(data) // 2] ^= 1
    registry.store.objects[key] = bytes(data)
    promote(registry, 2)
    seconds.now = 10
    assert models.get(LIVE).manifest.version == 1
    assert "do not match their digest" in caplog.text


def test_a_version_that_fails_its_golden_rows_never_takes_over(
    models, registry, bundle, seconds, caplog
):
    """A model that answers otherwise than measured does not serve."""
    manifest, files = bundle()
    registry.publish(manifest, files, by="ada")
    promote(registry, 1)
    assert models.get(LIVE).manifest.version == 1
    _, other = bundle(positive=0.6)
    registry.publish(manifest, {**files, "model.onnx": other["model.onnx"]}, by="ada")
    promote(registry, 2)
    seconds.now = 10
    assert models.get(LIVE).manifest.version == 1
    assert "mood@2: golden row 0 is 0.3 off" in caplog.text


def test_a_file_that_is_no_graph_is_refused(models, registry, bundle, tmp_path):
    """A file that ONNX Runtime cannot open is named, not served."""
    manifest, files = bundle()
    model = onnx.load(files["model.onnx"])
    model.graph.node[1].op_type = "NoSuchOperator"
    onnx.save(model, tmp_path / "model.onnx")
    files["model.onnx"] = tmp_path / "model.onnx"
    registry.publish(manifest, files, by="ada")
    with pytest.raises(IntegrityError, match="does not load"):
        models.get(Reference("mood", version=1))


def test_a_version_can_be_asked_by_number(models, publish):
    """A number answers whatever is live, or nothing is."""
    publish(positive=0.9), publish(positive=0.8)
    asked = [models.get(Reference("mood", version=n)) for n in (2, 1)]
    assert [loaded.manifest.version for loaded in asked] == [2, 1]


def test_the_default_is_the_only_live_model(
    models, registry, publish, seconds, tmp_path
):
    """Without a name there must be exactly one model that is live."""
    publish()
    with pytest.raises(
        RegistryError,
        match=r"no model of memory:// is live: hotseat model promote mood@1",
    ):
        models.default()
    promote(registry, 1)
    publish(model="other")
    seconds.now = 10  # as after any 404
    assert models.default() == "mood"
    registry.promote(Reference("other", version=1), by="ada")
    assert models.default() == "mood"
    later = ModelCache(registry, Settings(cache=str(tmp_path)))
    with pytest.raises(RegistryError, match=r"\(mood, other\).*HOTSEAT_DEFAULT_MODEL"):
        later.default()
    empty = ModelCache(Registry(MemoryStore()), Settings(cache=str(tmp_path)))
    with pytest.raises(RegistryError, match="holds no model: hotseat publish"):
        empty.default()


def test_threads_share_one_load(models, registry, publish, monkeypatch):
    """Many first requests at once fetch the version once."""
    publish()
    promote(registry, 1)
    fetched, fetch = [], registry.fetch
    monkeypatch.setattr(
        registry, "fetch", lambda *a, **more: fetched.append(a) or fetch(*a, **more)
    )
    threads = [threading.Thread(target=models.get, args=(LIVE,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(fetched) == 1


def test_between_refreshes_the_registry_is_not_asked(publish, seconds, tmp_path):
    """A request that comes within the refresh time costs the store nothing."""
    asked = []
    registry = Registry(MemoryStore(lambda *what: asked.append(what)))
    models = made(registry, seconds, tmp_path)
    publish(registry)
    promote(registry, 1)
    models.get(Reference.of(models.default()))
    asked.clear()
    for now in (0.1, 9.9):
        seconds.now = now
        models.get(Reference.of(models.default()))
    assert asked == []
    seconds.now = 10
    models.get(Reference.of(models.default()))
    assert asked == [("read", layout.head("mood"))]


def test_a_request_does_not_wait_for_the_look(registry, publish, seconds, tmp_path):
    """What served before answers while another thread looks; one look at a time."""
    models, jobs = moved(registry, publish, seconds, tmp_path)
    seconds.now = 10
    assert [models.get(LIVE).manifest.version for _ in range(3)] == [1, 1, 1]
    assert len(jobs) == 1
    jobs.pop()()
    assert models.get(LIVE).manifest.version == 2


def test_after_a_long_pause_the_request_waits_for_the_look(
    registry, publish, seconds, tmp_path
):
    """An alias that nobody asked for is looked up first, so no answer is hours old."""
    models, jobs = moved(registry, publish, seconds, tmp_path)
    models._in_background = in_a_thread
    seconds.now = 20
    assert models.get(LIVE).manifest.version == 2
    assert not jobs


def test_the_wait_for_a_look_ends_with_the_deadline(
    registry, publish, seconds, tmp_path
):
    """A look that hangs costs a request no more than it has; what serves answers."""
    models, jobs = moved(registry, publish, seconds, tmp_path)
    seconds.now = 20
    began = time.monotonic()
    assert models.get(LIVE, wait=0.05).manifest.version == 1
    assert 0.05 <= time.monotonic() - began < 5
    assert len(jobs) == 1


def test_whatever_a_look_raises_the_request_is_answered(
    registry, publish, seconds, tmp_path, monkeypatch
):
    """No error of a store, known or not, reaches whoever asks what serves."""
    publish()
    promote(registry, 1)
    models = made(registry, seconds, tmp_path)
    models.get(LIVE)
    for error in (StoreError("away"), ValueError("odd"), MemoryError(), KeyError("x")):

        def look(*_args, error=error, **_more):
            raise error

        monkeypatch.setattr(registry.ledger, "head", look)
        seconds.now += 30
        assert models.get(LIVE).manifest.version == 1


def test_a_retired_version_is_not_answered_by_its_number(
    registry, publish, seconds, tmp_path
):
    """Within the refresh time, though it is open."""
    publish(positive=0.9), publish(positive=0.8)
    promote(registry, 2)
    models = made(registry, seconds, tmp_path)
    first = Reference("mood", version=1)
    assert models.get(first).manifest.version == 1
    head = registry.ledger.head("mood")
    registry.ledger.change(
        head, Entry("mood", RETIRE, "gc", registry.time(), retired=(1,))
    )
    assert models.get(first).manifest.version == 1
    seconds.now = 10
    with pytest.raises(RetiredError):
        models.get(first)
    assert models.get(Reference("mood", version=2)).manifest.version == 2


def test_a_name_that_is_not_there_is_looked_up_once(publish, seconds, tmp_path):
    """Asked again and again, it costs the store one look in the refresh time."""
    asked = []
    registry = Registry(MemoryStore(lambda *what: asked.append(what)))
    models = made(registry, seconds, tmp_path)
    for reference in (
        Reference("nobody", alias="live"),
        Reference("nobody", version=3),
    ):
        for _ in range(3):
            with pytest.raises(NotFoundError):
                models.get(reference)
        before = len(asked)
        with pytest.raises(NotFoundError):
            models.get(reference)
        assert len(asked) == before
    seconds.now = 10
    publish(registry, model="nobody")
    registry.promote(Reference("nobody", version=1), by="ada")
    assert models.get(Reference("nobody", alias="live")).manifest.version == 1


def test_a_look_that_hangs_is_not_waited_for(registry, publish, seconds, tmp_path):
    """While a look hangs, what served goes on; after its time another one looks."""
    models, jobs = moved(registry, publish, seconds, tmp_path)
    seconds.now = 10
    models.get(LIVE)
    seconds.now = 19.9
    assert models.get(LIVE).manifest.version == 1
    seconds.now = 25
    models._in_background = in_a_thread
    assert models.get(LIVE).manifest.version == 2
    assert len(jobs) == 1


def test_a_look_that_ends_late_swaps_nothing_back(
    registry, publish, seconds, tmp_path, monkeypatch
):
    """It read the head before a roll back, and opened for long."""
    models, jobs = moved(registry, publish, seconds, tmp_path)
    seconds.now = 10
    models.get(LIVE)
    load = models._load
    # The inner look would wait for the outer one, which waits for it.
    monkeypatch.setattr(alias_state.Refresh, "wait", lambda *_: None)

    def slow(*asked, **more):
        found = load(*asked, **more)
        promote(registry, 1)
        seconds.now = 25
        models.get(LIVE)  # another look begins, and sees the version that serves
        jobs.pop()()
        return found

    models._load = slow
    jobs.pop()()
    assert models.get(LIVE).manifest.version == 1


def test_looks_are_spread_by_chance(registry, publish, seconds, tmp_path):
    """The time is shortened by up to a tenth, so functions do not look at once."""
    jobs = []
    models = made(registry, seconds, tmp_path, jobs)
    models._draw = lambda: 0.5
    publish()
    promote(registry, 1)
    models.get(LIVE)
    seconds.now = 9.49
    models.get(LIVE)
    assert not jobs
    seconds.now = 9.5
    models.get(LIVE)
    assert len(jobs) == 1


def test_a_version_that_does_not_open_is_tried_again_less_and_less_often(
    registry, bundle, seconds, tmp_path
):
    """The head is read at each look, the broken version fetched ever more seldom."""
    fetched = []
    manifest, files = bundle()
    registry.publish(manifest, files, by="ada")
    _, other = bundle(positive=0.6)
    registry.publish(manifest, {**files, "model.onnx": other["model.onnx"]}, by="ada")
    registry.publish(manifest, files, by="ada")
    promote(registry, 1)
    models = made(registry, seconds, tmp_path, refresh_seconds=1)
    models.notify = lambda name, fields: fetched.append((seconds.now, name, fields))
    models.get(LIVE)
    promote(registry, 2)
    for now in range(1, 40):
        seconds.now = now
        assert models.get(LIVE).manifest.version == 1
    assert [now for now, _, _ in fetched] == [1, 2, 4, 8, 16, 32]
    assert {name for _, name, _ in fetched} == {"registry_refused"}
    assert fetched[0][2]["serving"] == "mood@1"
    promote(registry, 3)
    seconds.now = 40
    assert models.get(LIVE).manifest.version == 3
    assert fetched[-1][1] == "version_changed"


def test_the_least_recently_used_version_leaves_memory(
    registry, publish, seconds, tmp_path
):
    """Within the budget all stay; one more, and who was asked longest ago goes."""
    for model in ("mood", "taste", "style"):
        publish(model=model)
        registry.promote(Reference(model, version=1), by="ada")
    one = registry.resolve(Reference("mood", version=1)).files["model.onnx"].size
    models = made(registry, seconds, tmp_path, memory_bytes=4 * one + 1)
    for now, model in enumerate(("mood", "taste", "mood", "style", "taste")):
        seconds.now = now
        models.get(Reference.of(model))
        seconds.now = now + 0.5
    assert sorted(models._loaded) == ["style@1", "taste@1"]
    assert models.get(Reference.of("mood")).predict(["good"])


def test_a_version_that_needs_too_much_memory_never_takes_over(
    registry, publish, bundle, seconds, tmp_path, caplog
):
    """Before anything is fetched it is refused by name, and the old one serves on."""
    publish()
    promote(registry, 1)
    manifest, files = bundle(positive=0.8)
    heavy = Variant("fp32", "model.onnx", {"memory_bytes": 10**9})
    registry.publish(replace(manifest, variants=(heavy,)), files, by="ada")
    models = made(registry, seconds, tmp_path, memory_bytes=10**6)
    told = []
    models.notify = lambda name, fields: told.append((name, fields["model"]))
    assert models.get(LIVE).manifest.version == 1
    promote(registry, 2)
    seconds.now = 10
    assert models.get(LIVE).manifest.version == 1
    assert "1,000,000,000 bytes of memory" in caplog.text
    assert told == [("registry_refused", "mood")]
    with pytest.raises(RegistryError, match="HOTSEAT_MEMORY_BYTES"):
        models.get(Reference("mood", version=2))


def test_a_static_deployment_never_looks_again(publish, seconds, tmp_path):
    """What lay in the image at the start is served, whatever anybody promotes."""
    registry = Registry(FolderStore(tmp_path / "image"))
    publish(registry), publish(registry, positive=0.8)
    promote(registry, 1)
    models = made(registry, seconds, tmp_path, static=True)
    models.get(LIVE)
    promote(registry, 2)
    seconds.now = 1e9
    assert models.get(LIVE).manifest.version == 1


def test_weights_beside_the_graph_are_mapped(registry, bundle, tmp_path, seconds):
    """A variant with external data finds its weights, whose names are digests."""
    manifest, files = bundle()
    model = onnx.load(files["model.onnx"])
    onnx.save(
        model,
        tmp_path / "big.onnx",
        save_as_external_data=True,
        location="big.onnx.data",
        size_threshold=0,
    )
    variant = Variant("fp32", "big.onnx", data=("big.onnx.data",), optimized=True)
    registry.publish(
        replace(manifest, variants=(variant,)),
        {
            "big.onnx": tmp_path / "big.onnx",
            "big.onnx.data": tmp_path / "big.onnx.data",
            "golden.json": files["golden.json"],
        },
        by="ada",
    )
    models = made(registry, seconds, tmp_path)
    for _ in range(2):  # the second time they lie together already
        loaded = models.get(Reference("mood", version=1))
        assert loaded.predict(["good"])[0]["label"] == "positive"
        models._loaded.clear()

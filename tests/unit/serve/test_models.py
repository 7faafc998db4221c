"""Which version serves, when aliases move and things break."""

import threading
from dataclasses import dataclass

import onnx
import pytest

from hotseat_registry import Reference, Registry, layout
from hotseat_registry.errors import IntegrityError, RegistryError, StoreError
from hotseat_registry.testing import MemoryStore
from hotseat_serve.models import Models
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
    return Models(
        registry, Settings(refresh_seconds=10, cache=str(tmp_path / "cache")), seconds
    )


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
    models = Models(
        registry, Settings(refresh_seconds=10, cache=str(tmp_path)), seconds
    )
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


def test_the_default_is_the_only_live_model(models, registry, publish, tmp_path):
    """Without a name there must be exactly one model that is live."""
    publish()
    with pytest.raises(RegistryError, match="0 models are live"):
        models.default()
    promote(registry, 1)
    publish(model="other")
    assert models.default() == "mood"
    registry.promote(Reference("other", version=1), by="ada")
    assert models.default() == "mood"
    later = Models(registry, Settings(cache=str(tmp_path)))
    with pytest.raises(RegistryError, match="HOTSEAT_DEFAULT_MODEL"):
        later.default()


def test_threads_share_one_load(models, registry, publish, monkeypatch):
    """Many first requests at once fetch the version once."""
    publish()
    promote(registry, 1)
    fetched, fetch = [], registry.fetch
    monkeypatch.setattr(registry, "fetch", lambda *a: fetched.append(a) or fetch(*a))
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
    models = Models(
        registry, Settings(refresh_seconds=10, cache=str(tmp_path)), seconds
    )
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

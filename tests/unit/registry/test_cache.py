"""Files of versions on this machine."""

import hashlib
import os
import shutil
import time

import pytest

from hotseat_registry import Reference, Registry, open_registry
from hotseat_registry.cache import Cache
from hotseat_registry.errors import StoreError
from hotseat_registry.manifest import File
from hotseat_registry.testing import MemoryStore


def put(cache, data):
    """Put bytes into the cache and return their path."""
    file = File(sha256=hashlib.sha256(data).hexdigest(), size=len(data))
    return file, cache.put(file, ".onnx", lambda into: into.write(data))


def test_what_is_put_is_there(tmp_path):
    """A file that was put is got, and one that was damaged is not."""
    cache = Cache(tmp_path)
    file, path = put(cache, b"abc")
    assert cache.get(file, ".onnx") == path
    path.write_bytes(b"abd")
    assert cache.get(file, ".onnx") is None


def test_wrong_bytes_are_not_kept(tmp_path):
    """Bytes that do not match their digest leave nothing behind."""
    file = File(sha256="0" * 64, size=3)
    with pytest.raises(ValueError, match="000"):
        Cache(tmp_path).put(file, ".onnx", lambda into: into.write(b"abc"))
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_the_least_recently_used_goes_first(tmp_path):
    """Over the limit, the oldest use goes, and never what was just put."""
    cache = Cache(tmp_path, limit=25)
    first, first_path = put(cache, b"1" * 10)
    _, second_path = put(cache, b"2" * 10)
    for age, path in ((50, first_path), (40, second_path)):
        os.utime(path, (time.time() - age,) * 2)
    assert cache.get(first, ".onnx")
    _, third_path = put(cache, b"3" * 10)
    assert first_path.exists()
    assert third_path.exists()
    assert not second_path.exists()
    _, large = put(cache, b"4" * 100)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [large]


def test_parts_of_the_dead_go(tmp_path):
    """What a killed download left is removed after an hour, a young part is not."""
    cache = Cache(tmp_path)
    (tmp_path / "ab").mkdir()
    old, young = tmp_path / "ab/.part-old", tmp_path / "ab/.part-young"
    for path in (old, young):
        path.write_bytes(b"x")
    os.utime(old, (time.time() - 7200,) * 2)
    put(cache, b"abc")
    assert (old.exists(), young.exists()) == (False, True)


def test_a_download_that_breaks_leaves_nothing(registry, publish, tmp_path):
    """A store that fails in mid-download leaves no file that counts."""
    manifest = publish()

    def broken(_key, into, _moved=None):
        into.write(b"half")
        raise StoreError("the line is cut")

    good, registry.store.download = registry.store.download, broken
    with pytest.raises(StoreError):
        registry.fetch(manifest, Cache(tmp_path / "cache"))
    assert [p for p in (tmp_path / "cache").rglob("*") if p.is_file()] == []
    registry.store.download = good
    assert registry.fetch(manifest, Cache(tmp_path / "cache"))


def test_a_manifest_is_read_once(publish, tmp_path):
    """With a cache, an alias is one read of the store and a number none."""
    reads = []
    store = MemoryStore(lambda _operation, key: reads.append(key))
    registry, cache = Registry(store), Cache(tmp_path)
    publish(registry)
    registry.promote(Reference("mood", version=1), by="ada")
    registry.resolve(Reference.parse("mood"), cache)
    reads.clear()
    for text, count in (("mood#live", 1), ("mood@1", 0)):
        assert registry.resolve(Reference.parse(text), cache).version == 1
        assert len(reads) == count
        reads.clear()
    for path in (tmp_path / "manifests").iterdir():
        path.write_bytes(path.read_bytes()[:-9])
    assert registry.resolve(Reference.parse("mood@1"), cache).version == 1
    assert reads == ["models/mood/versions/1.json"]


def test_a_folder_that_was_made_anew_is_read_anew(publish, tmp_path):
    """Of a registry that was removed and made again, no old version is served."""
    cache, folder = Cache(tmp_path / "cache"), tmp_path / "registry"
    for positive in (0.9, 0.8):
        registry = open_registry(f"file://{folder.as_posix()}")
        made = publish(registry, positive=positive)
        found = registry.resolve(Reference("mood", version=1), cache)
        assert found.files == made.files
        shutil.rmtree(folder)

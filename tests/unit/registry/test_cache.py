"""Files of versions on this machine."""

import errno
import hashlib
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import pytest

from hotseat_registry import Reference, Registry, cache, open_registry
from hotseat_registry.cache import MANIFESTS, TOGETHER, Bounded, Cache
from hotseat_registry.errors import IntegrityError, NoRoomError, StoreError
from hotseat_registry.manifest import File
from hotseat_registry.testing import MemoryStore


def put(cache, data):
    """Put bytes into the cache and return their path."""
    file = File(sha256=hashlib.sha256(data).hexdigest(), size=len(data))
    return file, cache.put(file, ".onnx", lambda into: into.write(data))


def test_what_is_put_is_there(tmp_path):
    """A file that was put is got, and one that was damaged is not."""
    here = Cache(tmp_path)
    file, path = put(here, b"abc")
    assert here.get(file, ".onnx") == path
    path.write_bytes(b"abd")
    assert here.get(file, ".onnx") is None


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


@pytest.mark.skipif(sys.platform == "win32", reason="folders there have no mode")
def test_a_private_cache_is_the_users_alone(tmp_path, caplog):
    """It is made so, or made so again; what others may have written is let go."""
    folder = tmp_path / "new" / "cache"
    assert Cache.private(folder).folder == folder
    assert folder.stat().st_mode & 0o777 == 0o700
    (folder / MANIFESTS).mkdir()
    (folder / MANIFESTS / "planted").write_bytes(b"{}")
    folder.chmod(0o750)
    assert Cache.private(folder).folder == folder
    assert (folder / MANIFESTS / "planted").exists()  # nobody else could write
    folder.chmod(0o777)
    assert Cache.private(folder).folder == folder
    assert folder.stat().st_mode & 0o777 == 0o700
    assert not (folder / MANIFESTS / "planted").exists()
    assert not caplog.records


@pytest.mark.skipif(sys.platform == "win32", reason="folders there have no owner")
@pytest.mark.parametrize("how", ["owner", "link", "file"])
def test_anothers_folder_is_not_used(tmp_path, caplog, monkeypatch, how):
    """A fresh temporary folder takes its place, and the log says so."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    cache._temporary_folder.cache_clear()
    folder = tmp_path / "cache"
    if how == "owner":
        folder.mkdir()
        uid = os.getuid()
        monkeypatch.setattr(os, "getuid", lambda: uid + 1)
    elif how == "link":
        (tmp_path / "theirs").mkdir()
        folder.symlink_to(tmp_path / "theirs")
    else:
        folder.touch()
    used = Cache.private(folder).folder
    assert used != folder
    assert used.name.startswith("hotseat-cache-")
    assert used.stat().st_mode & 0o777 == 0o700
    assert Cache.private(folder).folder == used
    assert f"{folder} is no cache" in caplog.text
    cache._temporary_folder.cache_clear()


def test_bytes_that_changed_since_they_were_hashed_are_noticed(tmp_path):
    """By `find` and `check`, of the same size and with the old time as well."""
    here = Cache(tmp_path)
    file = File(hashlib.sha256(b"good").hexdigest(), 4)
    path = here.put(file, ".onnx", lambda into: into.write(b"good"))
    assert here.find(file, ".onnx") == path
    here.check(path, file)
    before = path.stat()
    path.write_bytes(b"evil")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert here.find(file, ".onnx") is None
    assert here.find(file, ".onnx") is None  # hashed a second time, and as wrong
    with pytest.raises(IntegrityError, match="changed while it was opened"):
        here.check(path, file)
    other = path.with_name("other")
    other.write_bytes(b"good")
    other.replace(path)  # the same bytes again, in another file
    here.check(path, file)
    path.unlink()
    with pytest.raises(IntegrityError, match="cannot be read"):
        here.check(path, file)


def test_a_store_sends_no_more_than_was_said(tmp_path):
    """A download ends at the first byte too many, however much would come."""
    sent = []

    def endless(into):
        for _ in range(1_000):
            into.write(b"x" * 1_000)
            sent.append(1)

    with pytest.raises(IntegrityError, match="more than the 2500 bytes"):
        Cache(tmp_path).put(File("ab" * 32, 2_500), ".onnx", endless)
    assert len(sent) == 2
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_manifest_that_was_put_into_the_cache_is_not_believed(
    registry, publish, tmp_path
):
    """Of another version or model, or damaged: it is read from the store again."""
    registry.store.uri = "s3://bucket/models"
    publish(), publish(positive=0.8), publish(model="other")
    here = Cache(tmp_path / "cache")
    first = registry.resolve(Reference("mood", version=1), here)
    (kept,) = (tmp_path / "cache" / MANIFESTS).iterdir()
    for planted in (
        registry.resolve(Reference("mood", version=2)).to_bytes(),
        registry.resolve(Reference("other", version=1)).to_bytes(),
        b"", b"{}", first.to_bytes()[:-9], b"[" * 100_000,
    ):  # fmt: skip
        kept.write_bytes(planted)
        assert registry.resolve(Reference("mood", version=1), here) == first
        assert kept.read_bytes() == first.to_bytes()


def test_a_disk_without_room_keeps_no_manifest_and_answers(
    publish, tmp_path, monkeypatch, caplog
):
    """What cannot be kept is read again, and the log says so."""
    registry = Registry(MemoryStore())
    publish(registry)

    def full(_path, _data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    kept = Cache(tmp_path / "cache")
    assert registry.resolve(Reference("mood", version=1), kept).version == 1
    assert "a manifest is not kept: [Errno 28] No space left" in caplog.text
    monkeypatch.undo()
    assert list((tmp_path / "cache" / "manifests").iterdir()) == []


def test_room_is_made_before_the_download(tmp_path, monkeypatch):
    """Old files go first; a file that never has room is refused with the way out."""
    here = Cache(tmp_path, limit=1_000)
    old = [put(here, bytes([digit]) * 10)[1] for digit in range(3)]

    def free(_folder):
        return 40 - sum(path.stat().st_size for path in tmp_path.glob("??/*"))

    monkeypatch.setattr(cache, "_free", free)
    file = File(sha256="a" * 64, size=25)
    here.make_room([(file, ".onnx")])
    assert [path.exists() for path in old].count(True) == 1
    with pytest.raises(NoRoomError, match="ephemeral_storage_mb"):
        here.make_room([(File(sha256="b" * 64, size=41), ".onnx")])


def test_files_of_the_same_version_keep_their_room(tmp_path):
    """The room is counted for all of them together."""
    here = Cache(tmp_path, limit=25)
    first, first_path = put(here, b"1" * 10)
    _, other_path = put(here, b"2" * 10)
    second = File(sha256="a" * 64, size=15)
    here.make_room([(first, ".onnx"), (second, ".onnx")])
    assert (first_path.exists(), other_path.exists()) == (True, False)


def test_a_removed_file_leaves_no_link(tmp_path):
    """Weights that were linked beside their graph free their bytes as well."""
    here = Cache(tmp_path, limit=15)
    _, path = put(here, b"1" * 10)
    link = tmp_path / TOGETHER / "graph" / "weights"
    link.parent.mkdir(parents=True)
    os.link(path, link)
    put(here, b"2" * 10)
    assert not path.exists()
    assert not link.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_no_fault_of_the_store(tmp_path):
    """It is named as what it is, whatever the store makes of an OSError."""
    full = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115 (closed below)
    with full, pytest.raises(NoRoomError):
        Bounded(full, 10).write(b"abc")

    def write(_into):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(NoRoomError, match="is full"):
        Cache(tmp_path).put(File(sha256="a" * 64, size=1), ".onnx", write)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]

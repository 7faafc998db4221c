"""One suite over every store: what a registry promises wherever it lies."""

import io
import json
import threading
import uuid
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from hotseat_registry import Reference, Registry, layout
from hotseat_registry.audit import audit
from hotseat_registry.cache import Cache
from hotseat_registry.checksummed_json import read_checksummed, write_checksummed
from hotseat_registry.errors import (
    AliasMovedError,
    AliasNotFoundError,
    BadNameError,
    ConflictError,
    IntegrityError,
    ModelNotFoundError,
    NotFoundError,
    RefusedError,
    StoreError,
    VersionNotFoundError,
)
from hotseat_registry.stores import open_store, s3
from hotseat_registry.stores.folder import FolderStore
from hotseat_registry.stores.s3 import S3Store
from hotseat_registry.testing import MemoryStore


@pytest.fixture(params=["memory", "folder", "s3", "s3-socket"])
def store(request, tmp_path, aws):
    """Each store in turn, empty."""
    if request.param == "memory":
        yield MemoryStore()
    elif request.param == "folder":
        yield FolderStore(tmp_path / "registry")
    elif request.param == "s3-socket":
        aws.setenv("AWS_ENDPOINT_URL", request.getfixturevalue("moto_server"))
        bucket = f"b{uuid.uuid4().hex}"
        boto3.client("s3").create_bucket(Bucket=bucket)
        yield S3Store(f"s3://{bucket}/hotseat")
    else:
        with mock_aws():
            boto3.client("s3").create_bucket(Bucket="shared")
            yield S3Store("s3://shared/hotseat", one_at_a_time(s3.client()))


def one_at_a_time(client):
    """Let moto write as S3 does, where a condition and its write are one step."""
    put, lock = client.put_object, threading.Lock()

    def locked(**request):
        with lock:
            return put(**request)

    client.put_object = locked
    return client


@pytest.fixture
def registry(store, clock):
    """A registry over the store."""
    return Registry(store, clock)


def damage(store, key):
    """Flip one bit of an object, behind the store's back."""
    if isinstance(store, MemoryStore):
        data = bytearray(store.objects[key])
        data[len(data) // 2] ^= 1
        store.objects[key] = bytes(data)
    elif isinstance(store, FolderStore):
        path = store.root / key
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    else:
        s3 = boto3.client("s3")
        at = store._at(key)
        data = bytearray(s3.get_object(**at)["Body"].read())
        data[len(data) // 2] ^= 1
        s3.put_object(**at, Body=bytes(data))


def test_numbers_count_from_one(registry, publish):
    """Versions are numbered 1, 2, 3 within their model."""
    assert [publish().version for _ in range(3)] == [1, 2, 3]
    assert publish(model="other").version == 1
    assert registry.versions("mood") == [1, 2, 3]
    assert registry.models() == ["mood", "other"]


def test_a_version_comes_back_as_it_was_published(registry, publish, tmp_path):
    """Resolve and fetch give the manifest and the bytes that went in."""
    manifest = publish()
    again = registry.resolve(Reference("mood", version=1))
    assert again == manifest
    assert (again.published_by, again.published_at[:10]) == ("ada", "2026-11-23")
    paths = registry.fetch(again, Cache(tmp_path))
    assert set(paths) == {"model.onnx", "golden.json"}
    assert json.loads(paths["golden.json"].read_bytes())["rows"]
    assert paths["model.onnx"].stat().st_size == again.files["model.onnx"].size


def test_same_bytes_are_stored_once(registry, publish):
    """Two versions with the same files share their blobs."""
    publish()
    before = sorted(registry.store.list("blobs/"))
    publish()
    assert sorted(registry.store.list("blobs/")) == before


def test_an_alias_moves_and_the_ledger_says_who(registry, publish, clock):
    """Promote and roll back move the alias and leave one entry each."""
    publish(), publish()
    registry.promote(Reference("mood", version=1), by="ada")
    clock.sleep(60)
    registry.promote(Reference("mood", version=2), by="bob", because="slang")
    assert registry.resolve(Reference.parse("mood#live")).version == 2
    entry = registry.rollback("mood", by="ada", because="false alarms")
    assert (entry.before, entry.after, entry.action) == (2, 1, "rollback")
    assert registry.resolve(Reference.parse("mood")).version == 1
    moves = [(e.sequence, e.by, e.after) for e in registry.ledger.history("mood")]
    assert moves == [(1, "ada", 1), (2, "bob", 2), (3, "ada", 1)]


def test_other_aliases_are_free_names(registry, publish):
    """Each alias moves alone, and all are in one ledger."""
    publish(), publish()
    registry.promote(Reference("mood", version=1), by="ada")
    registry.promote(Reference("mood", version=2), "canary", by="ada")
    assert registry.aliases("mood") == {"live": 1, "canary": 2}
    registry.promote(Reference("mood", alias="canary"), by="ada")
    assert registry.aliases("mood") == {"live": 2, "canary": 2}


def test_an_unchanged_head_is_known_by_its_tag(registry, publish):
    """Looking again gives the same head until an alias moves."""
    publish(), publish()
    registry.promote(Reference("mood", version=1), by="ada")
    head = registry.ledger.head("mood")
    assert registry.ledger.head("mood", unless=head) is head
    registry.promote(Reference("mood", version=2), by="ada")
    assert registry.ledger.head("mood", unless=head).entry.after == 2


def test_the_loser_of_a_race_is_told_who_won(registry, publish, monkeypatch):
    """Of two that move an alias at once, one wins and the other learns by whom."""
    publish(), publish()
    registry.promote(Reference("mood", version=1), by="ada")
    write, raced = registry.store.write, []

    def late(key, data, *, replacing=None):
        if key == layout.head("mood") and not raced:
            raced.append(key)
            registry.promote(Reference("mood", version=2), by="bob")
        return write(key, data, replacing=replacing)

    monkeypatch.setattr(registry.store, "write", late)
    with pytest.raises(AliasMovedError, match="bob did promote mood#live to version 2"):
        registry.promote(Reference("mood", version=1), by="ada")
    assert [e.by for e in registry.ledger.history("mood")] == ["ada", "bob"]


def test_racing_publishers_leave_no_gap(store, bundle):
    """Several publish at once: every number once, and none is missing."""
    registry, made = Registry(store), []
    manifest, files = bundle()
    registry.publish(manifest, files, by="first")

    def publish():
        made.append(registry.publish(manifest, files, by="ada").version)

    threads = [threading.Thread(target=publish) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [2, 3, 4, 5, 6, 7] == registry.versions("mood")[1:]


@pytest.mark.parametrize("name", ["model.onnx", "golden.json"])
def test_a_flipped_bit_is_refused(registry, publish, tmp_path, name):
    """A damaged file is never handed out, and leaves nothing in the cache."""
    manifest = publish()
    damage(registry.store, layout.blob(manifest.files[name].sha256))
    with pytest.raises(IntegrityError, match=f"mood@1, {name}: its bytes"):
        registry.fetch(manifest, Cache(tmp_path))
    assert [
        f"mood@1, {name}: its bytes" in line for line in audit(registry).damage
    ] == [True]
    folder = tmp_path / manifest.files[name].sha256[:2]
    assert list(folder.iterdir()) == []


def test_a_damaged_cache_is_mended(registry, publish, tmp_path):
    """A file that was damaged after it was fetched is fetched again."""
    manifest = publish()
    path = registry.fetch(manifest, Cache(tmp_path))["model.onnx"]
    good = path.read_bytes()
    path.write_bytes(good[:-1])
    registry.fetch(manifest, Cache(tmp_path))
    assert path.read_bytes() == good


def test_a_damaged_manifest_or_head_is_refused(registry, publish):
    """A manifest or ledger that cannot be read says which object it is."""
    publish()
    registry.promote(Reference("mood", version=1), by="ada")
    for key in (layout.manifest("mood", 1), layout.head("mood")):
        stored = registry.store.read(key)
        registry.store.write(key, stored.data[:40], replacing=stored.tag)
    with pytest.raises(IntegrityError, match=r"versions/1\.json"):
        registry.resolve(Reference("mood", version=1))
    with pytest.raises(IntegrityError, match=r"head\.json"):
        registry.ledger.head("mood")


def moved(store, key, to):
    """Put the bytes of one object into the place of another."""
    data, there = store.read(key).data, store.read(to)
    store.write(to, data, replacing=there.tag)


def test_a_head_or_entry_of_another_is_refused(registry, publish):
    """An answer that belongs to another key is never believed, wherever it is read."""
    for model in ("mood", "other"):
        publish(model=model), publish(model=model)
        for number in (1, 2, 1):
            registry.promote(Reference(model, version=number), by="ada")
    moved(registry.store, layout.entry("other", 1), layout.entry("mood", 1))
    moved(registry.store, layout.entry("mood", 2), layout.entry("other", 1))
    for model, says in (("mood", "holds entry 1 of 'other'"),
                        ("other", "holds entry 2 of 'mood'")):  # fmt: skip
        for read in (
            registry.ledger.history,
            lambda model: registry.ledger.as_of(
                model, datetime.min.replace(tzinfo=UTC)
            ),
        ):
            with pytest.raises(IntegrityError, match=says):
                read(model)
    moved(registry.store, layout.head("other"), layout.head("mood"))
    for read in (
        lambda: registry.resolve(Reference.parse("mood#live")),
        lambda: registry.ledger.head("mood"),
        lambda: registry.ledger.retired("mood"),
        lambda: registry.gate("mood"),
        lambda: registry.rollback("mood", by="ada"),
        lambda: registry.promote(Reference("mood", version=1), by="ada"),
    ):
        with pytest.raises(IntegrityError, match="holds the ledger of 'other'"):
            read()


def test_an_edited_ledger_is_detected(registry, publish):
    """Changing who did it breaks the chain."""
    publish(), publish()
    for version in (1, 2):
        registry.promote(Reference("mood", version=version), by="ada")
    key = layout.entry("mood", 1)
    stored = registry.store.read(key)
    document = {**read_checksummed(stored.data, key), "by": "eve"}
    registry.store.write(key, write_checksummed(document), replacing=stored.tag)
    with pytest.raises(IntegrityError, match="does not follow"):
        registry.ledger.history("mood")


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("nobody", ModelNotFoundError, "no model 'nobody'"),
        ("nobody@1", ModelNotFoundError, "no model 'nobody'"),
        ("mood@9", VersionNotFoundError, r"no version 9 \(versions: 1\)"),
        ("mood#canary", AliasNotFoundError, r"aliases: none; versions: 1"),
    ],
)
def test_what_is_not_there_says_what_is(registry, publish, text, error, says):
    """An unknown model, version or alias is named, with what there is instead."""
    publish()
    for ask in (registry.resolve, lambda r: registry.promote(r, by="ada")):
        with pytest.raises(error, match=says):
            ask(Reference.parse(text))
    assert registry.aliases("mood") == {}


def test_nothing_to_roll_back_to(registry, publish):
    """The first version of an alias has nowhere to go back to, and stays."""
    publish()
    with pytest.raises(AliasNotFoundError):
        registry.rollback("mood", by="ada")
    registry.promote(Reference("mood", version=1), by="ada")
    with pytest.raises(RefusedError, match="it has moved 0 times"):
        registry.rollback("mood", by="ada")
    assert registry.aliases("mood") == {"live": 1}


def test_a_file_that_is_not_given_stops_the_publishing(registry, bundle):
    """A manifest that names a file nobody hands in is not published."""
    manifest, files = bundle()
    del files["golden.json"]
    with pytest.raises(IntegrityError, match=r"golden\.json"):
        registry.publish(manifest, files, by="ada")
    assert registry.versions("mood") == []


def test_a_name_cannot_leave_the_registry(registry):
    """A model's name is never a path."""
    with pytest.raises(BadNameError):
        registry.versions("../../etc")


@pytest.mark.parametrize(
    "key", ["../x", "a/../../x", "a//x", "/x", "a/./x", "a\\..\\x", "c:x", "."]
)
def test_a_key_cannot_leave_the_folder(tmp_path, key):
    """Keys may come from another store's list, where two dots are a name."""
    store = FolderStore(tmp_path / "registry")
    (tmp_path / "x").write_bytes(b"mine")
    for act in (
        lambda: store.read(key),
        lambda: store.write(key, b"theirs"),
        lambda: store.delete(key),
        lambda: store.upload(key, tmp_path / "x"),
        lambda: store.download(key, io.BytesIO()),
        lambda: list(store.list(key)),
        lambda: list(store.folders(key)),
    ):
        with pytest.raises(StoreError, match="no key of a folder"):
            act()
    assert (tmp_path / "x").read_bytes() == b"mine"
    assert list(tmp_path.rglob("*.tmp-*")) == []


def test_a_key_is_created_once(store):
    """Creating twice fails, swapping needs the right tag, and reads see the last."""
    tag = store.write("a/b.json", b"1")
    with pytest.raises(ConflictError):
        store.write("a/b.json", b"2")
    newer = store.write("a/b.json", b"3", replacing=tag)
    with pytest.raises(ConflictError):
        store.write("a/b.json", b"4", replacing=tag)
    assert store.read("a/b.json").data == b"3"
    assert store.read("a/b.json", unless=newer) is None
    with pytest.raises(ConflictError):
        store.write("a/c.json", b"5", replacing=tag)
    with pytest.raises(NotFoundError):
        store.read("a/c.json")
    assert list(store.list("a/")) == ["a/b.json"]


@pytest.mark.usefixtures("aws")
def test_a_missing_bucket_is_named():
    """A bucket that is not there is a store's error that names it."""
    with mock_aws():
        registry = Registry(open_store("s3://nowhere"))
        with pytest.raises(StoreError, match=r"s3://nowhere.*NoSuchBucket"):
            registry.versions("mood")


def test_a_folder_that_cannot_be_written_is_named(tmp_path, bundle):
    """A registry under a file cannot be written, and the error says so."""
    (tmp_path / "file").write_text("")
    registry = Registry(open_store(f"file://{tmp_path}/file/registry"))
    manifest, files = bundle()
    with pytest.raises(StoreError, match=r"file/registry.*Not a directory"):
        registry.publish(manifest, files, by="ada")


def test_a_relative_uri_is_a_folder_here(tmp_path, monkeypatch):
    """`file://.hotseat/registry` lies in the working folder."""
    monkeypatch.chdir(tmp_path)
    assert open_store("file://.hotseat/registry").root == tmp_path / ".hotseat/registry"
    assert open_store(str(tmp_path)).root == Path(tmp_path)
    with pytest.raises(StoreError, match="s3://bucket/prefix"):
        open_store("gs://bucket")

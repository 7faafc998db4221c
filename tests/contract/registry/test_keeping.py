"""Keeping house: gc, copy, export, import, audit, as_of, diff."""

import io
import json
import tarfile
from datetime import UTC, datetime, timedelta

import pytest

from hotseat import _cli
from hotseat_registry import (
    Reference,
    Registry,
    archive,
    layout,
    open_registry,
    parallel,
    trust,
)
from hotseat_registry.audit import audit
from hotseat_registry.cache import Cache
from hotseat_registry.checksummed_json import read_checksummed, write_checksummed
from hotseat_registry.diff import diff
from hotseat_registry.entry import RETIRE, Entry
from hotseat_registry.errors import (
    BadNameError,
    ConflictError,
    ExistsError,
    IntegrityError,
    RetiredError,
    StoreError,
)
from hotseat_registry.gc import collect_garbage
from hotseat_registry.testing import MemoryStore

DAYS = 24 * 3600


@pytest.fixture
def swept(registry, publish, clock):
    """Six versions, of which 1, 3 and 6 are still needed, 40 days later."""
    for n in range(1, 7):
        publish(positive=0.5 + n / 20)
    for number in (2, 1):
        registry.promote(Reference("mood", version=number), by="ada")
    registry.promote(Reference("mood", version=4), "canary", by="ada")
    registry.promote(Reference("mood", version=3), "canary", by="ada")
    clock.sleep(40 * DAYS)
    return registry


def test_gc_takes_what_nothing_needs(swept, clock):
    """Aliases, their recent past and the newest stay; blobs wait for the grace time."""
    plan = collect_garbage(swept, by="gc", dry_run=True)
    assert plan.retired == ("mood@2", "mood@4", "mood@5")
    assert swept.ledger.retired("mood") == ()
    done = collect_garbage(swept, by="gc")
    assert (done.retired, done.removed) == (plan.retired, ())
    assert set(plan.unnamed) == set(done.unnamed)
    clock.sleep(2 * DAYS)
    done = collect_garbage(swept, by="gc")
    assert (done.retired, len(done.removed)) == ((), 6)
    assert list(swept.store.list(layout.GARBAGE)) == []
    assert audit(swept).damage == ()
    assert swept.versions("mood") == [1, 2, 3, 4, 5, 6]
    with pytest.raises(RetiredError, match=r"mood@2 was retired"):
        swept.promote(Reference("mood", version=2), by="ada")


def test_retired_versions_are_listed_as_such(tmp_path, publish, monkeypatch, capsys):
    """`model versions` shows what gc took, and `history` says how much is older."""
    registry = open_registry(f"file://{tmp_path}/registry")
    monkeypatch.setenv("HOTSEAT_REGISTRY", registry.store.uri)
    for n in range(3):
        publish(registry, positive=0.6 + n / 10)
    for number in (1, 2, 1, 2):
        registry.promote(Reference("mood", version=number), by="ada")
    gone = Entry("mood", RETIRE, "gc", registry.time(), retired=(1,))
    registry.ledger.change(registry.ledger.head("mood"), gone)
    capsys.readouterr()
    assert _cli.main(["model", "versions", "mood", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [item["retired"] for item in listed] == [True, False, False]
    assert _cli.main(["model", "versions", "mood"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert ["retired" in line for line in lines] == [False, True, False, False]
    assert _cli.main(["model", "history", "mood", "--last", "2", "--json"]) == 0
    captured = capsys.readouterr()
    assert [item["sequence"] for item in json.loads(captured.out)] == [4, 5]
    assert "3 changes before these: --all" in captured.err
    assert _cli.main(["model", "history", "mood", "--all", "--json"]) == 0
    captured = capsys.readouterr()
    assert len(json.loads(captured.out)) == 5
    assert captured.err == ""


def test_gc_keeps_what_an_alias_pointed_to_lately(registry, publish, clock):
    """A version that was live within the days to keep is there to roll back to."""
    for n in range(3):
        publish(positive=0.6 + n / 10)
    clock.sleep(60 * DAYS)
    for number in (1, 2):
        registry.promote(Reference("mood", version=number), by="ada")
    clock.sleep(29 * DAYS)
    assert collect_garbage(registry, by="gc").retired == ()
    registry.rollback("mood", by="ada")
    clock.sleep(31 * DAYS)
    assert collect_garbage(registry, by="gc").retired == ("mood@2",)


def test_gc_leaves_shared_blobs(registry, publish, clock):
    """A blob that another version names stays, however old."""
    publish(), publish()
    registry.promote(Reference("mood", version=2), by="ada")
    clock.sleep(40 * DAYS)
    assert collect_garbage(registry, by="gc").retired == ("mood@1",)
    clock.sleep(2 * DAYS)
    assert collect_garbage(registry, by="gc").removed == ()
    assert audit(registry).damage == ()


def test_a_publisher_takes_a_blob_back(swept, publish, clock):
    """Publishing the bytes of a retired version again keeps them from going."""
    collect_garbage(swept, by="gc")
    clock.sleep(2 * DAYS)
    again = publish(positive=0.5 + 2 / 20)
    assert len(collect_garbage(swept, by="gc").removed) == 4
    assert audit(swept, Reference("mood", version=again.version)).damage == ()


def test_an_interrupted_removal_is_told_and_finished(
    swept, publish, clock, monkeypatch
):
    """Bytes that gc was just removing cannot be published until it is done."""
    monkeypatch.setattr(parallel, "THREADS", 1)  # so that one blob is in the middle
    collect_garbage(swept, by="gc")
    clock.sleep(2 * DAYS)

    def die(operation, key):
        if operation == "delete" and key.startswith(layout.BLOBS):
            raise StoreError("killed")

    swept.store.before = die
    with pytest.raises(StoreError):
        collect_garbage(swept, by="gc")
    swept.store.before = lambda *_: None
    dying = next(
        n for n in (2, 4, 5)
        for file in swept.resolve(Reference("mood", version=n)).files.values()
        if b"true" in swept.store.objects.get(layout.garbage(file.sha256), b"")
    )  # fmt: skip
    with pytest.raises(ConflictError, match="try again"):
        publish(positive=0.5 + dying / 20)
    clock.sleep(3601)
    # of the version's two files the publisher had taken one back
    assert len(collect_garbage(swept, by="gc").removed) == 5
    publish(positive=0.5 + dying / 20)
    assert audit(swept).damage == ()


def test_gc_does_nothing_when_it_does_not_understand(swept):
    """A manifest or ledger that cannot be read stops the sweep before anything goes."""
    key = layout.manifest("mood", 5)
    swept.store.objects[key] = b"{"
    before = dict(swept.store.objects)
    with pytest.raises(IntegrityError):
        collect_garbage(swept, by="gc")
    assert swept.store.objects == before


def test_copying_keeps_digests_and_signatures(registry, publish, tmp_path, keys):
    """A copy has the same files, evidence and signatures, and the next number there."""
    manifest = publish()
    signature = trust.sign(manifest, trust.LocalKey(keys[0]))
    archive.add_signature(registry, manifest, signature)
    prod = open_registry(f"file://{tmp_path}/prod")
    publish(prod, positive=0.6)
    copied = archive.copy(manifest, registry, prod, by="bob")
    assert (copied.version, copied.published_by) == (2, "bob")
    assert copied.content() == manifest.content()
    assert prod.signatures(copied) == [signature]
    assert audit(prod).damage == ()
    with pytest.raises(ExistsError, match="mood@2"):
        archive.copy(manifest, registry, prod, by="bob")


def test_export_and_import(registry, publish, tmp_path, keys):
    """One file carries a version, its signatures too, and is the same every time."""
    manifest = publish()
    archive.add_signature(
        registry, manifest, trust.sign(manifest, trust.LocalKey(keys[0]))
    )
    one, two = tmp_path / "1.tar", tmp_path / "2.tar"
    archive.write(manifest, registry, one)
    archive.write(manifest, registry, two)
    assert one.read_bytes() == two.read_bytes()
    target = Registry(MemoryStore())
    made = archive.read(one, target, by="bob")
    assert made.content() == manifest.content()
    assert target.signatures(made) == registry.signatures(manifest)
    assert target.fetch(made, Cache(tmp_path / "c"))


def tar(path, members):
    """Write a tar of names and bytes, as a stranger might."""
    with tarfile.open(path, "w") as file:
        for name, data in members.items():
            item = tarfile.TarInfo(name)
            if data is None:
                item.type, item.linkname = tarfile.SYMTYPE, "/etc/passwd"
                file.addfile(item)
            else:
                item.size = len(data)
                file.addfile(item, io.BytesIO(data))
    return path


def test_a_stranger_s_file_is_not_trusted(registry, publish, tmp_path):
    """Damaged, incomplete, linked or escaping contents are refused by name."""
    manifest = publish()
    archive.write(manifest, registry, tmp_path / "good.tar")
    with tarfile.open(tmp_path / "good.tar") as file:
        good = {m.name: file.extractfile(m).read() for m in file.getmembers()}
    golden = "files/golden.json"
    escaping = read_checksummed(good["manifest.json"], "manifest")
    escaping["files"]["../x.json"] = escaping["files"]["golden.json"]
    bad = {
        "flipped": ({**good, golden: good[golden][:-1] + b"!"}, "digest"),
        "missing": ({k: v for k, v in good.items() if k != golden}, "missing"),
        "linked": ({**good, golden: None}, "golden.json has 0 bytes"),
        "escaping": ({**good, "../../x": b"x"}, "does not name"),
        "no manifest": ({golden: b"x"}, "does not begin with manifest.json"),
        "named outside": (
            {**good, "manifest.json": write_checksummed(escaping)}, "no plain file"
        ),
        "more than it should": ({**good, "files/evil.json": b"x"}, "does not name"),
        "a signature elsewhere": ({**good, "signatures/../x.json": b"x"}, "not name"),
    }  # fmt: skip
    for name, (members, says) in bad.items():
        path = tar(tmp_path / f"{name}.tar", members)
        target = Registry(MemoryStore())
        with pytest.raises(IntegrityError, match=says):
            archive.read(path, target, by="eve")
        assert target.models() == []
    (tmp_path / "text.tar").write_text("no tar")
    with pytest.raises(IntegrityError, match="no exported version"):
        archive.read(tmp_path / "text.tar", Registry(MemoryStore()), by="eve")
    with pytest.raises(StoreError, match="cannot be written"):
        archive.write(manifest, registry, tmp_path / "none" / "x.tar")


def member(kind, **more):
    """Return a header of a tar's member that is no plain file."""
    item = tarfile.TarInfo("files/model.onnx")
    item.type = kind
    for name, value in more.items():
        setattr(item, name, value)
    return item


def test_only_regular_files_are_imported(registry, publish, tmp_path):
    """No link, device, folder, sparse or second member, wherever it points."""
    manifest = publish()
    archive.write(manifest, registry, tmp_path / "good.tar")
    with tarfile.open(tmp_path / "good.tar") as file:
        good = {m.name: file.extractfile(m).read() for m in file.getmembers()}
    size = manifest.files["model.onnx"].size
    heads = [
        member(tarfile.SYMTYPE, linkname="golden.json", size=size),
        member(tarfile.LNKTYPE, linkname="files/golden.json", size=size),
        member(tarfile.CHRTYPE, size=size),
        member(tarfile.DIRTYPE, size=size),
        member(tarfile.FIFOTYPE, size=size),
        member(tarfile.GNUTYPE_SPARSE, size=size),
    ]
    for number, head in enumerate(heads):
        path = tmp_path / f"{number}.tar"
        with tarfile.open(path, "w") as file:
            for name in ("manifest.json", "files/golden.json"):
                item = tarfile.TarInfo(name)
                item.size = len(good[name])
                file.addfile(item, io.BytesIO(good[name]))
            file.addfile(head, io.BytesIO(b"x" * size))
        target = Registry(MemoryStore())
        with pytest.raises(IntegrityError):
            archive.read(path, target, by="eve")
        assert target.models() == []
    twice = tmp_path / "twice.tar"
    with (
        tarfile.open(tmp_path / "good.tar") as source,
        tarfile.open(twice, "w") as file,
    ):
        for item in (*source.getmembers(), source.getmember("files/golden.json")):
            file.addfile(item, source.extractfile(item))
    with pytest.raises(IntegrityError, match=r"golden\.json twice"):
        archive.read(twice, Registry(MemoryStore()), by="eve")


def test_names_that_differ_by_case_alone_are_one_too_many(publish):
    """On a laptop's disk they would be one folder."""
    publish()
    with pytest.raises(BadNameError, match="differs from the model 'mood' by case"):
        publish(model="Mood")
    assert publish(model="Mood.2_x").reference == "Mood.2_x@1"


def test_aliases_that_differ_by_case_alone_are_one_too_many(registry, publish):
    """On a player's disk their notes would be one file."""
    publish(), publish(positive=0.8)
    registry.promote(Reference("mood", version=1), "Beta", by="ada")
    with pytest.raises(BadNameError, match="'beta' differs from the alias 'Beta'"):
        registry.promote(Reference("mood", version=2), "beta", by="ada")
    registry.promote(Reference("mood", version=2), "Beta", by="ada")
    assert registry.aliases("mood") == {"Beta": 2}


def test_strange_files_stop_nobody_and_are_reported(registry, publish):
    """A file manager's notes in the registry's folder are passed over, and named."""
    publish(), publish(positive=0.8)
    registry.promote(Reference("mood", version=1), by="ada")
    strange = [
        "models/mood/versions/.DS_Store", "models/mood/versions/1 (2).json",
        "models/mood/ledger/x.json", "blobs/.DS_Store", "models/Thumbs~/x.json",
    ]  # fmt: skip
    for key in strange:
        registry.store.write(key, b"{}")
    assert registry.versions("mood") == [1, 2]
    assert registry.models() == ["mood"]
    assert publish(positive=0.7).version == 3
    collect_garbage(registry, by="ada")
    damage = audit(registry).damage
    assert [line.partition(" is no manifest")[0] for line in damage] == [
        "models/mood/ledger/x.json", "models/mood/versions/.DS_Store",
        "models/mood/versions/1 (2).json",
    ]  # fmt: skip


def test_the_audit_reports_all_damage(registry, publish):
    """Every damaged object is named, not only the first."""
    publish(positive=0.6), publish(positive=0.7), publish(positive=0.8)
    for number in (1, 2):
        registry.promote(Reference("mood", version=number), by="ada")
    objects = registry.store.objects
    files = registry.resolve(Reference("mood", version=1)).files
    objects[layout.blob(files["model.onnx"].sha256)] = b"x"
    del objects[layout.blob(files["golden.json"].sha256)]
    objects[layout.manifest("mood", 2)] = b"{"
    first = layout.entry("mood", 1)
    objects[first] = write_checksummed(
        {**read_checksummed(objects[first], first), "by": "eve"}
    )
    damage = audit(registry).damage
    for says in (
        "mood@1, model.onnx: its bytes do not",
        "mood@1, golden.json: its bytes are missing",
        "versions/2.json cannot be read",
        "does not follow",
    ):
        assert sum(says in line for line in damage) == 1, says
    assert len(damage) == 4


def test_what_was_live_then(registry, publish, clock):
    """as_of answers for every moment, before the first entry too."""
    start = clock.now
    for n in range(5):
        publish(positive=0.6 + n / 20)
        clock.sleep(60)
        registry.promote(Reference("mood", version=n + 1), by="ada")
    for minutes in range(8):
        then = start + timedelta(minutes=minutes)
        live = min(minutes, 5)
        expected = {"live": live} if live else {}
        assert registry.ledger.as_of("mood", then) == expected
    assert registry.ledger.as_of("nobody", datetime.now(UTC)) == {}


def test_diff_shows_what_changed(registry, publish):
    """Signature, sizes and card are compared by name; what is the same is left out."""
    old, new = publish(), publish(word="excellent")
    changed = diff(old, new)
    assert "files.model.onnx.sha256" in changed
    assert not any(path.startswith(("signature", "card")) for path in changed)
    assert diff(old, registry.resolve(Reference("mood", version=1))) == {}


def test_keeping_house_by_command(tmp_path, publish, monkeypatch, capsys):
    """gc, copy, export, import, diff, gate and history --at, as they are typed."""
    registry = open_registry(f"file://{tmp_path}/registry")
    publish(registry), publish(registry, positive=0.8)
    monkeypatch.setenv("HOTSEAT_REGISTRY", registry.store.uri)
    prod = f"file://{tmp_path}/prod"
    (tmp_path / "gate.json").write_text('{"max_bytes": 1}')
    for command, code, says in (
        ("registry gc --dry-run", 0, "would retire 0 versions"),
        (f"registry copy mood@1 --to {prod} --dry-run", 0, "would copy mood@1"),
        (f"registry copy mood@1 --to {prod}", 0, "mood@1 -> mood@1 in file://"),
        (f"registry copy mood@1 --to {prod}", 1, "is the same"),
        (f"registry export mood@2 {tmp_path}/m.tar", 0, "mood@2 -> "),
        (f"registry import {tmp_path}/m.tar --registry {prod}", 0, "mood@2 in file://"),
        ("model diff mood@1 mood@2", 0, "files.model.onnx.sha256"),
        ("model promote mood@1", 0, "nowhere -> 1"),
        (f"model gate mood --set {tmp_path}/gate.json", 0, "the gate is set"),
        ("model gate mood", 0, '"max_bytes": 1'),
        ("model promote mood@2", 1, "does not pass the gate"),
        ("model promote mood@2 --dry-run", 1, "does not pass the gate"),
        ("model promote mood@2 --override tonight", 0, "1 -> 2"),
        ("model history mood", 0, "tonight"),
        ("model history mood --at 2099-01-01", 0, "2"),
        ("model history mood --at 1999-01-01 --json", 0, "{}"),
        (f"model gate mood --set {tmp_path}/none.json", 1, "is not a gate"),
        ("model sign mood@1 --key nowhere.pem", 1, "is no private key"),
    ):
        assert _cli.main(command.split()) == code, command
        captured = capsys.readouterr()
        assert says in captured.out + captured.err, command

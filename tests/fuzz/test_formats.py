"""Whatever a store, an archive or a signature holds: it is right, or it is refused.

Nothing but the registry's own errors leaves, nothing is written elsewhere, and what is
read is what the rules of its format say.
"""

import contextlib
import io
import json
import re
import tarfile
from datetime import UTC, datetime

import pytest
from fuzz.changes import WEIRD, changed, damaged, values
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from hotseat_registry import Reference, Registry, archive, layout, trust
from hotseat_registry.audit import audit
from hotseat_registry.cache import Cache
from hotseat_registry.checksummed_json import to_bytes, write_checksummed
from hotseat_registry.entry import Entry, follow
from hotseat_registry.errors import IntegrityError, RegistryError, UntrustedError
from hotseat_registry.gate import Gate
from hotseat_registry.gc import collect_garbage
from hotseat_registry.manifest import GRAPHS, Manifest
from hotseat_registry.testing import MemoryStore
from hotseat_serve.runtime import golden_rows

LIVE = Reference("mood", alias="live")
FIRST = Reference("mood", version=1)
COMMON = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def full(registry, publish, keys):
    """A registry with three versions, a signature, a gate, moves and a note."""
    for positive in (0.9, 0.8, 0.7):
        publish(positive=positive)
    manifest = registry.resolve(FIRST)
    archive.add_signature(
        registry, manifest, trust.sign(manifest, trust.LocalKey(keys[0]))
    )
    registry.set_gate("mood", Gate(floor=0.5), by="ada")
    for number in (1, 2, 1, 3):
        registry.promote(Reference("mood", version=number), by="ada", override="test")
    registry.rollback("mood", by="ada")
    registry.trust = trust.Trust.read(str(keys[1]))
    note = {"since": "2026-11-01T00:00:00+00:00", "deleting": False}
    registry.store.write(layout.garbage("0" * 64), to_bytes(note))
    return registry


def document(registry, key):
    """Return a sealed object without its seal."""
    found = json.loads(registry.store.objects[key])
    del found["seal"]
    return found


def resealed(given_document):
    """Seal a document; what cannot be sealed has a seal that is wrong."""
    try:
        return write_checksummed(given_document)
    except (UnicodeEncodeError, TypeError, ValueError):
        return json.dumps(given_document).encode()


@COMMON
@given(data=st.data())
def test_a_manifest_is_right_or_refused(full, data):
    """Names are plain and there, digests are digests; it is written as it was read."""
    base = document(full, layout.manifest("mood", 1))
    raw = resealed(data.draw(changed(base)))
    try:
        manifest = Manifest.from_bytes(raw, "it")
    except IntegrityError as error:
        said = str(error)
    else:
        said = ""
    assert len(said) < 1_000
    if said:
        return
    event("read")
    assert Manifest.from_bytes(manifest.to_bytes(), "it") == manifest or "nan" in str(
        manifest
    )
    manifest.content()
    for name, file in manifest.files.items():
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert type(file.size) is int
        assert file.size >= 0
        assert not set(name) & set("/\\:\0\n")
        assert name not in {"", ".", ".."}
    for variant in manifest.variants:
        assert variant.file.endswith(GRAPHS)
        assert not manifest.version or set(variant.files) <= set(manifest.files)


@COMMON
@given(data=st.data())
def test_an_entry_is_right_or_refused(full, data):
    """What is read can be followed, asked and written."""
    base = document(full, layout.head("mood"))
    try:
        entry = Entry.from_bytes(resealed(data.draw(changed(base))), "it")
    except IntegrityError as error:
        said = str(error)
    else:
        said = ""
    assert len(said) < 1_000
    if said:
        return
    event("read")
    change = Entry("mood", "promote", "ada", base["at"], alias="live", after=2)
    after = follow(entry, change)
    assert after.aliases["live"] == 2
    assert after.at >= entry.at
    assert set(Entry.from_bytes(after.to_bytes(), "it").retired) == set(entry.retired)


def ask_all(registry, folder):
    """Ask a registry all that can be asked, and change what can be changed."""
    cache = Cache(folder)
    acts = [
        registry.models,
        lambda: registry.versions("mood"),
        lambda: registry.aliases("mood"),
        lambda: registry.gate("mood"),
        lambda: registry.fetch(registry.resolve(LIVE, cache), cache),
        lambda: registry.check_trust(registry.resolve(FIRST, cache)),
        lambda: registry.signatures(registry.resolve(FIRST)),
        lambda: registry.ledger.history("mood"),
        lambda: registry.ledger.as_of("mood", datetime(2026, 11, 23, tzinfo=UTC)),
        lambda: registry.plan_rollback("mood", "live", 1),
        lambda: registry.rollback("mood", by="bob", steps=2),
        lambda: registry.promote(Reference("mood", version=1), by="bob"),
        lambda: collect_garbage(registry, by="bob", dry_run=True),
        lambda: collect_garbage(registry, by="bob"),
        lambda: audit(registry),
    ]
    for act in acts:
        with contextlib.suppress(RegistryError):
            act()


@COMMON
@given(data=st.data())
def test_a_store_that_holds_anything_raises_the_registrys_errors(full, data, tmp_path):
    """Each command answers or refuses, whichever object was changed, lost or added."""
    before = dict(full.store.objects)
    store = MemoryStore()
    store.objects.update(before)
    other = Registry(store, full.clock, trust=full.trust)
    key = data.draw(st.sampled_from(sorted(before)))
    match data.draw(st.sampled_from(["change", "change", "damage", "lose", "add"])):
        case "change" if key.endswith(".json"):
            value = data.draw(changed(json.loads(before[key])))
            if isinstance(value, dict):
                value.pop("seal", None)
                store.objects[key] = resealed(value)
        case "lose":
            del store.objects[key]
        case "add":
            folder, _, _ = key.rpartition("/")
            name = data.draw(st.sampled_from([w for w in WEIRD if isinstance(w, str)]))
            store.objects[f"{folder}/{name}"] = data.draw(st.binary(max_size=9))
            store.objects[f"{folder}/{name}.json"] = before[key]
            store.objects[f"models/{name}/head.json"] = before[key]
        case _:
            store.objects[key] = data.draw(damaged(before[key]))
    ask_all(other, tmp_path / "cache")


@COMMON
@given(data=st.data())
def test_a_signature_is_by_a_trusted_key_or_refused(full, keys, data):
    """What passes is the key's own word; anything else is untrusted, whatever it is."""
    manifest = full.resolve(FIRST)
    (signature,) = full.signatures(manifest)
    bundle = json.loads(signature)
    if data.draw(st.booleans()):
        raw = data.draw(damaged(signature))
    else:
        raw = json.dumps(data.draw(changed(bundle))).encode()
    try:
        hint = full.trust.check(manifest, [raw])
    except UntrustedError:
        return
    event("passed")
    assert hint == trust.hint(keys[1].read_bytes())
    same = ("payload", "payloadType")
    passed = json.loads(raw)["dsseEnvelope"]
    assert all(passed[name] == bundle["dsseEnvelope"][name] for name in same)


@COMMON
@given(value=values)
def test_a_statement_of_anything_is_no_signature(full, keys, value):
    """A trusted key may have signed something else: it vouches for no version."""
    key = trust.LocalKey(keys[0])
    manifest = full.resolve(FIRST)
    bundle = json.loads(trust.sign(manifest, key))
    payload = json.dumps(value).encode()
    pae = b"DSSEv1 28 application/vnd.in-toto+json %d %s" % (len(payload), payload)
    bundle["dsseEnvelope"] |= {
        "payload": trust.base64.b64encode(payload).decode(),
        "signatures": [{"sig": trust.base64.b64encode(key.sign(pae)).decode()}],
    }
    with pytest.raises(UntrustedError):
        full.trust.check(manifest, [json.dumps(bundle).encode()])


@COMMON
@given(data=st.data())
def test_golden_rows_are_answered_or_refused(data):
    """A file that says anything else than rows is refused by the version's name."""
    base = {
        "rows": [
            {"input": {"text": "a"}, "expected": {"scores": {"x": 0.5}, "label": "x"},
             "options": {"seed": 1}, "variants": ["fp32"]},
            {"input": {"text": "b"}, "expected": {"scores": {"x": 0.5}, "l": ["#"]}},
        ],
        "graph": [{
            "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2],
                        "data": [0, 1]}],
            "outputs": {"y": [1.0, 2.0]},
        }],
        "tolerance": {"fp32": 0.1},
    }  # fmt: skip
    if data.draw(st.booleans()):
        raw = data.draw(damaged(json.dumps(base).encode()))
    else:
        raw = json.dumps(data.draw(changed(base))).encode()
    answer = {"scores": {"x": 0.5}, "label": "x", "l": ["#"]}
    try:
        golden_rows.check(
            raw,
            "fp32",
            lambda inputs, _options: [answer] * len(inputs),
            lambda _tensors: {"y": [1.0, 2.0]},
            "mood@1",
        )
    except IntegrityError as error:
        said = str(error)
    else:
        said = "mood@1: golden rows are answered"
    assert said.startswith("mood@1: golden row")


@pytest.fixture
def exported(full, tmp_path):
    """A version in one file."""
    path = tmp_path / "export" / "mood.tar"
    path.parent.mkdir()
    archive.write(full.resolve(FIRST), full, path)
    return path.read_bytes()


names = st.sampled_from(
    ["manifest.json", "files/model.onnx", "files/golden.json", "signatures/ab.json",
     "../x", "/tmp/x", "files/../x", "files/", "files", ".", "", "files/model.onnx/x",
     "FILES/model.onnx", "x" * 300, "files/\udcff"]
)  # fmt: skip
kinds = st.sampled_from(
    [tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE,
     tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.CONTTYPE,
     tarfile.GNUTYPE_SPARSE]
)  # fmt: skip


@st.composite
def rewritten(draw, data):
    """The members of an archive in any order and number, some of them strangers."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        members = [(m, tar.extractfile(m).read()) for m in tar]
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        kept = draw(st.lists(st.sampled_from(members), max_size=5))
        for member, body in [*(members if draw(st.booleans()) else []), *kept]:
            item = tarfile.TarInfo(member.name)
            if draw(st.integers(0, 3)) == 0:
                item.name, item.type = draw(names), draw(kinds)
                item.linkname = draw(names)
            if draw(st.integers(0, 5)) == 0:
                item.pax_headers = {
                    draw(st.sampled_from(["path", "size", "linkpath", "GNU.sparse.name",
                                          "GNU.sparse.map", "GNU.sparse.major"])):
                    draw(st.sampled_from(["../x", "9" * 30, "-1", "0,1", "1", "x"]))
                }  # fmt: skip
            item.size = len(body)
            with contextlib.suppress(UnicodeEncodeError, ValueError):
                tar.addfile(item, io.BytesIO(body))
    return out.getvalue()


def everything(folder):
    """Return all that lies below a folder."""
    return {path.relative_to(folder) for path in folder.rglob("*")}


@COMMON
@given(data=st.data())
def test_an_archive_is_imported_whole_or_refused(full, exported, data, tmp_path):
    """A version arrives as it was exported; nothing is written beside the registry."""
    raw = data.draw(rewritten(exported) | damaged(exported))
    path = tmp_path / "import.tar"
    path.write_bytes(raw)
    before = everything(tmp_path)
    target = Registry(MemoryStore(), full.clock)
    try:
        made = archive.read(path, target, by="bob")
    except RegistryError:
        assert target.models() == []
    else:
        event("imported")
        assert made.content() == full.resolve(FIRST).content()
        target.fetch(made, Cache(tmp_path / "cache"))
    left = {p for p in everything(tmp_path) if p.parts[0] != "cache"}
    assert left == {p for p in before if p.parts[0] != "cache"}


@COMMON
@given(value=values)
def test_a_note_of_anything_stops_gc_and_nothing_else(full, value):
    """The sweep says which note it cannot read, or takes what may go."""
    key = layout.garbage("0" * 64)
    full.store.objects[key] = json.dumps(value).encode()
    with contextlib.suppress(RegistryError):
        collect_garbage(full, by="bob")
    assert full.resolve(FIRST)

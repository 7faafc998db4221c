"""Golden rows are checked once for the same bytes, release and kind of processor."""

import os
import shutil
import stat

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hotseat_registry import Reference
from hotseat_registry.cache import PASSED
from hotseat_registry.checksummed_json import read_checksummed, write_checksummed
from hotseat_serve.runtime import golden_record, golden_rows, loader
from hotseat_serve.settings import Settings

VERSION = Reference("mood", version=1)


@pytest.fixture
def checked(monkeypatch):
    """Whether each check so far was of the first row alone; rows of any time count."""
    monkeypatch.setattr(golden_record, "LEAST", 0.0)
    monkeypatch.setattr(golden_record, "machine", lambda: "this")
    found, check = [], golden_rows.check

    def watched(*given, first):
        found.append(first)
        return check(*given, first=first)

    monkeypatch.setattr(golden_rows, "check", watched)
    return found


@pytest.fixture
def options(tmp_path):
    """The settings of a service with a cache of its own."""
    return Settings(cache=str(tmp_path / "cache"))


def opened(registry, options, version=VERSION):
    """Open a version; return its answer to its word."""
    (answer,) = loader.load(registry, version, options).predict(["good"])
    return answer["label"]


def record(options):
    """Return the path of the only record."""
    (path,) = (options.cache_folder / PASSED).iterdir()
    return path


def test_a_second_start_checks_one_row(registry, publish, checked, options):
    """The answers stay, and the setting checks all rows again."""
    publish()
    first = opened(registry, options)
    assert opened(registry, options) == first
    assert checked == [False, True]
    always = Settings(cache=options.cache, recheck=True)
    assert opened(registry, always) == first
    assert checked == [False, True, False]


@pytest.mark.parametrize("what", ["machine", "code", "RUNTIME", "threads", "content"])
def test_another_state_is_checked_in_full(
    registry, publish, bundle, checked, options, monkeypatch, what
):
    """Another processor, release, runtime or manifest: the record does not hold."""
    manifest = publish()
    opened(registry, options)
    version = VERSION
    if what == "threads":
        options = Settings(cache=options.cache, threads=2)
    elif what == "content":
        _, files = bundle()
        files["golden.json"].write_text(files["golden.json"].read_text() + " ")
        other = registry.publish(manifest, files, by="ada")
        version = Reference("mood", version=other.version)
    else:
        other = "other" if what == "RUNTIME" else lambda: "other"
        monkeypatch.setattr(golden_record, what, other)
    opened(registry, options, version)
    opened(registry, options, version)
    assert checked == [False, False, True]


@pytest.mark.usefixtures("checked")
def test_a_record_does_not_let_a_damaged_file_pass(registry, publish, options):
    """Files are checked by their digests at each start, whatever the record says."""
    manifest = publish()
    opened(registry, options)
    sha256 = manifest.files["model.onnx"].sha256
    (path,) = options.cache_folder.glob(f"??/{sha256}.onnx")
    path.write_bytes(b"another graph")
    assert opened(registry, options) == "positive"
    assert path.read_bytes() != b"another graph"


@given(st.data())
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=20,
    deadline=None,
)
def test_a_damaged_record_is_none(registry, publish, checked, options, data):
    """Cut, changed anywhere, or of another version with a right checksum."""
    if not registry.models():
        publish()
    opened(registry, options)
    path = record(options)
    good = path.read_bytes()
    kind = data.draw(st.sampled_from(["cut", "changed", "other"]))
    at = data.draw(st.integers(0, len(good) - 2))
    if kind == "cut":
        bad = good[:at]
    elif kind == "changed":
        bad = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
    else:
        fields = read_checksummed(good, "it")
        name = data.draw(st.sampled_from(sorted(fields)))
        bad = write_checksummed({**fields, name: "other"})
    path.write_bytes(bad)
    checked.clear()
    opened(registry, options)
    assert checked == [False]
    assert path.read_bytes() == good


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="Windows has no such modes")
def test_a_record_that_others_could_write_is_none(registry, publish, checked, options):
    """As manifests without a digest: the folder is made private, and they go."""
    publish()
    opened(registry, options)
    folder = options.cache_folder
    folder.chmod(0o777)
    opened(registry, options)
    assert checked == [False, False]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_quick_rows_leave_no_record(registry, publish, options, monkeypatch):
    """To look for one would take as long as the rows."""
    monkeypatch.setattr(golden_record, "LEAST", 1e9)
    publish()
    opened(registry, options)
    assert not (options.cache_folder / PASSED).exists()


def test_without_a_known_processor_every_start_checks(
    registry, publish, options, monkeypatch, tmp_path
):
    """And with one, its kind is the same at each look."""
    monkeypatch.setattr(golden_record, "LEAST", 0.0)
    if golden_record._CPU.exists():
        assert golden_record.machine() == golden_record.machine()
    monkeypatch.setattr(golden_record, "_CPU", tmp_path / "none")
    publish()
    opened(registry, options)
    assert not list(options.cache_folder.glob(f"{PASSED}/*"))


def test_the_code_is_that_of_both_packages(tmp_path, monkeypatch):
    """A file that is added, removed or touched is another release."""
    package = tmp_path / "package"
    (package / "inner").mkdir(parents=True)
    (package / "inner/one.py").write_text("1")
    monkeypatch.setattr(golden_record.hotseat_serve, "__path__", [str(package)])
    names = [golden_record.code()]
    os.utime(package / "inner/one.py", (1, 1))
    names.append(golden_record.code())
    (package / "two.pyc").write_bytes(b"")
    names.append(golden_record.code())
    shutil.rmtree(package / "inner")
    names.append(golden_record.code())
    assert len(set(names)) == 4

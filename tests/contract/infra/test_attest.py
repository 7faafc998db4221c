"""What was built is attested in OMS form: the format's own tool verifies it."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

PLACE = Path(__file__).parents[3] / "infra/attest.py"


@pytest.fixture
def attest():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("attest", PLACE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def dist(tmp_path):
    """A folder as the build leaves it."""
    folder = tmp_path / "dist"
    folder.mkdir()
    (folder / "hotseat-1.whl").write_bytes(b"wheel")
    (folder / "sbom.json").write_text("{}")
    return folder


def verified(dist, public):
    """Whether model-signing accepts the folder."""
    command = [sys.executable, "-m", "model_signing", "verify", "key", dist,
               "--signature", dist / "attestation.json", "--public_key", public,
               "--ignore-paths", dist / "attestation.json"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, check=False)
    return done.returncode == 0


def test_the_formats_own_tool_verifies_it(attest, dist, keys):
    """All files and the provenance; a changed or an added file is refused."""
    assert attest.main(["--folder", str(dist), "--key", str(keys[0])]) == 0
    assert verified(dist, keys[1])
    (dist / "hotseat-1.whl").write_bytes(b"other")
    assert not verified(dist, keys[1])
    (dist / "hotseat-1.whl").write_bytes(b"wheel")
    (dist / "more").write_bytes(b"x")
    assert not verified(dist, keys[1])


def test_provenance_names_files_source_and_locks(attest, dist, keys):
    """A statement of SLSA's form."""
    assert attest.main(["--folder", str(dist), "--key", str(keys[0])]) == 0
    statement = json.loads((dist / "provenance.json").read_text())
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    assert {item["name"] for item in statement["subject"]} == {
        "hotseat-1.whl", "sbom.json"
    }  # fmt: skip
    definition = statement["predicate"]["buildDefinition"]
    uris = {item["uri"] for item in definition["resolvedDependencies"]}
    assert "functions/requirements.txt" in uris


def test_an_empty_folder_is_not_attested(attest, tmp_path, keys, capsys):
    """It says what to build first."""
    assert attest.main(["--folder", str(tmp_path / "d"), "--key", str(keys[0])]) == 1
    assert "build" in capsys.readouterr().err

"""The image's packages: locked for both architectures, and listed."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import simdjson
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from hotseat_registry import Reference
from hotseat_registry.bake import bake

ROOT = Path(__file__).parents[3]
LOCK = ROOT / "functions/requirements.txt"
LOCKED = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", LOCK.read_text(), re.MULTILINE))


@pytest.mark.parametrize("machine", ["aarch64", "x86_64"])
def test_the_lock_has_wheels_for_both_architectures(machine, tmp_path):
    """Each locked package has a wheel with a locked hash for Lambda's Python there."""
    dockerfile = (ROOT / "functions/Dockerfile").read_text()
    base = re.search(r"lambda/python:(3\.\d+)@sha256:", dockerfile)
    report = tmp_path / "report.json"
    # Amazon Linux 2023 has glibc 2.34
    platforms = [
        f"--platform={kind}_{machine}"
        for kind in ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17",
                     "manylinux2014")
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--no-deps",
         "--require-hashes", "--only-binary=:all:", f"--python-version={base[1]}",
         *platforms, f"--target={tmp_path}", f"--report={report}", "-r", LOCK],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    packages = json.loads(report.read_text())["install"]
    names = {f["metadata"]["name"].lower().replace("_", "-") for f in packages}
    assert names == set(LOCKED)
    wheels = [f["download_info"]["url"].rpartition("/")[2] for f in packages]
    built = [w for w in wheels if not w.endswith("-any.whl")]
    assert any(w.startswith("onnxruntime-") for w in built)
    assert all(machine in wheel for wheel in built)


def test_the_bill_of_materials_is_valid_and_complete(registry, publish, tmp_path):
    """It is valid CycloneDX and lists every locked package and the model."""
    publish()
    manifest = bake(registry, Reference("mood", version=1), tmp_path / "mood", by="ada")
    text = listed("--baked", tmp_path / "mood", "--extra", "awslambdaric==4.2.2")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill = json.loads(text)
    *packages, model = bill["components"]
    assert {p["name"]: p["version"] for p in packages} == {
        **LOCKED, "awslambdaric": "4.2.2",
    }  # fmt: skip
    for package in (p for p in packages if p["name"] in LOCKED):
        (reference,) = package["externalReferences"]
        assert reference["hashes"]
    assert (model["type"], model["name"]) == ("machine-learning-model", "mood")
    digests = {f["name"]: f["hashes"][0]["content"] for f in model["components"]}
    assert digests == {name: file.sha256 for name, file in manifest.files.items()}


def listed(*arguments):
    """Run the script that `make image` runs."""
    done = subprocess.run(
        [sys.executable, ROOT / "infra/sbom.py", *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_stripped_library_works(tmp_path):
    """It has no symbols or debugging data, is smaller, and is loaded as before."""
    (library,) = Path(simdjson.__file__).parents[1].glob("csimdjson*.so")
    copy = tmp_path / library.name
    copy.write_bytes(library.read_bytes())
    script = ROOT / "functions/strip_symbols.py"
    subprocess.run([sys.executable, script, copy], check=True)
    assert copy.stat().st_size < library.stat().st_size / 2
    subprocess.run([sys.executable, script, copy], check=True)  # again: the same
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import csimdjson;"
        f"assert csimdjson.__file__ == {str(copy)!r}, csimdjson.__file__;"
        "print(csimdjson.Parser().parse(b'[1, 2.5]').as_list())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[1, 2.5]\n"
    (tmp_path / "script.sh").write_text("#!/bin/sh")
    failed = subprocess.run(
        [sys.executable, script, tmp_path / "script.sh"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "no ELF file" in failed.stderr

"""The example application, from the wheel alone, as a studio would run it."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples/own-cdk-app"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The wheel's contents; they come before the checkout's on the path."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir",
         folder, ROOT],
        check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = folder.glob("*.whl")
    target = folder / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


@pytest.fixture(scope="module")
def synthesized(installed, tmp_path_factory):
    """A copy of the example, synthesized; its folder."""
    folder = tmp_path_factory.mktemp("studio") / "app"
    shutil.copytree(
        EXAMPLE, folder, ignore=shutil.ignore_patterns(".hotseat", "cdk.out")
    )
    done = subprocess.run(
        [sys.executable, "app.py"], cwd=folder, capture_output=True, text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(installed), "CDK_OUTDIR": "cdk.out",
             "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
             "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "18,20"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def test_the_wheel_has_what_an_image_is_built_of(installed, synthesized):
    """The same Dockerfile and requirements, and the packages of the wheel."""
    context = synthesized / ".hotseat/functions"
    for name in ("Dockerfile", "prune.sh", "requirements.txt"):
        ours = (ROOT / "functions" / name).read_bytes()
        assert (context / name).read_bytes() == ours, name
    for package in ("hotseat_registry", "hotseat_serve"):
        shipped = {
            p.relative_to(installed) for p in (installed / package).rglob("*.py")
        }
        copied = {p.relative_to(context) for p in (context / package).rglob("*.py")}
        assert copied == shipped
        assert copied
    copies = {
        line.split()[1]
        for line in (context / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line and "$" not in line
    }
    assert all((context / name).exists() for name in copies)


def test_the_example_synthesizes_with_the_studios_own_stack(synthesized):
    """Its function may call the model's alias, and the image is of its own folder."""
    out = synthesized / "cdk.out"
    stack = json.loads((out / "Matchmaker.template.json").read_text())
    text = json.dumps(stack)
    assert "lambda:InvokeFunction" in text
    assert (out / "Hotseat-dev-Service.template.json").is_file()
    assets = json.loads((out / "Hotseat-dev-Service.assets.json").read_text())
    (image,) = assets["dockerImages"].values()
    built = out / image["source"]["directory"]
    assert (built / "hotseat_serve/handler.py").is_file()
    assert (built / "baked/none").is_dir()

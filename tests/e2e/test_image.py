"""The image, really built, run read-only and without rights under AWS's emulator."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from emulator import CONTAINERS, Emulated

from hotseat_registry import Reference, open_registry
from hotseat_registry.bake import bake

ROOT = Path(__file__).parents[2]
NAME = "hotseat-test"
pytestmark = pytest.mark.skipif(
    shutil.which("podman") is None and "CI" not in os.environ,
    reason="podman is not installed: apt-get install podman buildah runc debootstrap",
)


def build(model, **more):
    """Build the image with what is baked under that name."""
    return subprocess.run(
        [ROOT / "infra/image.sh"],
        env={**os.environ, "BASE": "debian", "MODEL": model, "NAME": NAME,
             "PYTHON": sys.executable, **more},
        capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip


@pytest.fixture
def baked(publish, tmp_path):
    """Version 2 of mood, where the image is built."""
    registry = open_registry(f"file://{tmp_path}/registry")
    publish(registry), publish(registry, positive=0.8)
    folder = ROOT / "functions/baked/mood"
    shutil.rmtree(folder, ignore_errors=True)
    bake(registry, Reference("mood", version=2), folder, by="ada")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def image(baked):
    """A static image with that version inside; the lines that building printed."""
    done = build(baked.name)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


INSIDE = """
import json, os, shutil
from importlib.metadata import distributions
print(json.dumps({
    "uid": os.getuid(),
    "packages": {
        d.name.replace("_", "-"): d.version for d in distributions(path=["/var/task"])
    },
    "tools": [t for t in ("pip", "pip3", "gcc", "cc", "strip") if shutil.which(t)],
    "compiled": os.path.exists("/var/task/hotseat_serve/__pycache__"),
}))
"""


@pytest.fixture
def containers(tmp_path):
    """The environment in which podman runs a container here."""
    settings = tmp_path / "containers.conf"
    settings.write_text(CONTAINERS)
    return {**os.environ, "CONTAINERS_CONF": str(settings)}


def check_inside(containers):
    """Compiled, as nobody, without pip or compiler; the bill names what is there."""
    done = subprocess.run(
        ["podman", "run", "--rm", "--read-only", "--network", "host",
         "--entrypoint", "python3", NAME, "-c", INSIDE],
        env=containers, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    inside = json.loads(done.stdout)
    assert inside["uid"] == 993
    assert inside["compiled"]
    assert inside["tools"] == []
    bill = json.loads((ROOT / f"dist/{NAME}.cdx.json").read_text())
    listed = {c["name"]: c["version"] for c in bill["components"]}
    assert listed.pop("mood") == "2"
    # what the runtime client brings along, which Lambda's own base has already
    brought = {"simplejson", "snapshot-restore-py"} & set(inside["packages"])
    assert listed == {k: v for k, v in inside["packages"].items() if k not in brought}


def test_the_image_serves_the_version_inside_it(image, containers, tmp_path):
    """Small, read-only, as nobody, with no registry to ask: it answers as version 2."""
    assert int(image.rsplit(": ", 1)[1].split()[0]) < 125
    check_inside(containers)
    variables = {
        "HOTSEAT_REGISTRY": "file:///var/task/registry",
        "HOTSEAT_STATIC": "1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
    }
    handler = "hotseat_serve.handler.handler"
    function = Emulated(handler, tmp_path, variables, image=NAME)
    try:
        answer = function.ask({"text": "good"})
        assert (answer["label"], answer["version"]) == ("positive", 2)
        assert answer["probability"] == pytest.approx(0.8)
    finally:
        function.close()


def test_a_damaged_version_never_becomes_an_image(baked):
    """One byte that differs from its digest stops the build, and is named."""
    blob = next(path for path in baked.glob("blobs/sha256/*/*") if path.is_file())
    blob.chmod(0o644)
    blob.write_bytes(blob.read_bytes() + b" ")
    done = build(baked.name)
    assert done.returncode != 0
    assert blob.name[:12] in done.stderr


def test_a_studios_rules_and_further_packages_are_in_the_image(containers):
    """A wheel, tokenizers, image decoders, language models: all in the bill once."""
    folder = ROOT / "functions/packages/checkers"
    wheel = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder]
    try:
        subprocess.run([*wheel, ROOT / "examples/checkers"], check=True)
        done = build("none", PACKAGES="checkers", PREPROCESSING="1", TEXT="1")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert done.returncode == 0, done.stdout + done.stderr
    code = (
        "import PIL.Image, llguidance, tokenizers; from hotseat_serve import rules; "
        "print(len(rules.game('checkers').legal(rules.game('checkers').start())))"
    )
    ran = subprocess.run(
        ["podman", "run", "--rm", "--read-only", "--network", "host", "--workdir",
         "/var/task", "--entrypoint", "python3", NAME, "-c", code],
        env=containers, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (0, "7\n"), ran.stderr
    bill = json.loads((ROOT / f"dist/{NAME}.cdx.json").read_text())
    names = [component["name"] for component in bill["components"]]
    further = {"checkers-for-hotseat", "pillow", "llguidance", "tokenizers"}
    assert further <= set(names)
    assert len(names) == len(set(names))

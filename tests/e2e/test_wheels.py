"""The wheels, installed where nothing else is."""

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def build(project, into):
    """Build a wheel and return its path."""
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", into, project]
    subprocess.run(command, check=True, capture_output=True)
    return next(into.glob("*.whl"))


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """Both wheels, built from this checkout."""
    folders = [tmp_path_factory.mktemp(name) for name in ("sdk", "platform")]
    return build(ROOT / "sdk/python", folders[0]), build(ROOT, folders[1])


@pytest.fixture(scope="module")
def python(tmp_path_factory, wheels):
    """Python of a fresh environment that holds the SDK alone."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=True)
    path = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    subprocess.run([path, "-m", "pip", "install", "-q", wheels[0]], check=True)
    return path


def run(python, *arguments):
    """Run Python without this checkout on its path."""
    return subprocess.run(
        [python, "-I", *arguments], capture_output=True, text=True, check=False
    )


def test_the_sdk_brings_urllib3_only(python):
    """Installing hotseat installs hotseat and urllib3."""
    listed = json.loads(run(python, "-m", "pip", "list", "--format=json").stdout)
    names = {item["name"] for item in listed} - {"pip", "setuptools"}
    assert names == {"hotseat", "urllib3"}


def test_the_sdk_imports_fast(python):
    """`import hotseat` is little more work than its one dependency, best of five.

    Of work, because others may have the processor meanwhile.
    """

    def work(module):
        code = (
            f"import time; start = time.process_time(); import {module}; "
            "print(time.process_time() - start)"
        )
        return min(float(run(python, "-c", code).stdout) for _ in range(5))

    assert work("hotseat") < 1.5 * work("urllib3")


def test_the_sdks_command_names_the_pip_line(python):
    """Without the platform its verbs are known, and say what to install."""
    done = run(python, "-m", "hotseat._cli", "train", "sentiment")
    assert done.returncode == 1
    wheel = "hotseat_platform-0.1.0-py3-none-any.whl"
    assert f"pip install './{wheel}[train]'" in done.stderr
    assert (
        f"pip install './{wheel}[ops]'"
        in run(python, "-m", "hotseat._cli", "--help").stdout
    )


def test_the_platform_installs_beside_it(python, wheels):
    """The platform's wheel adds its verbs, and still no heavy library."""
    command = [python, "-m", "pip", "install", "-q", wheels[1]]
    subprocess.run(command, check=True)
    done = run(
        python, "-m", "hotseat._cli", "model", "versions", "--registry", "file://none"
    )
    assert "pip install 'hotseat-platform[ops]'" in done.stderr
    listed = run(python, "-m", "pip", "list").stdout
    assert "torch" not in listed
    code = "import hotseat_registry, hotseat_serve, hotseat_train, hotseat_infra"
    assert run(python, "-c", code).returncode == 0

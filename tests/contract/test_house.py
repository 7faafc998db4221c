"""The house: what import contracts and sizes promise."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

LINT = "from importlinter.cli import lint_imports_command as c; c()"
ROOT = Path(__file__).parents[2]


def lint_imports(folder):
    """Check the import contracts of a copy of the house."""
    return subprocess.run(
        [sys.executable, "-c", LINT, "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": ":".join(
            str(folder / part)
            for part in ("functions", "training", "infra", "sdk/python/src")
        )},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip


@pytest.fixture
def house(tmp_path):
    """A copy of the code to plant things in."""
    for part in ("functions", "training", "infra", "sdk/python/src"):
        shutil.copytree(ROOT / part, tmp_path / part)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_house_keeps_its_contracts(house):
    """As it stands, no import crosses a wall."""
    done = lint_imports(house)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "planted", "contract"),
    [
        (
            "functions/hotseat_serve/codec/game_json.py",
            "import torch",
            "import no training library",
        ),
        (
            "functions/hotseat_registry/names.py",
            "import hotseat_serve",
            "training and infra above",
        ),
        (
            "functions/hotseat_serve/codec/game_json.py",
            "from hotseat_serve.api import messages",
            "the service: from the handler",
        ),
        (
            "functions/hotseat_serve/runtime/model_cache.py",
            "from hotseat_serve.adapters import event_headers",
            "the service: from the handler",
        ),
        (
            "functions/hotseat_serve/settings.py",
            "from hotseat_serve import limits",
            "the service: from the handler",
        ),
        (
            "functions/hotseat_registry/stores/folder.py",
            "from hotseat_registry import registry",
            "the registry: from its commands",
        ),
        (
            "functions/hotseat_registry/ledger.py",
            "from hotseat_registry import manifest",
            "the registry: from its commands",
        ),
        (
            "infra/hotseat_infra/deployment/schema.py",
            "from hotseat_infra.deployment import rules",
            "infra's deployment file",
        ),
        (
            "infra/hotseat_infra/stacks/function.py",
            "from hotseat_infra.stacks import rest_api",
            "infra's stacks",
        ),
        (
            "infra/hotseat_infra/pricing/monthly_bill.py",
            "import hotseat_infra.check",
            "infra: from the command",
        ),
        (
            "training/hotseat_train/evaluation/pareto.py",
            "from hotseat_train import tasks",
            "training: from the command",
        ),
        (
            "training/hotseat_train/models/tables/ensemble.py",
            "from hotseat_train.evaluation import pareto",
            "training: from the command",
        ),
        (
            "training/hotseat_train/compression/quantize.py",
            "from hotseat_train.reports import charts",
            "training: from the command",
        ),
        (
            "training/hotseat_train/optim/plan.py",
            "from hotseat_train.pipeline import train",
            "training: from the command",
        ),
        (
            "training/hotseat_train/run.py",
            "import boto3",
            "only the S3 store imports boto3",
        ),
        (
            "functions/hotseat_serve/adapters/fastapi_app.py",
            "import onnxruntime",
            "only the session",
        ),
        (
            "sdk/python/src/hotseat/_types.py",
            "import numpy",
            "the SDK imports no other package of ours",
        ),
        (
            "sdk/python/src/hotseat/_device/offline_model.py",
            "import hotseat._core",
            "the SDK: from the clients",
        ),
        (
            "functions/hotseat_serve/adapters/fastapi_app.py",
            "import hotseat",
            "no package of ours",
        ),
    ],
)
def test_what_is_planted_is_found(house, module, planted, contract):
    """An import that a contract forbids breaks the lint, by the contract's name."""
    path = house / module
    path.write_text(f"{path.read_text()}\n{planted}\n")
    done = lint_imports(house)
    assert done.returncode != 0
    broken = done.stdout.partition("Broken contracts")[2]
    assert contract in broken


def test_the_image_needs_nothing_from_outside_its_folder(tmp_path):
    """With functions/ alone on the path the handler imports, and nothing heavy does."""
    code = (
        "import sys\nsys.path.insert(0, sys.argv[1])\n"
        "import hotseat_registry, hotseat_serve.handler\n"
        "heavy = {'torch', 'onnx', 'matplotlib', 'boto3', 'hotseat', 'fastapi',"
        "         'mangum', 'pydantic', 'cryptography', 'uvicorn', 'rich',\n"
        "         'hotseat_serve.api.downloads', 'tempfile', 'shutil', 'gzip'}\n"
        "heavy &= set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, ROOT / "functions"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_functions_dataclasses_are_the_quick_ones():
    """A start defines some fifty: the standard library's would take 30 ms more."""
    for path in (ROOT / "functions").rglob("*.py"):
        if path.name != "dataclass.py":
            found = re.search(r"^from dataclasses import.*\b(dataclass|field)\b",
                              path.read_text(), re.MULTILINE)  # fmt: skip
            assert not found, f"{path}: take it from hotseat_registry.dataclass"


def test_no_module_holds_two_nouns():
    """A module over 300 lines is a sign to look again; none has over 400."""
    rooms = ("functions", "training", "infra", "sdk/python/src")
    for room in rooms:
        for path in (ROOT / room).rglob("*.py"):
            assert len(path.read_text().splitlines()) <= 400, path

"""Clients that cannot live beside our own packages, each in an environment of its own.

`make clients` makes the environments in ``.venv/clients``.
"""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "clients"
CLIENTS = Path(sys.prefix) / "clients"


@pytest.mark.parametrize("name", ["kserve", "mlserver", "open_inference"])
def test_the_client_works_unmodified(oip, name):
    """Health, metadata, inference and errors, over a real socket."""
    python = CLIENTS / name / "bin/python"
    assert python.exists(), f"no {python}: make clients"
    done = subprocess.run(
        [python, HERE / f"{name}_client.py", f"http://{oip}"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

"""The stacks' whole life on one machine: deployed, called, updated, torn down."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from local_cloud.__main__ import PAGE, TRANSCRIPT

TESTS = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(
    shutil.which("docker-registry") is None and "CI" not in os.environ,
    reason="docker-registry is not installed: make deploy-local installs it",
)


@pytest.mark.slow
def test_a_deployment_lives_as_its_transcript_says():
    """Each step proves itself; what it tells is what the document shows."""
    subprocess.run(["bash", TESTS / "local_cloud/needs.sh"], check=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "local_cloud"],
        cwd=TESTS, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
    )  # fmt: skip
    try:
        told, wrong = process.communicate(timeout=900)
    finally:
        process.terminate()  # it ends what it started by itself
        process.wait(60)
    assert process.returncode == 0, told + wrong
    shown = TRANSCRIPT.search(PAGE.read_text("utf-8"))[0]
    assert told.strip() == shown.strip()

"""The CDK application, infra/app.py, as `cdk` runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

INFRA = Path(__file__).parents[3] / "infra"
GOOD = """
[stages.dev]
region = "eu-west-1"
alarm_email = "a@example.com"
unsigned = true
[stages.dev.models.mood]
"""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            GOOD + "memory_mb = 64",
            "models.mood.memory_mb: 64 is not between 128 and 10",
        ),
        (GOOD + 'mode = "static"\nversion = 1', "holds nothing, not mood@1"),
        (GOOD, "stages.dev.models.mood: no model 'mood' in file://"),
    ],
)
def test_a_mistake_stops_the_deploy(tmp_path, text, says):
    """The CDK application prints one line, exits with 1 and writes no template."""
    file = tmp_path / "deployment.toml"
    file.write_text(text)
    context = {
        "stage": "dev",
        "file": str(file),
        "registry": f"file://{tmp_path}/registry",
    }
    done = subprocess.run(
        [sys.executable, INFRA / "app.py"], cwd=tmp_path,
        env={**os.environ, "CDK_CONTEXT_JSON": json.dumps(context),
             "CDK_OUTDIR": str(tmp_path / "out"),
             "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
             "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "18,20"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert says in line
    assert not list(tmp_path.glob("out/*.template.json"))

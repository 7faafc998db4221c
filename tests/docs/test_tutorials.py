"""Each tutorial is run by a test."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TUTORIALS = sorted((ROOT / "docs/tutorials").glob("*.md"))
RUNNERS = {
    "own-chat.md": "tests/docs/test_training.py",
    "optimizers.md": "tests/docs/test_training.py",
    "own-game.md": "tests/e2e/test_checkers.py",
    "own-onnx.md": "tests/own_models.py",
    "own-table.md": "tests/docs/test_training.py",
}
SHELL = re.compile(
    r"^(<!-- not run: .+ -->\n)?```(bash|console|shell|sh)\n", re.MULTILINE
)


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.name)
def test_a_test_runs_the_tutorial(path):
    """A test reads the page; shell blocks have the fence that it runs, or a reason."""
    runner = ROOT / RUNNERS[path.name]
    assert path.name in runner.read_text("utf-8")
    for reason, fence in SHELL.findall(path.read_text("utf-8")):
        assert reason or fence == "sh"

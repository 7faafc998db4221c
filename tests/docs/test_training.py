"""What the guide for the ML engineer shows can be done as it stands."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from hotseat import _cli

GUIDE = Path(__file__).parents[2] / "docs/tutorials/own-table.md"
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)


@pytest.mark.slow
def test_every_command_of_the_guide_runs(tmp_path, monkeypatch, capsys):
    """From a made-up table to a page that compares versions, in the guide's order."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HOTSEAT_REGISTRY", raising=False)
    lines = list(
        map(shlex.split, _lines("".join(BLOCK.findall(GUIDE.read_text("utf-8")))))
    )
    assert {words[1] for words in lines if words[0] == "hotseat"} == {
        "inspect", "train", "evaluate", "predict", "publish", "compare", "tune",
        "quantize",
    }  # fmt: skip
    for words in lines:
        if words[0] == "python":
            command = [sys.executable, *words[1:]]
            subprocess.run(command, check=True, env=dict(os.environ))
            continue
        assert _cli.main(words[1:]) == 0, words
        assert capsys.readouterr().out
    page = (tmp_path / "players.html").read_text("utf-8")
    assert "players@1 fp32" in page
    assert page.count("<img") == 7  # a blend has no curve of its loss


@pytest.mark.slow
def test_the_tutorial_on_chat_runs(tmp_path, monkeypatch, capsys):
    """From lines of chat to a published version that sorts them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HOTSEAT_REGISTRY", raising=False)
    _run("own-chat.md")
    assert "published chat@1" in capsys.readouterr().out
    assert "toxic" in (tmp_path / "scored.csv").read_text("utf-8")


@pytest.mark.slow
def test_the_tutorial_on_optimizers_runs(tmp_path, monkeypatch, capsys):
    """Each command of the tutorial runs, and draws the picture that it names."""
    monkeypatch.chdir(tmp_path)
    tutorial = _run("optimizers.md")
    assert "accuracy" in capsys.readouterr().out
    for picture in re.findall(r"`(\S+\.png)`", tutorial):
        assert Path(picture).stat().st_size


def _run(name):
    """Run the commands of a tutorial in its order; return its text."""
    tutorial = (GUIDE.parent / name).read_text("utf-8")
    for line in _lines("".join(BLOCK.findall(tutorial))):
        words = shlex.split(line)
        if words[0] == "python":
            subprocess.run([sys.executable, *words[1:]], check=True)
        else:
            assert _cli.main(words[1:]) == 0, words
    return tutorial


def _lines(text):
    """Yield commands; one whose quotes stay open goes on in the next line."""
    held = ""
    for line in text.splitlines():
        held = f"{held}\n{line}" if held else line
        if held.count("'") % 2 == 0:
            yield held
            held = ""

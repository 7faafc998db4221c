"""What the documents say is true."""

import re
from pathlib import Path

import pytest

from hotseat._cli import catalogue

PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
ROOT = Path(__file__).parents[2]
GENERATED = {"cli.md", "errors.md", "settings.md"}  # by the site's hooks
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "*/README.md", "sdk/*/*.md")
    for path in ROOT.glob(pattern)
    if ".venv" not in path.parts
)


def test_the_two_commands_are_targets():
    """The README's first commands are targets of the Makefile."""
    makefile = (ROOT / "Makefile").read_text()
    readme = (ROOT / "README.md").read_text("utf-8")
    for target in re.findall(r"^make ([\w-]+)", readme, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    """Every relative link in a document is a file."""
    for link in re.findall(r"\]\(([^)#]+)\)", path.read_text("utf-8")):
        if not link.startswith("http") and Path(link).name not in GENERATED:
            assert (path.parent / link).exists(), link


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_verbs_that_are_shown_exist(path):
    """Every `hotseat VERB` in a document is a verb."""
    text = path.read_text("utf-8")
    commands = re.findall(r"^(?:\$ )?hotseat (\w.*)", text, re.MULTILINE)
    if path.name != "CHANGELOG.md":  # which names the spellings of its time
        commands += re.findall(r"`hotseat ([a-z][^`]*)`", text)
    for words in commands:
        assert catalogue.known(words.split()), words


def test_the_readmes_python_runs(monkeypatch):
    """The README's first program runs as it stands, against canned answers."""
    from hotseat import _client
    from hotseat.testing import FakeTransport

    canned = FakeTransport({"label": "positive", "scores": {"positive": 1.0}})
    monkeypatch.setattr(_client, "HttpTransport", lambda *_, **__: canned)
    blocks = [
        block
        for path in (ROOT / "README.md", ROOT / "sdk/python/README.md")
        for block in PYTHON.findall(path.read_text("utf-8"))
    ]
    assert len(blocks) == 3
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
    assert len(canned.requests) == 2

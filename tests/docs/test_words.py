"""The glossary's terms are in use, and banned words are not."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GLOSSARY = (ROOT / "docs/glossary.md").read_text("utf-8")
TERMS = re.findall(r"^\| \*\*(.+?)\*\*", GLOSSARY, re.MULTILINE)
PACKAGES = [
    ROOT / "functions/hotseat_registry",
    ROOT / "functions/hotseat_serve",
    ROOT / "training/hotseat_train",
    ROOT / "infra/hotseat_infra",
    ROOT / "sdk/python/src/hotseat",
]
BANNED_NAMES = {"told", "heard", "made", "worth", "asked", "said", "kept", "given"}
ALLOWED_NAMES = {
    "bounded_connection.py": {"connection_made"},  # the name in asyncio.Protocol
}
BANNED_PROSE = re.compile(
    r"\b(rooms?|doors?|vouch(es)?|strangers|pupils?|spoiled"
    r"|keeping house|leads? home)\b",
    re.IGNORECASE,
)
HISTORY = {"CHANGELOG.md", "adr"}  # a record keeps the words of its time


def _tracked(*patterns):
    command = ["git", "ls-files", *patterns]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for name in done.stdout.split() if (path := ROOT / name).exists()]


def test_every_term_of_the_glossary_is_in_use():
    """Each term occurs in the code or in another document."""
    text = " ".join(
        path.read_text("utf-8")
        for path in _tracked("*.py", "*.md", "*.ts", "*.gd", "*.cs")
        if path.name not in {"glossary.md", "CHANGELOG.md", Path(__file__).name}
    )
    flat = re.sub(r"[\W_]+", "", text.lower())
    unused = [term for term in TERMS if re.sub(r"[\W_]+", "", term.lower()) not in flat]
    assert unused == []


def test_the_glossary_is_sorted():
    """The terms stand in alphabetical order, each once."""
    assert sorted(set(TERMS), key=str.lower) == TERMS


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.name)
def test_public_names_have_no_banned_word(package):
    """No public function or class is named with a participle that hides its content."""
    found = []
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.ClassDef):
                continue
            words = set(re.sub(r"(?=[A-Z])", "_", node.name).lower().split("_"))
            allowed = node.name in ALLOWED_NAMES.get(path.name, set())
            if words & BANNED_NAMES and not node.name.startswith("_") and not allowed:
                found.append(f"{path.relative_to(ROOT)}: {node.name}")
    assert found == []


def test_documents_have_no_banned_word():
    """Documents use the field's words; the records of decisions keep theirs."""
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in _tracked("*.md")
        if path.name not in HISTORY and path.parent.name not in HISTORY
        for match in BANNED_PROSE.finditer(path.read_text("utf-8"))
    ]
    assert found == []

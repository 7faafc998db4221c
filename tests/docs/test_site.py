"""The documentation site, its tables and the architecture page."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = {
    "hotseat": ROOT / "sdk/python/src",
    "hotseat_registry": ROOT / "functions",
    "hotseat_serve": ROOT / "functions",
    "hotseat_train": ROOT / "training",
    "hotseat_infra": ROOT / "infra",
}
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "*/README.md", "sdk/*/*.md")
    for path in ROOT.glob(pattern)
    if ".venv" not in path.parts
)
ARCHITECTURE = (ROOT / "docs/explanation/architecture.md").read_text("utf-8")


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path):
    """MkDocs in strict mode builds every page, the generated ones included."""
    pytest.importorskip("mkdocs")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(tmp_path)]
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    command_page = (tmp_path / "reference/cli.html").read_text("utf-8")
    assert "hotseat model promote" in command_page
    assert "model_not_found" in (tmp_path / "reference/errors.html").read_text("utf-8")
    assert "HOTSEAT_TRUST" in (tmp_path / "reference/settings.html").read_text("utf-8")
    assert "predict" in (tmp_path / "reference/sdk.html").read_text("utf-8")


@pytest.mark.parametrize("path", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_tables_have_equal_rows(path):
    """Each row of a table has as many cells as its header."""
    text = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)
    columns = None
    for line in text.splitlines():
        if not line.lstrip().startswith("|"):
            columns = None
            continue
        assert line.rstrip().endswith("|"), line
        cells = len(re.findall(r"(?<!\\)\|", line)) - 1
        columns = columns or cells
        assert cells == columns, line


def test_modules_of_the_architecture_page_exist():
    """Every module, package and file that the page names is there."""
    names = set(re.findall(r"`(hotseat(?:_[a-z]+)?(?:\.\w+)*)`", ARCHITECTURE))
    groups = (
        "verbs",
        "tasks",
        "rules",
        "families",
        "playground_parts",
    )  # of entry points
    names -= {f"hotseat.{group}" for group in groups}
    assert len(names) > 60
    for name in names:
        path = SOURCES[name.split(".")[0]] / name.replace(".", "/")
        assert path.is_dir() or path.with_suffix(".py").exists(), name
    for file in re.findall(r"`([\w.-]+/[\w./-]+)`", ARCHITECTURE):
        assert (ROOT / file).exists(), file


def test_the_floor_plan_names_every_package():
    """Each package inside ours has a row on the page."""
    for root in SOURCES.items():
        for init in (root[1] / root[0]).glob("*/__init__.py"):
            name = f"{root[0]}.{init.parent.name}"
            if name != "hotseat._cli":
                assert f"`{name}`" in ARCHITECTURE, name


def test_walks_take_no_step_back():
    """In a walk no module appears twice."""
    walks = re.split(r"^### ", ARCHITECTURE, flags=re.MULTILINE)[1:]
    assert len(walks) == 6
    for walk in walks:
        steps = re.findall(r"^\d+\. `([\w./]+)`", walk, re.MULTILINE)
        assert len(steps) >= 6
        assert len(set(steps)) == len(steps)


def test_the_list_of_decisions_is_that_of_the_pages():
    """Each decision has a status and a date, and its row in the list."""
    listed = (ROOT / "docs/adr/README.md").read_text("utf-8")
    rows = re.findall(r"^\| \[.*", listed, re.MULTILINE)
    pages = sorted((ROOT / "docs/adr").glob("0*.md"))
    expected = []
    for page in pages:
        text = page.read_text("utf-8")
        title = text.partition("\n")[0].removeprefix("# ")
        status = re.search(
            r"^- Status: (proposed|accepted|deprecated|replaced)", text, re.MULTILINE
        )
        date = re.search(r"^- Date: (\d{4}-\d\d-\d\d)$", text, re.MULTILINE)
        assert status, page.name
        assert date, page.name
        number = page.name[:4]
        expected.append(
            f"| [{number}]({page.name}) | {title} | {status[1]} | {date[1]} |"
        )
    assert rows == expected


def test_public_functions_have_a_sentence():
    """The first paragraph of a public function's docstring ends with a mark."""
    for package, root in SOURCES.items():
        for path in (root / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                    first = (ast.get_docstring(node) or ".").split("\n\n")[0]
                    assert first.endswith((".", ":", "?")), f"{path}: {node.name}"

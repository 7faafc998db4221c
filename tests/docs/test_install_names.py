"""No document and no message installs a name that is neither ours nor a dependency."""

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = {"hotseat", "hotseat-platform"}
PAGE = "packages.md"
COMMAND = re.compile(
    r"\b(?:pip3?|npm|pnpm|yarn|npx|bun|luarocks)\s+(?:install|add|i|exec)\s+"
    r"((?:(?:'[^'\n]+'|\"[^\"\n]+\"|[\w@./~\[\],<>=!*+{}-]+)[ \t]*)+)"
)
WORD = re.compile(r"'[^']+'|\"[^\"]+\"|\S+")
# what Debian's pip, npm and LuaRocks take options for, whose next word is no name
WITH_VALUE = {"-c", "-r", "--find-links", "-t"}


def _tracked(*patterns):
    command = ["git", "ls-files", *patterns]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in done.stdout.split() if (ROOT / name).exists()]


def _name(requirement):
    return re.split(r"[\[<>=!~;@ ]", requirement.lstrip("@"))[0].lower()


def dependencies():
    """Return every name that a project file of ours declares or pins."""
    names = {"aws-cdk"}  # AWS's own command, which no project file declares
    for file in ("pyproject.toml", "sdk/python/pyproject.toml"):
        value = tomllib.loads((ROOT / file).read_text("utf-8"))
        lists = [value["project"]["dependencies"],
                 *value["project"].get("optional-dependencies", {}).values(),
                 *value.get("dependency-groups", {}).values()]  # fmt: skip
        names |= {_name(one) for group in lists for one in group}
    package = json.loads((ROOT / "sdk/typescript/package.json").read_text())
    names |= {*package["devDependencies"], *package["peerDependencies"]}
    names |= {_name(one) for one in re.findall(
        r"[\w-]+==[\w.]+", (ROOT / "Makefile").read_text())}  # fmt: skip
    return names


def installed(text):
    """Return what each install command in a text names, without options and paths."""
    found = []
    for command in COMMAND.finditer(text):
        is_value = False
        for word in WORD.findall(command[1]):
            bare = word.strip("'\"`.,:;)")
            if not bare:
                break  # the sentence goes on after the command
            is_path = "/" in word.strip("'\"").split("[")[0] or bare.endswith(
                (".whl", ".tgz", ".gz")
            )
            if not word.startswith("-") and not is_value and not is_path:
                found.append(bare)
            is_value = word in WITH_VALUE
            if not word.startswith(("-", "'", '"')) and word.endswith((")", ":", ";")):
                break  # the sentence goes on
    return found


def test_commands_are_read_as_a_shell_would():
    """Options, paths and the rest of a sentence are no names."""
    assert installed("run pip install -q -c file.txt 'a[b]>=1' ./dist/c.whl d==2") == [
        "a[b]>=1",
        "d==2",
    ]
    assert installed("npm install ./x.tgz onnxruntime-web") == ["onnxruntime-web"]
    assert installed("pip install './x-1.whl[train]'") == []
    assert installed("pip install 'a[b]', then restart") == ["a[b]"]


DOCUMENTS = _tracked("*.md")


@pytest.mark.parametrize(
    "path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT))
)
def test_documents_install_files_of_ours_and_names_of_dependencies(path):
    """Our own names stand for an installed package's extra, beside the page's link."""
    text = path.read_text("utf-8")
    known = dependencies()
    for requirement in installed(text):
        if _name(requirement) in OURS:
            assert "[" in requirement, f"{path}: {requirement}: name the built file"
            assert PAGE in text, f"{path}: link to reference/{PAGE}"
        elif path.name != "CHANGELOG.md" and "adr" not in path.parts:
            assert _name(requirement) in known, f"{path}: {requirement}"


@pytest.mark.parametrize("folder", ["sdk/python", "functions", "training", "infra"])
def test_messages_name_no_package_that_may_be_missing(folder):
    """A message names ours only where it is installed already, for its extra."""
    owner = "hotseat" if folder.startswith("sdk") else "hotseat-platform"
    known = dependencies()
    for path in _tracked(f"{folder}/*.py"):
        if path.name == "install_hint.py":  # which looks whether it is installed
            continue
        for requirement in installed(path.read_text("utf-8")):
            name = _name(requirement.replace("{", "").replace("}", ""))
            if name in OURS:
                assert (name, "[" in requirement) == (owner, True), f"{path}"
            else:
                assert name in known, f"{path}: {requirement}"


def test_the_page_names_the_versions_that_are_built():
    """Files and tags on the page are those of the SDKs' versions."""
    page = (ROOT / "docs/reference" / PAGE).read_text("utf-8")
    platform = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    source = (ROOT / "sdk/python/src/hotseat/_version.py").read_text()
    number = re.search(r'= "(.+?)"', source)[1]
    # one wheel's message names the other's file
    assert platform["project"]["version"] == number
    package = json.loads((ROOT / "sdk/typescript/package.json").read_text())
    for name, version in (("python", number), ("typescript", package["version"])):
        assert f"`{name}-{version}`" in page
    assert "**No registry has these packages yet.**" in page
    for path in DOCUMENTS:
        files = r"\bhotseat(?:_platform)?-(\d+\.\d+\.\d+)-py3"
        assert set(re.findall(files, path.read_text("utf-8"))) <= {number}, path

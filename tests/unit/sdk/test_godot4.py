"""The package for Godot 4, which no engine here runs: tested scripts, translated."""

import importlib.util
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from gdtoolkit.linter import lint_code
from gdtoolkit.parser import parser

GODOT = Path(__file__).parents[3] / "sdk/godot"
SPEC = importlib.util.spec_from_file_location("package", GODOT / "package.py")
packaging = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(packaging)
THREE, FOUR = (packaging.package(engine) for engine in (3, 4))
SCRIPTS = {
    name: content.decode("utf-8")
    for name, content in FOUR.items()
    if name.endswith(".gd")
}


def test_both_packages_hold_the_same_files():
    """What one engine gets the other gets, and no test is among it."""
    assert set(THREE) == set(FOUR)
    assert f"{packaging.ADDON}/client.gd" in FOUR
    assert not any("test" in name for name in FOUR)


@pytest.mark.parametrize(
    "name", [n for n in THREE if n.startswith(packaging.ADDON)], ids=lambda n: n[15:]
)
def test_a_shared_script_differs_in_one_class_name(name):
    """But for that name, the file is the one that Godot 3 was tested with."""
    if Path(name).name in packaging.PER_ENGINE:
        return
    old, new = (package[name].decode("utf-8") for package in (THREE, FOUR))
    assert new == re.sub(r"\bextends Reference\b", "extends RefCounted", old)


@pytest.mark.parametrize("name", sorted(packaging.PER_ENGINE))
def test_what_differs_offers_the_same(name):
    """The files that exist for each engine have the same functions."""
    three, four = (
        re.findall(
            r"^(?:static )?func .*",
            package[f"{packaging.ADDON}/{name}"].decode("utf-8"),
            re.MULTILINE,
        )
        for package in (THREE, FOUR)
    )
    assert three == four


@pytest.mark.parametrize("name", SCRIPTS, ids=lambda name: Path(name).name)
def test_godot_4_can_read_it(name):
    """The scripts are GDScript 4 by its parser, and its linter has nothing to say."""
    parser.parse(SCRIPTS[name])
    assert lint_code(SCRIPTS[name]) == []


@pytest.mark.parametrize("name", SCRIPTS, ids=lambda name: Path(name).name)
def test_words_that_only_godot_3_knows_are_not_used(name):
    """A parser takes any name: these are gone in Godot 4."""
    gone = (
        r"\b(yield|funcref|Pool\w+Array|to_utf8\b(?!_)|parse_json|to_json|OS\.get_ticks"
    )
    assert not re.search(
        gone + r"|TYPE_REAL|TYPE_RAW_ARRAY|Reference)\b", SCRIPTS[name]
    )


def test_the_archives_are_written_and_the_same_each_time(tmp_path):
    """`make godot-addons` writes one archive for each engine."""
    archives = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        subprocess.run([sys.executable, GODOT / "package.py", folder], check=True)
        archives.append((folder / "hotseat-godot4.zip").read_bytes())
    assert archives[0] == archives[1]
    with zipfile.ZipFile(tmp_path / "a/hotseat-godot4.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == FOUR

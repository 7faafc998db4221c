"""The addon for Godot 4, which no engine here runs: the twin of the tested one."""

import importlib.util
import re
from pathlib import Path

import pytest
from gdtoolkit.linter import lint_code
from gdtoolkit.parser import parser

GODOT = Path(__file__).parents[3] / "sdk/godot"
SCRIPTS = sorted((GODOT / "godot4").rglob("*.gd"))
SPEC = importlib.util.spec_from_file_location("translate", GODOT / "translate.py")
translate = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(translate)


@pytest.mark.parametrize("name", translate.shared())
def test_what_both_hold_is_the_same(name):
    """But for one class name, the file is the one that Godot 3 was tested with."""
    tested = (translate.FROM / name).read_text("utf-8")
    assert (translate.TO / name).read_text("utf-8") == translate.translated(tested)


def test_what_differs_offers_the_same():
    """By hand are the platform and the plugin alone, with the same functions."""
    assert {path.name for path in translate.TO.iterdir()} == (
        set(translate.shared()) | translate.BY_HAND
    )
    for name in translate.BY_HAND:
        three, four = (
            re.findall(
                r"^(?:static )?func .*",
                (folder / name).read_text("utf-8"),
                re.MULTILINE,
            )
            for folder in (translate.FROM, translate.TO)
        )
        assert three == four


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_godot_4_can_read_it(path):
    """The scripts are GDScript 4 by its parser, and its linter has nothing to say."""
    code = path.read_text("utf-8")
    parser.parse(code)
    assert lint_code(code) == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_words_that_only_godot_3_knows_are_not_used(path):
    """A parser takes any name: these are gone in Godot 4."""
    gone = (
        r"\b(yield|funcref|Pool\w+Array|to_utf8\b(?!_)|parse_json|to_json|OS\.get_ticks"
    )
    assert not re.search(
        gone + r"|TYPE_REAL|TYPE_RAW_ARRAY|Reference)\b", path.read_text()
    )

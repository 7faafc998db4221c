"""The Unity package as Unity takes it, and the contract's words in each engine."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

SDK = Path(__file__).parents[3] / "sdk"
UNITY = SDK / "unity"
SPEC = importlib.util.spec_from_file_location("metas", UNITY / "Tests~/metas.py")
metas = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(metas)
ERRORS = json.loads((SDK / "spec/errors.json").read_text())


def test_every_asset_has_its_identity():
    """Unity ignores a file that has none; none is left over, none is twice."""
    wanted = {Path(f"{path}.meta"): metas.meta(path) for path in metas.assets()}
    assert {path: path.read_text() for path in UNITY.rglob("*.meta")} == wanted
    guids = re.findall(r"^guid: (\w+)$", "".join(wanted.values()), re.MULTILINE)
    assert len(set(guids)) == len(guids) == len(wanted)


def test_the_manifests_say_the_same():
    """One version and one name in package.json, the project and the assembly."""
    package = json.loads((UNITY / "package.json").read_text())
    project = (UNITY / "Dotnet~/Hotseat.csproj").read_text()
    assembly = json.loads((UNITY / "Runtime/Hotseat.asmdef").read_text())
    assert f"<Version>{package['version']}</Version>" in project
    assert "<TargetFramework>netstandard2.0</TargetFramework>" in project
    assert "PackageReference" not in project
    assert (assembly["name"], assembly["references"]) == ("Hotseat", [])
    for sample in package["samples"]:
        assert list((UNITY / sample["path"]).glob("*.cs"))


@pytest.mark.parametrize("row", ERRORS, ids=lambda row: row["code"])
def test_each_error_of_the_contract_has_its_class(row):
    """The classes of errors.json exist in C# and in the addon for Godot."""
    parent = "HotseatError" if row["class"] == "StatusError" else "StatusError"
    assert re.search(
        rf"class {row['class']} : {parent}", text("unity/Runtime/Errors.cs")
    )
    # the script of which the package for Godot 4 is made as well
    classes = text("godot/godot3/addons/hotseat/error.gd")
    assert f'"{row["class"]}": "{parent}"' in classes


def text(name):
    return (SDK / name).read_text("utf-8")

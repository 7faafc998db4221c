"""Every line of the templates: a change of them is seen in a review, not on AWS.

`make snapshots` writes the files again; read their diff as what a deployment changes.
Digests of images and the ids that contain them are left out, as they follow the code.
"""

import difflib
import json
import os
import re
from pathlib import Path

import pytest
from local_cloud.update_rules import refusals

from hotseat_infra.stacks.feature_flags import FLAGS
from hotseat_infra.stacks.stage import add_stage, application

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent / "snapshots"
_BEFORE = {
    f"@aws-cdk/{name}": True
    for name in ("aws-iam:minimizePolicies", "aws-s3:serverAccessLogsUseBucketPolicy")
}
"""The flags of the first release."""
_OF_CODE = (
    (re.compile(r"(CurrentVersion[0-9A-F]{8})[0-9a-f]{32}"), r"\1DIGEST"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "DIGEST"),
)


def lines(template):
    """Return a template as lines without what follows the code alone."""
    text = json.dumps(template, indent=1, sort_keys=True)
    for form, instead in _OF_CODE:
        text = form.sub(instead, text)
    return text.splitlines()


@pytest.mark.parametrize("name", ["prod", "full", "http"])
def test_the_templates_are_those_of_the_snapshots(name, shipped, full, plain):
    """The stage prod of the file, one with every feature, one behind an HTTP API."""
    stage = {**shipped, "full": full, "http": plain}[name]
    for stack, template in (("registry", stage.registry), ("service", stage.service)):
        if name == "http" and stack == "registry":
            continue  # it is the one of full
        path = HERE / f"{name}-{stack}.json"
        now = lines(template.to_json())
        if os.environ.get("HOTSEAT_SNAPSHOTS") == "write":
            path.write_text("\n".join(now) + "\n", "utf-8")
        before = path.read_text("utf-8").splitlines()
        changed = "\n".join(difflib.unified_diff(before, now, lineterm="", n=2))
        assert not changed, f"{path.name} differs, make snapshots:\n{changed[:4000]}"


def test_the_command_and_the_tests_have_the_same_flags():
    """infra/cdk.json, which `cdk` reads, and the application's own list."""
    context = json.loads((ROOT / "infra/cdk.json").read_text())["context"]
    assert context == FLAGS


def test_the_flags_deploy_over_a_stage_without_them(tmp_path, everything, full):
    """Nothing is replaced but the API's deployment, which every change replaces."""
    app = application(str(tmp_path), flags=_BEFORE)
    stacks = add_stage(app, everything)
    app.synth()
    for stack, after in zip(stacks, (full.registry, full.service), strict=True):
        before = json.loads(
            (tmp_path / f"{stack.artifact_id}.template.json").read_text()
        )
        now = after.to_json()
        assert refusals(before, now) == []
        gone = before["Resources"].keys() - now["Resources"].keys()
        kinds = {before["Resources"][name]["Type"] for name in gone}
        assert kinds <= {"AWS::ApiGateway::Deployment"}


def test_the_cdk_command_is_locked():
    """One version in the lockfile, the one of the local cloud and of the drills."""
    lock = json.loads((ROOT / "infra/package-lock.json").read_text())
    (package,) = (p for n, p in lock["packages"].items() if n)
    assert package["version"] == "2.1148.1"
    assert package["integrity"].startswith("sha512-")
    from local_cloud import processes

    assert processes.CDK == ROOT / "infra/node_modules/.bin/cdk"

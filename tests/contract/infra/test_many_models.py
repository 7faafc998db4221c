"""A stage of 100 models: what CloudFormation, IAM and CloudWatch allow at most."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hotseat_infra.account_check import NESTED_STACK, function_id
from hotseat_infra.deployment import Model

INFRA = Path(__file__).parents[3] / "infra"
RESOURCES, TEMPLATE_BYTES, OUTPUTS = 500, 1_000_000, 200
"""Limits of one stack (docs.aws.amazon.com, "CloudFormation quotas")."""


@pytest.fixture(scope="module")
def many(shipped, synthesize, tmp_path_factory):
    """A stage of 100 models in five nested stacks, behind a REST API."""
    (stage,) = shipped["dev"].stages
    models = {
        f"model-with-a-long-name-{number}": Model(stack=f"group-{number // 20}")
        for number in range(100)
    }
    default = "model-with-a-long-name-0"
    folder = tmp_path_factory.mktemp("many")
    synthesize(folder, replace(stage, models=models, default_model=default))
    return {
        path.name: json.loads(path.read_text("utf-8"))
        for path in folder.glob("*.template.json")
    }


def test_a_hundred_models_fit_into_cloudformation(many):
    """Each stack holds at most 500 resources, 200 outputs and 1 MB."""
    assert len(many) == 7  # the registry's, the service's and five nested stacks
    for name, template in many.items():
        assert len(template["Resources"]) <= RESOURCES, name
        assert len(template.get("Outputs", {})) <= OUTPUTS, name
        assert len(json.dumps(template)) <= TEMPLATE_BYTES, name
    functions = [
        resource
        for template in many.values()
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Function"
    ]
    assert len(functions) == 100


def test_the_default_function_reads_all_models_within_iams_limits(many):
    """Policies of a role: 10,240 characters inline, 6,144 in each managed one."""
    sizes = {"AWS::IAM::Policy": [], "AWS::IAM::ManagedPolicy": []}
    for template in many.values():
        for name, resource in template["Resources"].items():
            if "modelwithalongname0R" in name and resource["Type"] in sizes:
                document = _written(resource["Properties"]["PolicyDocument"])
                size = len(json.dumps(document).replace(" ", ""))
                sizes[resource["Type"]].append(size)
    assert sum(sizes["AWS::IAM::Policy"]) < 10_240
    assert sizes["AWS::IAM::ManagedPolicy"]
    assert max(sizes["AWS::IAM::ManagedPolicy"]) < 6_144
    text = json.dumps(many)
    for number in range(100):
        assert f"/hotseat/models/model-with-a-long-name-{number}/*" in text


def _written(value):
    """Return a part of a policy with names of the greatest length for references."""
    if isinstance(value, list):
        return [_written(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "Fn::Join" in value:
        return "".join(_written(part) for part in value["Fn::Join"][1])
    if "Ref" in value:
        return "aws" if value["Ref"] == "AWS::Partition" else 63 * "b"
    if "Fn::GetAtt" in value:
        return 90 * "a"
    return {key: _written(item) for key, item in value.items()}


def test_each_stack_of_models_has_its_dashboard(many):
    """CloudWatch shows at most 100 alarms in a widget and 500 widgets in a board."""
    boards = [
        resource["Properties"]
        for template in many.values()
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::CloudWatch::Dashboard"
    ]
    assert {board["DashboardName"] for board in boards} == {
        "hotseat-dev", *(f"hotseat-dev-group-{n}" for n in range(5))
    }  # fmt: skip
    for board in boards:
        parts = board["DashboardBody"]
        body = parts if isinstance(parts, str) else "".join(
            part if isinstance(part, str) else "x" for part in parts["Fn::Join"][1]
        )  # fmt: skip
        widgets = json.loads(body)["widgets"]
        assert len(widgets) <= 500
        for widget in widgets:
            assert len(widget["properties"].get("alarms", [])) <= 100


def test_the_routes_wait_for_nothing_that_waits_for_them(many):
    """The API's deployment comes after the nested stacks, which do not need it."""
    (service,) = (t for n, t in many.items() if n.endswith("-Service.template.json"))
    resources = service["Resources"]
    nested = {n for n, r in resources.items() if r["Type"].endswith("::Stack")}
    (deployment,) = (
        r for r in resources.values() if r["Type"] == "AWS::ApiGateway::Deployment"
    )
    assert nested <= set(deployment["DependsOn"])
    # `hotseat deploy check --account` knows them by their ids
    found = {NESTED_STACK.match(name)[1] for name in nested}
    assert found == {f"group{number}" for number in range(5)}


def test_a_models_function_is_known_by_its_id(many):
    """`hotseat deploy check --account` finds the stack that a model is in."""
    pattern = function_id("model-with-a-long-name-7")
    found = [
        name
        for name, template in many.items()
        if any(pattern.fullmatch(resource) for resource in template["Resources"])
    ]
    assert len(found) == 1
    assert "group0" in found[0]


def test_a_full_stack_says_what_to_do(tmp_path):
    """CDK refuses 500 resources; the application names the key that helps."""
    models = "".join(f"[stages.dev.models.m{n}]\n" for n in range(24))
    file = tmp_path / "deployment.toml"
    file.write_text(
        '[stages.dev]\nregion = "eu-west-1"\nalarm_email = "a@example.com"\n'
        f'unsigned = true\ndefault_model = "m0"\n{models}'
    )
    context = {"stage": "dev", "file": str(file)}
    done = subprocess.run(
        [sys.executable, INFRA / "app.py"], cwd=tmp_path,
        env={**os.environ, "CDK_CONTEXT_JSON": json.dumps(context),
             "CDK_OUTDIR": str(tmp_path / "out")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "of 500: give new models of stages.dev a nested stack" in done.stderr

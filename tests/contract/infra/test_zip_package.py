"""The second lane: a zip file for Lambda's own Python, with SnapStart."""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from hotseat_infra import zip_package
from hotseat_infra.check import check_images
from hotseat_infra.deployment import DeploymentError, Model
from hotseat_infra.stacks.function_code import FOLDER
from hotseat_infra.stacks.stage import add_stage, application
from hotseat_registry import Reference
from hotseat_registry.bake import bake

FUNCTIONS = Path(__file__).parents[3] / "functions"
ASKS = """
import json, sys
from hotseat_serve.handler import handler
event = {"requestContext": {"stage": "", "requestId": "r"}, "httpMethod": "POST",
         "path": "/model-service", "headers": {"content-type": "application/json"},
         "body": '{"text": "good"}', "isBase64Encoded": False}
print(json.dumps(handler(event, None)))
"""


@pytest.fixture
def context(tmp_path):
    """A build context without the packages' bytes; the locks are empty."""
    folder = tmp_path / "functions"
    for name in ("hotseat_registry", "hotseat_serve", "trust", "baked/none"):
        (folder / name).mkdir(parents=True)
        (folder / name / "file.py").write_text("x = 1\n")
    (folder / "requirements.txt").write_text("")
    (folder / "prune.sh").write_text("exit 0\n")
    return folder


def note(context, name, model):
    """Write a zip folder as a build would leave it."""
    folder = zip_package.zip_folder(context, name)
    folder.mkdir(parents=True, exist_ok=True)
    described = zip_package.describe(context, name, model)
    fields = {key: getattr(described, key) for key in described.__slots__}
    (folder / zip_package.NOTE).write_text(json.dumps(fields))
    return folder


def test_a_zip_file_that_is_missing_stale_or_too_large_is_an_error(
    context, monkeypatch
):
    """Each with the command or the key that mends it."""
    model = Model(package="zip")

    def refusal(of=model):
        with pytest.raises(DeploymentError) as raised:
            zip_package.check(context, "mood", of, "here")
        return str(raised.value)

    assert "no zip file in" in refusal()
    assert "hotseat deploy zip mood" in refusal()
    folder = note(context, "mood", model)
    (folder / "more").write_bytes(b"x" * 1000)
    assert zip_package.check(context, "mood", model, "here") > 1000
    assert "of other machines" in refusal(replace(model, architecture="arm64"))
    (context / "hotseat_serve/file.py").write_text("x = 2\n")
    assert "of other code" in refusal()
    note(context, "mood", model)
    monkeypatch.setattr(zip_package, "LIMIT_BYTES", 1000)
    assert 'set package = "image"' in refusal()


def test_the_template_has_lambdas_own_python_and_a_snapshot(
    context, everything, tmp_path
):
    """The same handler, environment and alias; the other functions stay images."""
    churn = Model(package="zip", snapstart=True)
    models = {**everything.models, "churn": churn}
    stage = replace(everything, models=models)
    (note(context, "churn", churn) / "code.py").write_text("x = 1\n")
    app = application(str(tmp_path / "out"))
    app.node.set_context(FOLDER, str(context))
    (context / "Dockerfile").write_text("FROM scratch\n")
    _, service = add_stage(app, stage)
    app.synth()
    template = json.loads((tmp_path / "out" / service.template_file).read_text())
    functions = [
        r["Properties"]
        for r in template["Resources"].values()
        if r["Type"] == "AWS::Lambda::Function"
    ]
    (zipped,) = (f for f in functions if f.get("PackageType") != "Image")
    assert zipped["Handler"] == "hotseat_serve.handler.handler"
    assert zipped["Runtime"] == "python3.13"
    assert zipped["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    assert zipped["Environment"]["Variables"]["HOTSEAT_DEFAULT_MODEL"] == "churn"
    assert len(functions) == 4


@pytest.mark.slow
def test_a_zip_file_is_built_for_lambda_and_starts(registry, publish, tmp_path):
    """The locked requirements and a baked version; with Python 3.13 here, it runs."""
    folder = tmp_path / "functions"
    folder.mkdir()
    for name in ("hotseat_registry", "hotseat_serve", "requirements.txt", "prune.sh"):
        (folder / name).symlink_to(FUNCTIONS / name)
    (folder / "trust").mkdir()
    manifest = publish()
    bake(registry, Reference(manifest.model, version=manifest.version),
         folder / "baked" / manifest.model, by="ada")  # fmt: skip
    model = Model(mode="static", version=manifest.version, package="zip")
    target = zip_package.build(folder, manifest.model, model)
    size = zip_package.check(folder, manifest.model, model, "here")
    assert 50_000_000 < size < zip_package.LIMIT_BYTES
    assert (target / "registry/models" / manifest.model).is_dir()
    assert list(target.glob("onnxruntime/capi/*cpython-313-x86_64*.so"))
    assert not (target / "onnxruntime/quantization").exists()
    started = zip_package.start_milliseconds(target, model)
    if started is None:
        pytest.skip("built; not started, as there is no Python 3.13 here")
    assert zip_package.has_byte_code(target)
    python = zip_package.lambda_python()
    done = subprocess.run(
        [*python, "-c", ASKS], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(target),
             "HOTSEAT_REGISTRY": f"file://{target}/registry", "HOTSEAT_STATIC": "True",
             "HOTSEAT_DEFAULT_MODEL": manifest.model, "HOTSEAT_LOG": "False"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["statusCode"] == 200


def test_check_images_names_the_zip_file(context, everything):
    """A stage is checked before a deployment, as its baked versions are."""
    stage = replace(everything, models={"mood": Model(package="zip")}, default_model="")
    with pytest.raises(DeploymentError, match=r"prod\.models\.mood: no zip file"):
        check_images(replace(stage, trust=()), context)

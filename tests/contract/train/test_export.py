"""A version in a folder, plain or of MLflow, and back."""

import json
import os
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import convert_model_to_external_data

from hotseat._cli import main
from hotseat_registry import Reference, open_registry

WEIGHTS = np.arange(600, dtype=np.float32).reshape(3, 200) / 100
LABELS = ",".join(f"l{at}" for at in range(200))
ROWS = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)


def graph():
    return helper.make_model(
        helper.make_graph(
            [helper.make_node("MatMul", ["x", "w"], ["logits"])], "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 200])],
            [numpy_helper.from_array(WEIGHTS, "w")],
        ),
        opset_imports=[helper.make_opsetid("", 17)], ir_version=8,
    )  # fmt: skip


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """The registry of a published version with weights beside its graph."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOTSEAT_REGISTRY", f"file://{tmp_path.as_posix()}/registry")
    made = graph()
    convert_model_to_external_data(made, location="mood.data", size_threshold=0)
    onnx.save(made, "mood.onnx")
    assert run("publish", "mood.onnx", "--labels", LABELS) == 0
    return open_registry(f"file://{tmp_path.as_posix()}/registry")


def run(*words):
    return main([str(word) for word in words])


def told(manifest):
    """What stays of a manifest in another registry, but for its parent."""
    content = json.loads(manifest.content())
    content["lineage"].pop("parent")
    return content


@pytest.mark.parametrize("to", ["folder", "mlflow"])
def test_a_folder_becomes_the_same_version_again(registry, to, capsys):
    """No flag has to be repeated, nothing is measured anew."""
    assert run("model", "export", "mood@1", "--to", to) == 0
    assert "hotseat publish mood-1" in capsys.readouterr().out
    assert run("inspect", "mood-1") == 0
    assert "kind classification, labels l0" in capsys.readouterr().out
    assert run("publish", "mood-1") == 0
    assert run("publish", "mood-1", "--model", "temper") == 0
    first, second = (registry.resolve(Reference("mood", version=n)) for n in (1, 2))
    assert told(second) == told(first)
    assert registry.resolve(Reference("temper", version=1)).model == "temper"
    assert run("publish", "mood-1", "--model", "anew", "--kind", "tensor") == 0
    assert registry.resolve(Reference("anew", version=1)).kind == "tensor"


@pytest.mark.parametrize(
    ("name", "says"),
    [("mood.data", "changed after"), ("golden.json", "changed after"),
     ("hotseat.json", "hotseat.json"), ("model.onnx", "is missing")],
)  # fmt: skip
@pytest.mark.usefixtures("registry")
def test_a_folder_that_changed_is_refused(name, says, tmp_path, capsys):
    """Measurements of other files would be wrong."""
    run("model", "export", "mood@1", "--out", "out")
    path = tmp_path / "out" / name
    path.write_bytes(path.read_bytes()[:-3])
    if says == "is missing":
        path.unlink()
    assert run("publish", "out") == 1
    error = capsys.readouterr().err
    assert says in error
    assert "remove it to describe the graph anew" in error
    assert run("model", "export", "mood@1", "--out", "out") == 1
    assert "--out" in capsys.readouterr().err


def test_publish_prints_the_manifest_for_scripts(registry, capsys):
    """With --json alone on stdout; a dry run has no number."""
    capsys.readouterr()
    for number, more in ((0, ["--dry-run"]), (2, [])):
        assert run("publish", "mood.onnx", "--labels", LABELS, "--json", *more) == 0
        manifest = json.loads(capsys.readouterr().out)
        assert (manifest["model"], manifest["version"]) == ("mood", number)
    assert registry.versions("mood") == [1, 2]


MLFLOW = """
import json, sys
import mlflow, numpy as np
rows = np.array(json.load(open("rows.json")), np.float32)
model = mlflow.pyfunc.load_model("mood-1")
assert mlflow.onnx.load_model("mood-1").graph.output[0].name == "logits"
schema = model.metadata.get_input_schema().to_dict()
print(json.dumps([schema, model.predict({"x": rows})["logits"].tolist()]))
mlflow.set_tracking_uri("sqlite:///mlflow.db")
with mlflow.start_run():
    mlflow.onnx.log_model(mlflow.onnx.load_model("mood-1"), name="mood",
        registered_model_name="mood", pip_requirements=["onnxruntime"])
mlflow.MlflowClient().set_registered_model_alias("mood", "best", 1)
"""


@pytest.mark.slow
@pytest.mark.usefixtures("registry")
def test_mlflow_loads_the_folder_and_its_registry_is_a_source(tmp_path):
    """MLflow's own client, and its registry in SQLite."""
    run("model", "export", "mood@1", "--to", "mlflow")
    (tmp_path / "rows.json").write_text(json.dumps(ROWS.tolist()))
    env = {**os.environ, "MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"}
    done = subprocess.run([sys.executable, "-c", MLFLOW], env=env, check=False,
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr
    schema, logits = json.loads(done.stdout.splitlines()[0])
    np.testing.assert_allclose(logits, ROWS @ WEIGHTS, rtol=1e-5)
    assert schema == [{"name": "x", "type": "tensor",
                       "tensor-spec": {"dtype": "float32", "shape": [-1, 3]}}
                      ]  # fmt: skip
    command = [sys.executable, "-m", "hotseat._cli", "publish"]
    for uri in ("models:/mood/1", "models:/mood@best"):
        done = subprocess.run([*command, uri, "--labels", LABELS], env=env, check=False,
                              capture_output=True, text=True)  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "published mood@" in done.stdout
    done = subprocess.run([*command, "models:/nobody/1"], env=env, check=False,
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 1
    assert "models:/nobody/1 cannot be fetched" in done.stderr


@pytest.mark.usefixtures("registry")
def test_without_mlflows_client_the_extra_is_named(monkeypatch, capsys):
    """The way out is one command."""
    monkeypatch.setitem(sys.modules, "mlflow", None)
    assert run("publish", "models:/mood/1") == 1
    assert "pip install 'hotseat-platform[mlflow]'" in capsys.readouterr().err

"""A version as one file of plain steps: what is written, and what is refused."""

import dataclasses
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import onnx
import portable_vectors
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from hotseat._cli import main
from hotseat_registry import Input, Output, Signature
from hotseat_train import api
from hotseat_train.external.errors import SourceError
from hotseat_train.external.portable import document, trees
from hotseat_train.external.portable.graph import Graph

ROOT = Path(__file__).parents[3]


def near(found, wanted):
    """Compare two documents, numbers within the rounding of another CPU."""
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys()
        for key, value in wanted.items():
            near(found[key], value)
    elif isinstance(wanted, list):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            near(one, other)
    elif isinstance(wanted, float):
        assert found == pytest.approx(wanted, abs=1e-6)
    else:
        assert found == wanted


def test_the_vectors_are_what_python_answers():
    """If not: python tests/portable_vectors.py."""
    near(
        json.loads(json.dumps(portable_vectors.vectors())),
        json.loads(portable_vectors.FILE.read_text("utf-8")),
    )


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_short_numbers_are_the_same_in_32_bits(number):
    """Thresholds decide by the last bit."""
    assert np.float32(trees.short(number)) == np.float32(number)


def refused(kind, signature, why):
    with pytest.raises(SourceError, match=why):
        document.check_signature(kind, signature)


def test_what_only_other_sdks_run_is_refused():
    """Each with its reason, and who has it."""
    _, signature, _, _ = portable_vectors.policy()
    board = signature.inputs[0]
    refused("generation", signature, "'generation'.*client.download")
    rules = dataclasses.replace(signature, rules="connect-four")
    refused("policy", rules, "the rules of 'connect-four'")
    text = Input("text", "BYTES", (-1, 1), "text")
    refused("classification", dataclasses.replace(signature, inputs=(text,)), "'text'")
    loose = dataclasses.replace(board, shape=(-1, -1, 3))
    refused("policy", dataclasses.replace(signature, inputs=(loose,)), "any length")


def test_an_unknown_operator_is_refused_by_name(tmp_path):
    """With the way out."""

    def made():
        signature = Signature(
            (Input("x", "FP32", (-1, 1, 4), "tensor"),),
            (Output("value", "FP32", (-1, 2)),),
        )
        nodes = [
            helper.make_node("Conv", ["x", "w"], ["wide"]),
            helper.make_node("Flatten", ["wide"], ["value"]),
        ]
        weights = {"w": np.ones((1, 1, 3), np.float32)}
        graph = portable_vectors.model(signature, nodes, weights)
        return "regression", signature, graph, [[[1, 2, 3, 4]]]

    version, _, _ = portable_vectors.prepared(made, tmp_path)
    with pytest.raises(SourceError, match=r"operator Conv .*client\.download"):
        document.of(version)


@pytest.mark.parametrize(
    ("nodes", "says"),
    [
        ([helper.make_node("Div", ["x", "two"], ["value"])], "Div of whole numbers"),
        ([helper.make_node("Add", ["x", "x"], ["y"]),
          helper.make_node("MatMul", ["y", "y"], ["value"])], "two values that depend"),
        ([helper.make_node("ReduceMax", ["x"], ["value"], axes=[1], keepdims=0)],
         "the last dimension alone"),
    ],
)  # fmt: skip
def test_what_would_be_another_number_is_refused(tmp_path, nodes, says):
    """A step never stands for an operator that it does not compute."""

    def made():
        signature = Signature(
            (Input("x", "INT64", (-1, 2, 2), "tensor"),),
            (Output("value", "INT64", (-1, 2, 2)),),
        )
        weights = {"two": np.array([2], np.int64)}
        graph = portable_vectors.model(signature, nodes, weights)
        return "tensor", signature, graph, [[[1, 2], [3, 4]]]

    version, _, _ = portable_vectors.prepared(made, tmp_path)
    path = version.files["made.onnx"]
    feeds = {"x": np.array([[[1, 2], [3, 4]]], np.int64)}
    graph = Graph(onnx.load(path), feeds)
    signature = version.manifest.signature
    with pytest.raises(SourceError, match=says):
        document.steps(graph, "regression", signature)


def test_a_large_file_is_refused():
    """An SDK reads it while the game starts."""
    with pytest.raises(SourceError, match=r"2,000,0.. bytes"):
        document.text({"constants": "x" * 2_000_000})


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Publish a model and export it by the command; return its file."""
    monkeypatch.chdir(tmp_path)
    url = f"file://{tmp_path.as_posix()}/registry"
    monkeypatch.setenv("HOTSEAT_REGISTRY", url)

    def published(model, example, name):
        api.publish(model, name=name, example=example, registry=url, by="ada")
        assert main(["model", "export", f"{name}@1", "--to", "portable"]) == 0
        return json.loads(Path(f"{name}-1.json").read_text("utf-8"))

    return published


def test_the_command_prints_the_digest(published, capsys):
    """What a game compares the file with."""
    rows = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    model = LogisticRegression().fit(rows, rows[:, 0] > 0)
    assert published(model, rows, "mood")["kind"] == "classification"
    assert re.search(r"mood@1 -> mood-1.json, .* bytes\n  sha256 [0-9a-f]{64}\n",
                     capsys.readouterr().out)  # fmt: skip


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.skipif(not shutil.which("mcs"), reason="no Mono: make test-unity")
def test_what_libraries_train_answers_in_csharp(published, tmp_path):
    """Pipelines, trees and networks pass their golden rows in the SDK."""
    pandas = pytest.importorskip("pandas", reason="data frames need pandas")
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(120, 4)).astype(np.float32)
    labels = np.where(numbers[:, 0] + numbers[:, 1] ** 2 > 0.5, "a", "b")
    three = np.digitize(numbers[:, 0], [-0.5, 0.5])
    frame = pandas.DataFrame({
        "hours": rng.uniform(0, 40, 120).round(2), "level": rng.integers(0, 50, 120),
        "country": rng.choice(["de", "fr", "us"], 120),
    })  # fmt: skip
    columns = ColumnTransformer([("numbers", StandardScaler(), ["hours", "level"]),
                                 ("words", OneHotEncoder(), ["country"])])  # fmt: skip
    models = {
        "pipeline": (make_pipeline(columns, LogisticRegression()), frame, labels),
        "forest": (RandomForestClassifier(5, max_depth=4), numbers, three),
        "boosted": (GradientBoostingRegressor(n_estimators=5), numbers, numbers[:, 1]),
        "imputed": (
            make_pipeline(SimpleImputer(), LogisticRegression()),
            numbers,
            three,
        ),
        "network": (MLPClassifier((8,), max_iter=20), numbers, three),
    }
    lightgbm = pytest.importorskip("lightgbm")
    for objective, target in (("binary", labels), ("multiclass", three)):
        trees_ = lightgbm.LGBMClassifier(
            n_estimators=4, verbose=-1, n_jobs=1, objective=objective
        )
        models[objective] = trees_, numbers, target
    for name, (model, rows, target) in models.items():
        published(model.fit(rows, target), rows, name)
    unity = ROOT / "sdk/unity"
    program = tmp_path / "Tests.exe"
    subprocess.run(
        ["mcs", "-langversion:7.2", "-r:System.Net.Http.dll", f"-out:{program}",
         *unity.glob("Runtime/*.cs"), *unity.glob("Tests~/*.cs")],
        check=True, timeout=120,
    )  # fmt: skip
    done = subprocess.run(
        ["mono", program, "opens", *(f"{name}-1.json" for name in models)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert f"{len(models)} passed, 0 failed" in done.stdout, done.stdout + done.stderr


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(1, 3), min_size=1, max_size=3),
    st.lists(st.booleans(), min_size=3, max_size=3),
    st.sampled_from(["Add", "Mul", "Sub"]),
)
def test_operands_are_spread_as_onnx_spreads_them(tmp_path_factory, shape, ones, op):
    """By places, for every shape: a step knows equal lengths and one element."""
    other = [1 if one else size for one, size in zip(ones, shape, strict=False)]
    weights = np.arange(np.prod(other), dtype=np.float32).reshape(other)
    size = int(np.prod(shape))

    def made():
        signature = Signature(
            (Input("x", "FP32", (-1, *shape), "tensor"),),
            (Output("value", "FP32", (-1, size)),),
        )
        nodes = [
            helper.make_node(op, ["x", "w"], ["wide"]),
            helper.make_node("Reshape", ["wide", "flat"], ["value"]),
        ]
        constants = {"w": weights, "flat": np.array([-1, size], np.int64)}
        x = np.arange(size, dtype=float).reshape(shape).tolist()
        return (
            "regression",
            signature,
            portable_vectors.model(signature, nodes, constants),
            [{"x": x}],
        )

    folder = tmp_path_factory.mktemp("spread")
    version, answer, inputs = portable_vectors.prepared(made, folder)
    file = json.loads(document.of(version))
    (node,) = file["nodes"]
    left = np.arange(size, dtype=np.float32)
    right = np.array(file["constants"][node["in"][1]], np.float32)
    assert right.size in {1, size}
    by = {"add": np.add, "mul": np.multiply, "sub": np.subtract}[node["op"]]
    wanted = np.atleast_1d(answer(inputs[0])["returns"]["value"])
    np.testing.assert_allclose(by(left, right), wanted)

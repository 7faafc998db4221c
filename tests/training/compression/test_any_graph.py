"""Smaller variants of any graph, from a file and from a published version."""

import csv
import json
import re

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from hotseat._cli import main
from hotseat_registry import Reference, open_registry
from hotseat_registry.cache import Cache
from hotseat_serve.runtime.loader import load
from hotseat_serve.settings import Settings
from hotseat_train.evaluation import golden_rows
from hotseat_train.onnx_graph import int8_weights

LABELS = "abcdefgh"
RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(size=(64, 8)).astype(np.float32)
ROWS = RNG.normal(size=(60, 64)).astype(np.float32)
RIGHT = [LABELS[at] for at in (ROWS @ WEIGHTS).argmax(1)]


def linear(path, node, *weights):
    """Write a graph of one node with scores of eight labels."""
    graph = helper.make_graph(
        [node], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 64])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 8])],
        [numpy_helper.from_array(array, name) for name, array in weights],
    )  # fmt: skip
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a model and labelled rows, and its registry."""
    linear(tmp_path / "mood.onnx", helper.make_node("MatMul", ["x", "w"], ["logits"]),
           ("w", WEIGHTS))  # fmt: skip
    np.savez(tmp_path / "rows.npz", x=ROWS, truth=np.array(RIGHT))
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*(f"x{at}" for at in range(64)), "truth"])
        writer.writerows([*row, t] for row, t in zip(ROWS.tolist(), RIGHT, strict=True))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOTSEAT_REGISTRY", f"file://{tmp_path.as_posix()}/registry")
    return tmp_path


def run(*words):
    """Run a command."""
    return main([str(word) for word in words])


def test_variants_stand_beside_the_file(here, capsys):
    """All three methods, each smaller, compared on the rows."""
    assert run("quantize", "mood.onnx", "--calibrate", "rows.npz", "--labels",
               ",".join(LABELS)) == 0  # fmt: skip
    said = capsys.readouterr().out
    names = {path.name for path in here.glob("mood.*.onnx")}
    assert names == {f"mood.{n}.onnx" for n in ("int8-dynamic", "int8-static", "fp16")}
    assert all(path.stat().st_size < (here / "mood.onnx").stat().st_size
               for path in here.glob("mood.*.onnx"))  # fmt: skip
    assert "on 60 inputs" in said


def test_a_version_gets_variants_in_its_next_one(here, tmp_path, capsys):
    """Measured against the truth, gated, published, and served with golden rows."""
    labels = ("--labels", ",".join(LABELS))
    assert run("publish", "mood.onnx", "--model", "mood", *labels) == 0
    quantize = ("quantize", "mood@1", "--calibrate", "rows.csv", "--target", "truth",
                "--method", "dynamic")  # fmt: skip
    assert run(*quantize, "--publish") == 1
    assert "no variant passes the gate" in capsys.readouterr().err
    registry = open_registry(f"file://{here.as_posix()}/registry")
    assert registry.versions("mood") == [1]
    assert run(*quantize, "--publish", "--max-quality-drop", "20%") == 0
    manifest = registry.resolve(Reference("mood", version=2))
    first, small = manifest.variants
    assert (first.name, small.name) == ("original", "int8-dynamic")
    assert first.metrics["accuracy"] == 1.0
    assert small.metrics["accuracy"] > 0.9
    assert small.metrics["start_ms"] > 0
    assert manifest.lineage["parent"] == "mood@1"
    assert "## Variants" in manifest.card
    assert (
        manifest.signature == registry.resolve(Reference("mood", version=1)).signature
    )
    settings = Settings(cache=str(tmp_path / "cache"), variant="int8-dynamic")
    loaded = load(registry, Reference("mood", version=2), settings)
    answer = loaded.predict([{"x": row} for row in ROWS.tolist()])
    agreed = [one["label"] == right for one, right in zip(answer, RIGHT, strict=True)]
    assert np.mean(agreed) > 0.9


@pytest.mark.parametrize("seven_bits", [False, True])
def test_an_int8_graph_from_elsewhere_is_published_with_what_it_does(here, seven_bits):
    """Eight bits have a note; both have the tolerance of other processors' sums."""
    quantize_dynamic(
        here / "mood.onnx", here / "small.onnx", weight_type=QuantType.QInt8,
        reduce_range=seven_bits,
    )  # fmt: skip
    assert run("publish", "small.onnx", "--labels", ",".join(LABELS)) == 0
    registry = open_registry(f"file://{here.as_posix()}/registry")
    manifest = registry.resolve(Reference("small", version=1))
    assert (int8_weights.OVERFLOWING in manifest.card) is not seven_bits
    fetched = registry.fetch(manifest, Cache(here / "cache"), ["golden.json"])
    golden = json.loads(fetched["golden.json"].read_bytes())
    assert golden["tolerance"]["original"] >= golden_rows.SATURATING


def test_without_publish_nothing_changes(here, capsys):
    """The comparison alone, and the flag that publishes."""
    run("publish", "mood.onnx", "--model", "mood", "--labels", ",".join(LABELS))
    assert run("quantize", "mood@1", "--calibrate", "rows.npz") == 0
    assert "--publish" in capsys.readouterr().out
    assert open_registry(f"file://{here.as_posix()}/registry").versions("mood") == [1]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("mood.onnx",), "--calibrate FILE gives the inputs"),
        (("mood@7", "--calibrate", "rows.npz"), "mood"),
        (
            ("mood.onnx", "--calibrate", "rows.npz", "--method", "prune"),
            "hotseat train",
        ),
        (("mood.onnx", "--calibrate", "rows.npz", "--target", "t"), "has no 't'"),
        (("mood.onnx", "--calibrate", "rows.xml"), ".npz"),
        (("add.onnx", "--calibrate", "rows.npz"), "int8-dynamic: .*int8"),
    ],
)
@pytest.mark.usefixtures("here")
def test_what_does_not_work_is_named(words, says, capsys):
    """The reason in one line."""
    cut = helper.make_node("Slice", ["x", "from", "to", "axes"], ["logits"])
    places = {"from": 0, "to": 8, "axes": 1}
    linear("add.onnx", cut, *((name, np.array([at])) for name, at in places.items()))
    labels = ("--labels", ",".join(LABELS))
    assert run("quantize", *words, *labels) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 or "note" in error
    assert re.search(says, error), error

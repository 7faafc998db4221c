"""What plays or builds, made small: its variants, what they are worth, the gate."""

import argparse
import json

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from hotseat_registry import Reference
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings
from hotseat_train import tasks
from hotseat_train.cli import quantize as command
from hotseat_train.compression import variants
from hotseat_train.errors import GateError, RunError
from hotseat_train.evaluation import policy_generator_quality
from hotseat_train.pipeline.evaluate import evaluate, write
from hotseat_train.pipeline.publish import publish
from hotseat_train.pipeline.train import PRETRAINED, take
from hotseat_train.reports import comparison
from hotseat_train.reports.comparison_page import page
from hotseat_train.run import Run
from hotseat_train.tasks.connect_four import ConnectFour
from hotseat_train.tasks.sokoban_levels import SokobanLevels

NAMES = ["connect-four", "sokoban-levels"]


@pytest.fixture(scope="module", params=NAMES)
def run(request, tmp_path_factory):
    """A run with the graph that came along and both int8 variants, measured."""
    name = request.param
    with pytest.MonkeyPatch.context() as patch:
        few(patch)
        result = Run(tmp_path_factory.mktemp("runs") / name)
        take(tasks.find(name), result.folder)
        variants.make(result, ("dynamic", "static"))
        write(result, evaluate(result))
    return result


def few(patch):
    """Ask little, and measure nothing else."""
    boards, wishes = ConnectFour().inputs(), [{"boxes": 1}, {"boxes": 2}]
    patch.setattr(ConnectFour, "inputs", lambda _task: boards[:40])
    patch.setattr(SokobanLevels, "inputs", lambda _task: wishes)
    for task in (ConnectFour, SokobanLevels):
        patch.setattr(task, "measure", lambda _task, _loaded: {"told": 7})
    patch.setattr(policy_generator_quality, "_SIMULATIONS", 16)


def read(run):
    """Return the run's manifest."""
    return json.loads(run.manifest.read_bytes())


def test_every_variant_is_measured_on_the_same_items(run):
    """Quality, what was lost of it with its interval, size, time, memory; a card."""
    manifest = read(run)
    first, *others = manifest["variants"]
    assert [v["name"] for v in (first, *others)] == [
        "fp32", "int8-static", "int8-dynamic",
    ]  # fmt: skip
    rows = {"connect-four": 40, "sokoban-levels": 64}[manifest["model"]]
    for variant in (first, *others):
        metrics = variant["metrics"]
        assert metrics["rows"] == rows
        assert 0 < metrics["quality"] < 1
        assert metrics["milliseconds"] > 0
        assert metrics["told"] == 7
        assert f"| {variant['name']} |" in manifest["card"]
    for variant in others:
        metrics = variant["metrics"]
        low, high = metrics["quality_drop_interval"]
        assert low <= metrics["quality_drop"] <= high
        want = 1 - metrics["quality"] / first["metrics"]["quality"]
        assert metrics["quality_drop"] == pytest.approx(want, abs=5e-4)
        assert metrics["bytes"] * 2.5 < first["metrics"]["bytes"]
    assert "quality_drop" not in first["metrics"]
    assert "| told | 7 | 7 | 7 |" in manifest["card"]


def test_published_variants_serve_and_are_compared(run, registry, tmp_path):
    """Each passes its golden rows where it is opened; one page shows them all."""
    manifest = publish(run, registry, by="ada", max_loss=100)
    assert manifest.variant(manifest.default_variant).metrics["speed"] > 0.6
    for variant in manifest.variants:
        settings = Settings(cache=str(tmp_path / "cache"), variant=variant.name)
        loaded = ModelCache(registry, settings).get(
            Reference(manifest.model, version=1)
        )
        assert loaded.variant == variant.name
    found = comparison.candidates(registry, manifest.model)
    assert [item.quality for item in found] == [
        variant.metrics["quality"] for variant in manifest.variants
    ]
    whole = page(manifest.model, found, found[0], comparison.Limits())
    assert len(whole) < 500_000
    assert f"{manifest.reference} int8-static" in whole


def test_an_item_is_the_first_variants_alone(run):
    """Other variants are held to numbers: a generator's to what its graph says."""
    golden = json.loads(run.golden.read_bytes())
    built = read(run)["kind"] == "generation"
    assert [row.get("variants") for row in golden["rows"]] == (
        [["fp32"]] * 2 if built else [None] * 12
    )
    assert len(golden.get("graph", [])) == (4 if built else 0)
    tolerance = golden["tolerance"]
    assert tolerance["fp32"] == 1e-3
    assert tolerance["int8-static"] >= 0.02
    assert tolerance["int8-dynamic"] >= 0.02


def copied(run, folder):
    """Return a copy of a run."""
    folder.mkdir()
    for path in run.folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return Run(folder)


def destroy(path):
    """Make a graph's 8-bit weights 0."""
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.INT8:
            zeros = np.zeros_like(numpy_helper.to_array(tensor))
            tensor.CopyFrom(numpy_helper.from_array(zeros, tensor.name))
    onnx.save(model, path)


def test_a_destroyed_variant_is_refused_and_told(
    run, registry, tmp_path, monkeypatch, capsys
):
    """What plays or builds badly is gone from the run, and stands in the card."""
    few(monkeypatch)
    bad = copied(run, tmp_path / "bad")
    record = json.loads(bad.record.read_bytes())
    del record["curve"]  # as in a run that was made before it was kept
    bad.record.write_text(json.dumps(record))
    destroy(bad.graph("int8-static"))
    bad.graph("int8-dynamic").unlink()
    monkeypatch.setattr(variants, "make", lambda *_args, **_more: {})
    parser = argparse.ArgumentParser()
    act = command.quantize(parser)
    measured = write(bad, evaluate(bad))
    with pytest.raises(GateError, match=r"int8-static lost .* of fp32's quality"):
        publish(bad, registry, by="ada", variants=("int8-static",))
    words = [str(bad.folder), "--method", "all", "--max-quality-drop", "5%"]
    assert act(parser.parse_args(words)) == 0
    said = capsys.readouterr().out
    assert "left out: prune and distill" in said
    assert "removed: int8-static lost" in said
    manifest = read(bad)
    assert [variant["name"] for variant in manifest["variants"]] == ["fp32"]
    assert (
        manifest["lineage"]["refused"][0]["metrics"]["rows"]
        == (measured.variants[1].metrics["rows"])
    )
    assert "| int8-static, refused |" in manifest["card"]


@pytest.mark.parametrize("method", ["prune", "distill"])
def test_what_is_for_fitted_networks_says_so(run, method):
    """The error names the way out."""
    with pytest.raises(RunError, match=f"{method} is for networks .* --method dynamic"):
        variants.make(run, (method,))


def test_points_are_lost_by_bad_moves():
    """Moves at random are worth fewer points than the network's."""
    task = ConnectFour()
    good = task.loaded(PRETRAINED / task.name / "model.onnx")

    class Poor:
        def predict(self, given):
            (answer,) = good.predict(given)
            actions = answer["actions"]
            return [{"action": min(actions, key=actions.get)}]

    asked = task.requests()[:30]
    found = policy_generator_quality.of({"fp32": good, "poor": Poor()}, asked)
    assert found["fp32"].mean() > found["poor"].mean() + 0.2
    assert ((found["poor"] >= 0) & (found["fp32"] <= 1)).all()

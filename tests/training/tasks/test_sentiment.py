"""The task sentiment, trained: its graph, its variants and their gate."""

import argparse
import itertools
import json
from dataclasses import replace

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotseat_registry.cache import Cache
from hotseat_registry.errors import IntegrityError
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_serve.runtime.session import Session
from hotseat_train import run
from hotseat_train.cli import quantize as command
from hotseat_train.compression import variants
from hotseat_train.errors import (
    GateError,
    ParityError,
    RunError,
)
from hotseat_train.pipeline.evaluate import evaluate, write
from hotseat_train.pipeline.publish import publish
from hotseat_train.pipeline.train import train
from hotseat_train.tasks.sentiment import TASK, key_of


@pytest.fixture(scope="module")
def dataset():
    """The reviews, split."""
    return TASK.dataset()


@pytest.fixture(scope="module")
def learner(dataset):
    """A learner of few reviews, with weights that are not zero."""
    return TASK.learner(replace(dataset.train, inputs=dataset.train.inputs[:300]), 1)


@pytest.fixture(scope="module")
def session(learner, tmp_path_factory):
    """The learner's graph, as it serves."""
    path = tmp_path_factory.mktemp("graph") / "model.onnx"
    learner.export(path)
    return Session(path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small real run, measured."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    plan = replace(TASK.plan("adam"), max_epochs=4)
    made = train(TASK, plan, folder, rows=2000)
    variants.make(made)
    write(made, evaluate(made))
    return made


def scores(session, *texts):
    """The graph's answers to these texts, in one batch."""
    return session.run({"text": np.array(texts, dtype=object)})["scores"]


def test_no_text_is_in_two_splits(dataset):
    """Texts that differ only in case, width, spaces or punctuation stay together."""
    splits = (dataset.train, dataset.validation, dataset.test)
    keys = [{key_of(text) for text in part.inputs} for part in splits]
    assert [len(k) for k in keys] == [len(part) for part in splits]
    for one, other in itertools.combinations(keys, 2):
        assert not one & other


def test_the_graph_answers_as_the_module(learner, session, dataset):
    """Encoding in Python and inside the graph give the same scores."""
    texts = (
        *dataset.test.inputs[:50],
        "a",
        "Ａ",
        "😀",
        "n\x00n",
        "é",
        "  x  ",
        "𠮷野家",
    )
    texts = tuple(text.replace("\0", " ") for text in texts)
    logits = learner.module(*learner.encode(texts).take(np.arange(len(texts))))
    expected = logits.softmax(1).detach().numpy()
    np.testing.assert_allclose(scores(session, *texts), expected, atol=1e-5)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]),
                min_size=1, max_size=40),
        min_size=1,
        max_size=6,
    )
)  # fmt: skip
def test_an_answer_does_not_depend_on_the_rest_of_the_batch(session, texts):
    """A text gets the same scores alone and among longer and shorter ones."""
    together = scores(session, *texts)
    alone = np.concatenate([scores(session, text) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_case_and_width_do_not_matter(session):
    """Full-width and capital letters are read as their plain ones."""
    plain, capital, wide = scores(session, "good", "GOOD", "ｇｏｏｄ")
    np.testing.assert_allclose(plain, capital, atol=1e-6)
    np.testing.assert_allclose(plain, wide, atol=1e-6)


def test_the_same_seed_gives_the_same_curve(tmp_path):
    """Training twice is training once."""
    plan = replace(TASK.plan("sgd"), max_epochs=2)
    curves = [
        train(TASK, plan, tmp_path / name, rows=500).read()["curve"] for name in "ab"
    ]
    assert curves[0] == curves[1]


def test_a_run_tells_what_was_measured(trained):
    """The manifest holds both variants with interval, size, latency and CPU."""
    manifest = json.loads(trained.manifest.read_bytes())
    fp32, int8 = (variant["metrics"] for variant in manifest["variants"])
    assert fp32["interval"][0] < fp32["accuracy"] < fp32["interval"][1]
    assert fp32["accuracy"] > 0.7
    assert int8["bytes"] * 3 < fp32["bytes"]
    assert int8["cpu"]
    assert manifest["lineage"]["data"]["licence"] == "MIT"
    assert "Limits" in manifest["card"]
    assert trained.curve.read_bytes().startswith(b"\x89PNG")


def test_publishing_serves_what_was_measured(trained, registry, tmp_path):
    """A published version answers its own golden rows, in both variants."""
    manifest = publish(trained, registry, by="ada", max_loss=100)
    assert manifest.default_variant == "int8-dynamic"
    paths = registry.fetch(manifest, Cache(tmp_path))
    golden = json.loads(paths["golden.json"].read_bytes())
    for variant in manifest.variants:
        model = LoadedModel(manifest, variant.name, Session(paths[variant.file]))
        answers = model.predict([row["input"] for row in golden["rows"]])
        for answer, row in zip(answers, golden["rows"], strict=True):
            off = answer["scores"]["positive"] - row["expected"]["scores"]["positive"]
            assert abs(off) <= golden["tolerance"][variant.name]


def destroyed(trained, folder):
    """A copy of the run whose int8 weights were zeroed, measured again."""
    folder.mkdir()
    for path in trained.folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    copy = run.Run(folder)
    model = onnx.load(copy.quantized)
    for tensor in model.graph.initializer:
        if tensor.name == "table_quantized":
            tensor.raw_data = bytes(len(tensor.raw_data))
    onnx.save(model, copy.quantized)
    write(copy, evaluate(copy))
    return copy


def test_the_gate_refuses_a_destroyed_int8(trained, registry, tmp_path):
    """An int8 variant that lost its accuracy is not published; fp32 alone may be."""
    bad = destroyed(trained, tmp_path / "bad")
    with pytest.raises(GateError, match=r"int8-dynamic lost \d+\.\d+ % of fp32"):
        publish(bad, registry, by="ada", variants=("int8-dynamic",))
    assert registry.versions("sentiment") == []
    lines = []
    manifest = publish(bad, registry, by="ada", report=lines.append)
    assert [variant.name for variant in manifest.variants] == ["fp32"]
    assert lines[0].startswith("left out: int8-dynamic lost")


def test_a_graph_that_answers_otherwise_is_refused(trained, tmp_path):
    """A graph that is not the trained model's is found before it is measured."""
    folder = tmp_path / "other"
    folder.mkdir()
    for path in trained.folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "model.onnx").write_bytes((folder / "model.int8.onnx").read_bytes()[:-9])
    with pytest.raises(IntegrityError):
        evaluate(run.Run(folder))
    model = onnx.load(trained.model)
    bias = next(t for t in model.graph.initializer if t.name == "bias")
    bias.raw_data = np.array([5, -5], np.float32).tobytes()
    onnx.save(model, folder / "model.onnx")
    with pytest.raises(ParityError):
        evaluate(run.Run(folder))


def test_what_a_linear_model_cannot_be_is_said(trained):
    """Static int8 is made of it; there is nothing to prune and no pupil."""
    made = variants.make(trained, ("static",), calibrations=("minmax", "percentile"))
    assert set(made) == {"int8-static", "int8-static-percentile"}
    for path in made.values():
        assert path.stat().st_size * 3 < trained.model.stat().st_size
        path.unlink()
    for method, says in (("prune", "no hidden units"), ("distill", "no smaller")):
        with pytest.raises(RunError, match=says):
            variants.make(trained, (method,))


def test_quantize_removes_what_lost_too_much_and_says_so(
    trained, tmp_path, monkeypatch, capsys
):
    """A destroyed graph is gone from the run; what was measured of it is kept."""
    bad = destroyed(trained, tmp_path / "bad")
    monkeypatch.setattr(variants, "make", lambda *_args, **_more: {})
    parser = argparse.ArgumentParser()
    act = command.quantize(parser)
    assert act(parser.parse_args([str(bad.folder), "--max-quality-drop", "0.5%"])) == 0
    assert "removed: int8-dynamic lost" in capsys.readouterr().out
    assert not bad.quantized.exists()
    manifest = json.loads(bad.manifest.read_bytes())
    assert [variant["name"] for variant in manifest["variants"]] == ["fp32"]
    assert "int8-dynamic, refused" in manifest["card"]

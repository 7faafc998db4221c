"""The network over texts, trained, compressed and exported."""

import copy
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hotseat_serve.runtime.session import Session
from hotseat_train.compression import prune_distill
from hotseat_train.compression.quantize import dynamic, static
from hotseat_train.data.dataset import Split
from hotseat_train.errors import RunError
from hotseat_train.models.text import (
    out_of_fold_teacher,
    tokenizer,
)
from hotseat_train.models.text.categories import Categories
from hotseat_train.models.text.char_cnn import Block, Shape, TextLearner
from hotseat_train.models.text.wide_linear import Shares
from hotseat_train.optim.gradient_learner import between_layers
from hotseat_train.optim.loop import Plan
from hotseat_train.optim.supervised import answers

LINES = tuple(
    f"{a} {b}" for a in ("good", "bad", "fine", "poor", "垃圾", "不错")
    for b in ("game", "team", "match", "round", "游戏", "play")
)  # fmt: skip
TARGETS = tuple(int(line.split()[0] in {"bad", "poor", "垃圾"}) for line in LINES)
CHINESE = tuple(line for line in LINES if line[0] in "垃不")
ROWS = Split(LINES, TARGETS)
TWO = Categories(("good", "bad"))
SMALL = Shape(
    width=16, hidden=(24, 24), steps=(1, 8), head=12, common=300, buckets=1 << 12
)
PLAN = Plan("adam", 0.01, batch_size=4, max_epochs=30, schedule="cosine", soft=0.3)


def learner(seed=0):
    """A small network that has learned nothing, with a linear part for Chinese."""
    vocabulary = tokenizer.build_vocabulary(LINES, SMALL.common)
    return TextLearner(vocabulary, TWO, seed, SMALL, wide=chinese)


def chinese(text):
    """Whether one of the characters is Chinese."""
    return any("\u4e00" <= c <= "\u9fff" for c in text)


@pytest.fixture(scope="module")
def vocabulary():
    """What was read of the lines."""
    return tokenizer.build_vocabulary(LINES, 300)


@pytest.fixture(scope="module")
def taught():
    """A small network that has learned the lines."""
    made = learner()
    made.fit(ROWS, ROWS, PLAN)
    return made


@pytest.fixture(scope="module")
def exported(taught, tmp_path_factory):
    """Its graph."""
    path = tmp_path_factory.mktemp("exported") / "model.onnx"
    taught.export(path)
    return path


def weights(made):
    """All that a learner has learned, by name."""
    return made.module.state_dict()


def scores(path, texts):
    """The answers of a graph."""
    given = {"text": np.array(texts, dtype=object)}
    return Session(path).run(given)["scores"]


def test_the_graph_answers_as_the_network(taught, tmp_path):
    """In fp32 the exported graph and the module give the same chances."""
    path = tmp_path / "model.onnx"
    taught.export(path)
    texts = (*LINES, "", " ", "\u200b", "😀", "b a d", "a" * 500)
    taught.module.eval()
    rows = taught.encode(texts).take(np.arange(len(texts)))
    want = taught.module(*rows).softmax(1).detach().numpy()
    np.testing.assert_allclose(scores(path, texts), want, atol=1e-5)
    alone = np.concatenate([scores(path, [text]) for text in texts])
    np.testing.assert_allclose(alone, want, atol=1e-5)


def test_it_learns_and_twice_is_once(taught):
    """The labels are learned, and the same seed gives the same weights."""
    again = learner()
    state = again.fit(ROWS, ROWS, PLAN)
    assert state.best_epoch.validation_accuracy > 0.8
    torch.testing.assert_close(weights(again), weights(taught), rtol=0, atol=0)


def test_interrupted_it_goes_on_as_if_it_had_not_been(taught, tmp_path):
    """With disguises, dropped rows and a falling rate, the weights are the same."""

    def interrupt(epoch):
        if epoch.number == 2:
            raise KeyboardInterrupt

    path = tmp_path / "checkpoint.pt"
    with pytest.raises(KeyboardInterrupt):
        learner().fit(ROWS, ROWS, PLAN, checkpoint=path, report=interrupt)
    resumed = learner()
    resumed.fit(ROWS, ROWS, PLAN, checkpoint=path)
    torch.testing.assert_close(weights(resumed), weights(taught), rtol=0, atol=0)


def test_pruning_shrinks_the_matrices_and_keeps_what_matters(tmp_path):
    """Half of the units go: those that do nothing go first, and nothing changes."""
    made = learner(3)
    for block in made.module.blocks:
        with torch.no_grad():
            block.second.weight[:, ::2] = 0
    with torch.no_grad():
        made.module.labels.weight[:, ::2] = 0
    before, after = tmp_path / "before.onnx", tmp_path / "after.onnx"
    made.export(before)
    prune_distill.prune(made.hidden_units(), 0.5)
    made.export(after)
    assert after.stat().st_size < before.stat().st_size
    assert [b.first.out_features for b in made.module.stack()] == [12, 12]
    np.testing.assert_allclose(scores(after, LINES), scores(before, LINES), atol=1e-5)


def test_pruning_also_shrinks_a_sequence_of_layers():
    """A network of a table loses hidden units, and a linear one has none."""
    module = torch.nn.Sequential(
        torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2)
    )
    prune_distill.prune(between_layers(module), 0.75)
    assert module[0].weight.shape == (2, 4)
    assert module(torch.ones(1, 4)).shape == (1, 2)
    line = torch.nn.Sequential(torch.nn.Linear(4, 2))
    prune_distill.prune(between_layers(line), 0.5)
    assert line[0].weight.shape == (2, 4)


@pytest.mark.parametrize("way", ["dynamic", "minmax", "entropy", "percentile"])
def test_int8_answers_nearly_as_fp32(taught, tmp_path, way):
    """Each way makes a graph that runs, is smaller, and says nearly the same."""
    whole, small = tmp_path / "model.onnx", tmp_path / "small.onnx"
    taught.export(whole)
    if way == "dynamic":
        dynamic(whole, small)
    else:
        static(whole, small, way, [{"text": np.array(LINES, dtype=object)}])
    want, given = scores(whole, LINES), scores(small, LINES)
    assert np.abs(given - want).mean() < 0.05
    kinds = {"DynamicQuantizeLinear", "QuantizeLinear"}
    assert kinds & {node.op_type for node in onnx.load(small).graph.node}


def test_a_block_reads_the_places_at_its_step():
    """And no others; places beyond the ends of a text are empty."""
    torch.manual_seed(0)
    block = Block(4, 8, step=3).eval()
    x = torch.randn(1, 8, 4, requires_grad=True)
    block(x, torch.ones(1, 8, 1))[0, 4].sum().backward()
    assert x.grad.abs().sum(2)[0].nonzero().ravel().tolist() == [1, 4, 7]
    short = torch.randn(1, 2, 4)
    assert block(short, torch.ones(1, 2, 1)).shape == short.shape


def test_what_has_no_weights_is_refused_with_a_reason(tmp_path):
    """A graph of trees alone can not be made int8, and it says so."""
    from onnx import TensorProto, helper, save

    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])], "g",
        [info("x", TensorProto.FLOAT, [1])], [info("y", TensorProto.FLOAT, [1])],
    )  # fmt: skip
    path = tmp_path / "model.onnx"
    save(helper.make_model(graph), path)
    with pytest.raises(RunError, match="no weights that int8 could hold"):
        dynamic(path, tmp_path / "small.onnx")


def test_no_text_is_answered_by_a_model_that_saw_it():
    """A label that one row alone has is never what its teacher says."""
    texts = (*LINES * 3, "x unique y")
    targets = (*TARGETS * 3, 2)
    found = out_of_fold_teacher.predictions(
        Split(texts, targets), 3, 0, lambda _text: True
    )
    assert found.shape == (len(texts), 3)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)
    assert found[-1, 2] < 0.5


def test_the_linear_part_moves_its_own_texts_by_its_share():
    """A network that knows nothing is averaged with what tells the lines apart."""
    made = learner()
    rows, beside = made.encode(CHINESE), made.module.wide
    characters = [torch.from_numpy(text)[None] for text in rows.characters()]
    before = answers(made.module, rows)
    assert not beside.fitted  # it has learned nothing, and changes nothing
    beside.learn(made.encode(LINES).characters(), [*map(bool, TARGETS)])
    chances = answers(made.module, rows).softmax(1)
    second = torch.cat([beside.probability(text) for text in characters])
    alone = torch.cat([1 - second, second], 1)
    share = Shares().own
    torch.testing.assert_close(chances, (1 - share) * before.softmax(1) + share * alone)
    assert alone.argmax(1).tolist() == [int("垃圾" in line) for line in CHINESE]


@settings(deadline=None, max_examples=40)
@given(st.text("abdgo 垃圾不错游戏好１a\u200b", max_size=20))
def test_the_graph_has_the_same_linear_part(taught, exported, text):
    """Whatever is written, graph and module average alike."""
    want = answers(taught.module, taught.encode((text,))).softmax(1).numpy()
    np.testing.assert_allclose(scores(exported, [text]), want, atol=1e-5)


def test_a_text_that_is_not_its_own_is_untouched(taught, tmp_path):
    """Without a known character of its own, the network answers alone."""
    with_it, without = copy.deepcopy(taught.module), copy.deepcopy(taught.module)
    without.wide = None
    texts = ("good game", "bad team", "", "😀", "好人")  # of the last, nothing is known
    rows = taught.encode(texts)
    torch.testing.assert_close(answers(with_it, rows), answers(without, rows))
    own = taught.encode(("垃圾 team",))
    assert not torch.equal(answers(with_it, own), answers(without, own))
    found = []
    for module in (with_it, without):
        made = copy.copy(taught)
        made.module = module
        made.export(tmp_path / "model.onnx")
        found.append(scores(tmp_path / "model.onnx", texts))
    np.testing.assert_allclose(*found, rtol=1e-6)


@pytest.mark.parametrize(
    ("texts", "targets"),
    [
        (LINES[:6], TARGETS[:6]),  # one label
        (("垃圾", "不错"), (1, 0)),  # no run in common
        (("bad 游", "good 游", "fine 游"), (2, 2, 2)),  # labels that it does not tell
        ((), ()),
    ],
)
def test_where_there_is_nothing_to_learn_it_changes_nothing(texts, targets):
    """A part of the rows may hold none of its own, or of one label alone."""
    made = learner()
    beside = made.module.wide
    positive = [{0: False, 1: True}.get(target) for target in targets]
    beside.learn(made.encode(texts).characters() if texts else [], positive)
    assert not beside.fitted
    assert not beside.table.any()


def test_what_is_pruned_keeps_it_and_a_student_learns_the_same(taught):
    """It is small already: neither fewer units nor a smaller network changes it."""
    short = replace(PLAN, max_epochs=1)
    pruned = copy.copy(taught)
    pruned.module = copy.deepcopy(taught.module)
    prune_distill.prune(pruned.hidden_units(), 0.5)
    student = taught.student()
    for made in (pruned, student):
        made.fit(ROWS, ROWS, short)
        torch.testing.assert_close(
            made.module.wide.state_dict(), taught.module.wide.state_dict(),
            rtol=0, atol=0,
        )  # fmt: skip


@pytest.mark.parametrize("how", ["dynamic", "static"])
def test_its_table_is_int8_as_the_others(exported, tmp_path, how):
    """One byte a run, and what has no row is still nothing."""
    small = tmp_path / "small.onnx"
    if how == "dynamic":
        dynamic(exported, small)
    else:
        static(exported, small, "minmax", [{"text": np.array(LINES, dtype=object)}])
    kept = {item.name: item for item in onnx.load(small).graph.initializer}
    assert "wide.table" not in kept
    table = onnx.numpy_helper.to_array(kept["wide.table_quantized"])
    assert table.itemsize == 1
    assert table.shape == (SMALL.buckets,)
    nothing = onnx.numpy_helper.to_array(kept["wide.table_zero_point"])
    assert np.median(table) == nothing

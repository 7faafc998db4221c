"""Many texts in one request, and texts that are too long."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from hotseat_registry import Input, Manifest, Output, Registry, Signature, Variant
from hotseat_registry.errors import IntegrityError
from hotseat_registry.testing import MemoryStore
from hotseat_serve import batching
from hotseat_serve.load import Loaded
from hotseat_serve.problems import Problem
from hotseat_serve.session import Session
from hotseat_serve.turn import Turn

LIMIT = 20


def signature(rule, **more):
    """Two labels, the first of them neutral; a limit of 20 bytes."""
    return Signature(
        inputs=(Input("text", "BYTES", (-1,), "text", max_bytes=LIMIT, too_long=rule),),
        outputs=(Output("scores", "FP32", (-1, 2)),),
        labels=("ok", "bad"),
        **{"neutral_label": "ok", **more},
    )


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    """A graph that calls a text bad by the number of exclamation marks in it.

    Characters are padded to the longest text of the batch, as real graphs do.
    """
    strings, numbers = ["!"], [1.0]
    nodes = [
        helper.make_node(
            "Tokenizer", ["text"], ["chars"], domain="com.microsoft", mark=0,
            pad_value="\0", mincharnum=1, separators=[""],
        ),
        helper.make_node(
            "LabelEncoder", ["chars"], ["marks"], domain="ai.onnx.ml",
            keys_strings=strings, values_floats=numbers, default_float=0.0,
        ),
        helper.make_node("ReduceSum", ["marks", "last"], ["sums"], keepdims=1),
        helper.make_node("Neg", ["sums"], ["other"]),
        helper.make_node("Concat", ["other", "sums"], ["logits"], axis=1),
        helper.make_node("Softmax", ["logits"], ["scores"], axis=1),
    ]  # fmt: skip
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "marks",
            [helper.make_tensor_value_info("text", TensorProto.STRING, ["n"])],
            [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 2])],
            [helper.make_tensor("last", TensorProto.INT64, [1], [1])],
        ),
        opset_imports=[
            helper.make_opsetid("", 17),
            helper.make_opsetid("ai.onnx.ml", 2),
            helper.make_opsetid("com.microsoft", 1),
        ],
        ir_version=9,
    )
    path = tmp_path_factory.mktemp("graph") / "model.onnx"
    onnx.save(model, path)
    return path


def loaded(graph, rule=None, **more):
    """Return the graph as the service has it."""
    manifest = Manifest(
        model="marks",
        kind="classification",
        signature=signature(rule, **more),
        variants=(Variant("fp32", graph.name),),
        default_variant="fp32",
    )
    return Loaded(manifest, "fp32", Session(graph))


@given(st.lists(st.integers(0, 500), min_size=1, max_size=300))
def test_batches_hold_every_row_once_and_little_padding(lengths):
    """Sorted by length, each within its table's size, unless it is one row's own."""
    found = batching.batches(lengths)
    assert sorted(np.concatenate(found).tolist()) == list(range(len(lengths)))
    last = 0
    for rows in found:
        inside = [lengths[row] for row in rows]
        assert inside == sorted(inside)
        assert inside[0] >= last
        last = inside[-1]
        padding = sum(last - length for length in inside)
        assert len(rows) == 1 or len(rows) * last <= batching.CELLS
        assert padding <= batching.PADDING


texts = st.text(st.sampled_from("a!雪 "), min_size=1, max_size=LIMIT // 3).filter(
    str.strip
)


@given(st.lists(texts, min_size=1, max_size=200))
def test_answers_keep_their_order_and_are_those_of_one_alone(graph, given_):
    """However many are asked at once, of whatever lengths."""
    model = loaded(graph)
    together = model.predict(given_)
    for text, answer in zip(given_, together, strict=True):
        marks = text.count("!")
        want = 1 / (1 + np.exp(-2 * marks))
        assert answer["scores"]["bad"] == pytest.approx(want, abs=1e-6)


def test_a_deadline_ends_between_two_batches(graph):
    """The rest of the texts is not read for a caller who has given up."""
    ticks = iter(range(0, 10**9, 10_000_000))
    turn = Turn(clock=lambda: next(ticks))
    turn.until = turn.started + 60_000_000
    with pytest.raises(Problem) as caught:
        loaded(graph).predict(["x" * (1 + n % LIMIT) for n in range(900)], turn=turn)
    assert caught.value.code == "deadline_exceeded"


def test_a_long_text_is_refused_without_a_rule(graph):
    """As before there were rules."""
    for rule in (None, "refuse"):
        with pytest.raises(Problem) as caught:
            loaded(graph, rule).predict(["!" * (LIMIT + 1)])
        assert caught.value.code == "too_large"


def test_a_long_text_is_cut_with_a_warning(graph):
    """What is over the limit is not read, and the answer says so."""
    model, turn = loaded(graph, "cut"), Turn()
    long = "雪" * 7 + "!!!"  # 24 bytes: six characters are 18
    cut, whole = model.predict([long, "!"], ["/inputs/0", "/inputs/1"], turn=turn)
    assert cut["label"] == "ok"
    assert whole["label"] == "bad"
    (warning,) = turn.warnings.to_json()
    assert (warning["code"], warning["pointer"]) == ("text_cut", "/inputs/0")


def test_of_a_text_in_parts_the_worst_counts(graph):
    """And the answer says which part, and of how many."""
    model = loaded(graph, "parts")
    long = "a quiet line of words and then !!! more quiet words"
    judged, short = model.predict([{"text": long}, {"text": "quiet"}])
    assert judged["label"] == "bad"
    assert judged["parts"] >= 3
    part = long[judged["part"]["start"] : judged["part"]["end"]]
    assert "!!!" in part
    assert len(part.encode()) <= LIMIT
    assert "parts" not in short


@given(st.text(min_size=1, max_size=40).filter(str.strip))
def test_parts_cover_the_text(text):
    """Each fits the limit, and only spaces are left out."""
    from hotseat_serve import long_texts
    from hotseat_serve.input_warnings import Warnings

    (item,) = signature("parts").inputs
    found = long_texts.expand(item, [text], ["/input"], Warnings())
    if found is None:
        assert len(text.encode("utf-8", "surrogatepass")) <= LIMIT
        return
    assert all(len(part.encode()) <= LIMIT for part in found.inputs)
    (spans,) = found.spans
    rest = list(text)
    for start, end in spans:
        rest[start:end] = " " * (end - start)
    assert not "".join(rest).strip()


def test_a_text_of_too_many_parts_is_refused(graph):
    """What one request costs stays bounded."""
    with pytest.raises(Problem, match="16 parts of 20"):
        loaded(graph, "parts").predict(["word " * 200])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"too_long": "guess"}, "refuse, cut or parts"),
        ({"neutral_label": "fine"}, "neutral_label"),
        ({"neutral_label": None}, "neutral_label"),
    ],
)
def test_a_rule_that_cannot_be_followed_is_not_published(graph, change, says):
    """Before anything is stored."""
    whole = signature("parts")
    rule = change.pop("too_long", "parts")
    item = replace(whole.inputs[0], too_long=rule)
    manifest = Manifest(
        model="marks",
        kind="classification",
        signature=replace(whole, inputs=(item,), **change),
        variants=(Variant("fp32", "model.onnx"),),
        default_variant="fp32",
    )
    with pytest.raises(IntegrityError, match=says):
        Registry(MemoryStore()).publish(manifest, {"model.onnx": graph}, by="ada")

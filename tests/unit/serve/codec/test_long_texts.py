"""Many texts in one request, and texts that are too long."""

import itertools
import json
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from hotseat_registry import (
    Input,
    Manifest,
    Output,
    Reference,
    Registry,
    Signature,
    Variant,
    signature_check,
)
from hotseat_registry.errors import IntegrityError
from hotseat_registry.testing import MemoryStore
from hotseat_serve.api.messages import Request
from hotseat_serve.api.router import Router
from hotseat_serve.codec import long_texts
from hotseat_serve.codec.input_warnings import Warnings
from hotseat_serve.kinds.request_context import RequestContext
from hotseat_serve.problems import Problem
from hotseat_serve.runtime import batching
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.runtime.session import Session
from hotseat_serve.settings import Settings
from hotseat_train.pipeline.train import PRETRAINED

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


def published(whole):
    """Return the manifest of a version with that signature."""
    return Manifest(
        model="marks",
        kind="classification",
        signature=whole,
        variants=(Variant("fp32", "model.onnx"),),
        default_variant="fp32",
    )


def loaded(graph, rule=None, **more):
    """Return the graph as the service has it."""
    return LoadedModel(published(signature(rule, **more)), "fp32", Session(graph))


def opened(graph, folder, rule):
    """Return a service with that graph alone."""
    registry = Registry(MemoryStore())
    registry.publish(published(signature(rule)), {"model.onnx": graph}, by="ada")
    registry.promote(Reference("marks", version=1), by="ada")
    chosen = Settings(cache=str(folder), log=False)
    return Router(ModelCache(registry, chosen), chosen)


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
    context = RequestContext(clock=lambda: next(ticks))
    context.deadline = context.started + 60_000_000
    with pytest.raises(Problem) as caught:
        loaded(graph).predict(
            ["x" * (1 + n % LIMIT) for n in range(900)], context=context
        )
    assert caught.value.code == "deadline_exceeded"


def test_a_long_text_is_refused_without_a_rule(graph):
    """As before there were rules."""
    for rule in (None, "refuse"):
        with pytest.raises(Problem) as caught:
            loaded(graph, rule).predict(["!" * (LIMIT + 1)])
        assert caught.value.code == "too_large"


def test_a_long_text_is_cut_with_a_warning(graph):
    """What is over the limit is not read, and the answer says so."""
    model, context = loaded(graph, "cut"), RequestContext()
    long = "雪" * 7 + "!!!"  # 24 bytes: six characters are 18
    cut, whole = model.predict([long, "!"], ["/inputs/0", "/inputs/1"], context=context)
    assert cut["label"] == "ok"
    assert whole["label"] == "bad"
    (warning,) = context.warnings.to_json()
    assert (warning["code"], warning["pointer"]) == ("text_cut", "/inputs/0")


def test_of_a_text_in_parts_the_worst_counts(graph):
    """And the answer says which part, and of how many."""
    model = loaded(graph, "parts")
    long = "a quiet line of words and then !!! more quiet words"
    judged, short = model.predict([{"text": long}, {"text": "quiet"}])
    assert judged["label"] == "bad"
    place = judged["judged_part"]
    assert place["of"] >= 3
    part = long[place["start"] : place["end"]]
    assert "!!!" in part
    assert len(part.encode()) <= LIMIT
    assert "judged_part" not in short


def test_a_part_whose_score_is_no_number_is_the_worst():
    """A judgement that failed is not hidden by the others."""
    (item,) = signature("parts").inputs
    found = long_texts.expand(item, ["word " * 8], ["/input"], Warnings())
    scores = [{"scores": {"ok": ok, "bad": 0.5}} for ok in (0.1, float("nan"))]
    (answer,) = long_texts.fold(signature("parts"), found, scores)
    assert answer["judged_part"] == {"start": 20, "end": 40, "of": 2}


@pytest.mark.parametrize("rule", ["cut", "parts"])
def test_long_spaces_are_refused_as_spaces(graph, rule):
    """Nothing of them can be judged, and other texts keep their answers."""
    with pytest.raises(Problem, match="at /inputs/1, got one of spaces") as caught:
        loaded(graph, rule).predict(["!", " " * 50], ["/inputs/0", "/inputs/1"])
    assert caught.value.code == "invalid_input"


def test_a_text_is_not_cut_to_spaces(graph):
    """It is too long, and that is what the error says."""
    with pytest.raises(Problem, match="has 51 bytes; the limit is 20"):
        loaded(graph, "cut").predict([" " * 50 + "!"])


def test_parts_are_asked_in_requests_of_the_allowed_size(graph):
    """As many texts as are allowed may all be long ones."""
    model = loaded(graph, "parts", max_rows=3)
    long = ["words and more words and ! too", "!", "only words and some more words"]
    found = model.predict(long)
    assert [answer["label"] for answer in found] == ["bad", "bad", "ok"]
    with pytest.raises(Problem, match="4 inputs; the limit is 3"):
        model.predict([*long, "one more"])


def test_a_long_text_is_explained_by_its_worst_part(graph):
    """The words' weights stand beside the part that counted."""
    found = loaded(graph, "parts").explain("some quiet words and then !", "/input")
    assert found["label"] == "bad"
    assert found["judged_part"] == {"start": 17, "end": 27, "of": 2}
    heaviest = max(found["parts"], key=lambda part: part["weight"])
    assert heaviest["part"] == "!"


@pytest.mark.parametrize("rule", ["cut", "parts"])
def test_the_inference_protocol_refuses_long_texts(graph, rule, tmp_path):
    """It answers the tensors that were sent, row by row: nothing is cut unseen."""
    router = opened(graph, tmp_path, rule)
    item = {"name": "text", "shape": [2], "datatype": "BYTES"}
    where = "/v2/models/marks/infer"

    def ask(texts):
        body = json.dumps({"inputs": [{**item, "data": texts}]}).encode()
        answer = router.answer(Request("POST", where, body))
        return answer.status, json.loads(answer.body)

    assert ask(["!", "!!"])[0] == 200
    status, said = ask(["!", "x" * (LIMIT + 1)])
    assert status == 413
    assert "text of 21 bytes; the limit is 20" in said["error"]


@settings(deadline=None, max_examples=20)
@given(st.lists(st.text("a!雪", min_size=1, max_size=LIMIT // 3), min_size=1))
def test_both_apis_answer_many_texts_as_one_run(graph, tmp_path_factory, texts):
    """Rows of all lengths, in their order; the protocol's numbers are the runtime's."""
    router = opened(graph, tmp_path_factory.mktemp("room"), None)
    whole = np.empty(len(texts), object)
    whole[:] = texts
    (wanted,) = onnxruntime.InferenceSession(graph).run(None, {"text": whole})
    body = {"inputs": [{"name": "text", "shape": [len(texts)], "datatype": "BYTES",
                        "data": texts}]}  # fmt: skip
    answer = router.answer(
        Request("POST", "/v2/models/marks/infer", json.dumps(body).encode())
    )
    (output,) = json.loads(answer.body)["outputs"]
    np.testing.assert_allclose(np.reshape(output["data"], (-1, 2)), wanted, atol=1e-6)
    body = json.dumps({"inputs": texts}).encode()
    answer = router.answer(Request("POST", "/v1/models/marks/predict", body))
    told = [one["scores"] for one in json.loads(answer.body)["predictions"]]
    found = [[one["ok"], one["bad"]] for one in told]
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_the_chat_model_answers_512_lines_as_one_by_one():
    """Within what int8 differs by, and in their order; long lines in parts."""
    folder = PRETRAINED / "chat-moderation"
    manifest = Manifest.from_json(json.loads((folder / "manifest.json").read_bytes()))
    whole = replace(manifest.signature, max_rows=512)
    (variant,) = manifest.variants
    session = Session(folder / variant.file)
    model = LoadedModel(replace(manifest, signature=whole), variant.name, session)
    random = np.random.default_rng(2)
    words = ["gg", "wp", "noob", "go", "mid", "你好", "report", "easy", "team"]
    lines = [
        " ".join(random.choice(words, 1 + int(random.exponential(6))))
        for _ in range(511)
    ]
    lines.append("well played " * 400)
    together = model.predict(lines)
    assert together[-1]["judged_part"]["of"] == 3
    for line, answer in zip(lines, together, strict=True):
        (alone,) = model.predict([line])
        for label, score in alone["scores"].items():
            assert answer["scores"][label] == pytest.approx(score, abs=0.05)


@given(st.text(st.characters(codec="utf-8") | st.just(" "), min_size=1, max_size=90)
       .filter(str.strip))  # fmt: skip
def test_parts_cover_the_text(text):
    """Each fits the limit, and only spaces are left out."""
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


@pytest.mark.parametrize(
    ("text", "phrase"), [("aa bb " * 30, "bb aa"), ("雪花" * 60, "花雪")]
)
def test_a_phrase_at_a_cut_stands_whole_in_one_part(text, phrase):
    """Parts overlap by up to an eighth, between words where there are spaces."""
    (item,) = signature("parts").inputs
    item = replace(item, max_bytes=60)
    (spans,) = long_texts.expand(item, [text], ["/input"], Warnings()).spans
    assert len(spans) > 2
    for (_, end), (start, _) in itertools.pairwise(spans):
        assert 0 < end - start <= 60 / 8
    at = -1
    while (at := text.find(phrase, at + 1)) >= 0:
        assert any(a <= at and at + len(phrase) <= z for a, z in spans)


def test_a_text_of_too_many_parts_is_refused(graph):
    """What one request costs stays bounded."""
    with pytest.raises(Problem, match="16 parts of 20"):
        loaded(graph, "parts").predict(["word " * 200])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"too_long": "guess"}, "refuse, cut or parts"),
        ({"neutral_label": "fine"}, "'fine' is none of the labels"),
        ({"neutral_label": None}, "with a neutral_label"),
        ({"max_bytes": None}, "takes a text with max_bytes"),
        ({"form": "tensor"}, "takes a text with max_bytes"),
        ({"shape": (1,)}, "any number of rows"),
    ],
)
def test_a_rule_that_cannot_be_followed_is_not_published(graph, change, says):
    """Before anything is stored."""
    whole = signature("parts")
    of_all = {key: change[key] for key in change if key == "neutral_label"}
    of_item = {key: change[key] for key in change if key not in of_all}
    item = replace(whole.inputs[0], **of_item)
    manifest = published(replace(whole, inputs=(item,), **of_all))
    with pytest.raises(IntegrityError, match=says):
        Registry(MemoryStore()).publish(manifest, {"model.onnx": graph}, by="ada")


def test_only_one_input_has_a_rule():
    """The answer could not say which of two texts the part is of."""
    (item,) = signature("cut").inputs
    both = (item, replace(item, name="more"))
    manifest = published(replace(signature("cut"), inputs=both))
    with pytest.raises(IntegrityError, match="only one input"):
        signature_check.check(manifest, {}, {})

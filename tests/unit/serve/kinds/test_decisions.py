"""Operating points, context and history of a classification of texts."""

from dataclasses import replace
from math import comb, exp

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from hotseat_registry import (
    Input,
    Manifest,
    Output,
    Signature,
    Variant,
    signature_check,
)
from hotseat_registry.decision import (
    Conversation,
    Decision,
    OperatingPoint,
    ScriptDecision,
)
from hotseat_registry.errors import IntegrityError
from hotseat_serve.kinds.options import Options
from hotseat_serve.problems import Problem
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_serve.runtime.session import Session

POINTS = {
    "one_in_100": OperatingPoint(0.7, 0.01),
    "one_in_1000": OperatingPoint(0.99, 0.001),
}
DECISION = Decision(
    ("bad",), POINTS, "one_in_100", conversation=Conversation(0.0, 1.0, 0.5, lines=2)
)


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """A graph that calls a text bad by the exclamation marks in it."""
    nodes = [
        helper.make_node(
            "Tokenizer", ["text"], ["chars"], domain="com.microsoft", mark=0,
            pad_value="\0", mincharnum=1, separators=[""],
        ),
        helper.make_node(
            "LabelEncoder", ["chars"], ["marks"], domain="ai.onnx.ml",
            keys_strings=["!"], values_floats=[1.0], default_float=0.0,
        ),
        helper.make_node("ReduceSum", ["marks", "last"], ["sums"], keepdims=1),
        helper.make_node("Neg", ["sums"], ["other"]),
        helper.make_node("Concat", ["other", "sums"], ["logits"], axis=1),
        helper.make_node("Softmax", ["logits"], ["scores"], axis=1),
        helper.make_node("Identity", ["scores"], ["categories"]),
    ]  # fmt: skip
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "marks",
            [helper.make_tensor_value_info("text", TensorProto.STRING, ["n"])],
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 2])
                for name in ("scores", "categories")
            ],
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
    return Session(path)


def loaded(session, **more):
    """Return the graph as the service has it, with a decision."""
    signature = Signature(
        inputs=(Input("text", "BYTES", (-1,), "text", max_bytes=20, too_long="parts"),),
        outputs=(
            Output("scores", "FP32", (-1, 2)),
            Output("categories", "FP32", (-1, 2)),
        ),
        labels=("ok", "bad"),
        categories=("mild", "loud"),
        neutral_label="ok",
        decision=DECISION,
        max_rows=4,
    )
    manifest = Manifest(
        model="marks",
        kind="classification",
        signature=replace(signature, **more),
        variants=(Variant("fp32", "model.onnx"),),
        default_variant="fp32",
    )
    return LoadedModel(manifest, "fp32", session)


def test_the_answer_names_the_operating_point_that_it_used(session):
    """By default the version's own; else the caller's, who pays with missed lines."""
    model = loaded(session)
    (usual,) = model.predict(["!"])
    assert usual["decision"]["operating_point"] == "one_in_100"
    assert usual["decision"]["flagged"]
    assert usual["category"] == "loud"
    (strict,) = model.predict(["!"], options=Options(operating_point="one_in_1000"))
    assert strict["decision"]["operating_point"] == "one_in_1000"
    assert not strict["decision"]["flagged"]
    assert strict["scores"] == usual["scores"]


def test_an_unknown_operating_point_is_refused_with_those_there_are(session):
    """Also where a version has none: the caller counts on one."""
    with pytest.raises(Problem, match="one_in_100") as caught:
        loaded(session).predict(["!"], options=Options(operating_point="all"))
    assert caught.value.pointer == "/options/operating_point"
    with pytest.raises(Problem, match="the model has none"):
        loaded(session, decision=None).predict(
            ["!"], options=Options(operating_point="all")
        )


def test_a_context_changes_the_decision_and_not_the_line_s_own_scores(session):
    """Only the last lines count, and blank ones do not."""
    model = loaded(session)
    plain, calm, heated, old = model.predict(
        [
            {"text": "a"},
            {"text": "a", "context": ["b", " ", "c"]},
            {"text": "a", "context": ["!!!", "b"]},
            {"text": "a", "context": ["!!!", "b", "c"]},
        ]
    )
    assert not plain["decision"]["flagged"]
    assert calm["decision"]["score"] == plain["decision"]["score"] == 0.5
    assert calm["decision"]["context_lines"] == 2
    assert heated["decision"]["flagged"]
    assert heated["scores"] == plain["scores"]
    assert old["decision"] == calm["decision"]


def test_a_player_with_too_many_flagged_lines_is_for_review(session):
    """One flagged line of many is chance; three of five are not."""
    model = loaded(session)
    once = {"text": "a", "history": ["!", *["a"] * 9]}
    often = {"text": "!", "history": ["a", "!", "!", "a"]}
    first, second = (answer["player"] for answer in model.predict([once, often]))
    assert (first["lines"], first["flagged"], first["review"]) == (11, 1, False)
    assert (second["lines"], second["flagged"], second["review"]) == (5, 3, True)
    want = sum(comb(5, k) * 0.01**k * 0.99 ** (5 - k) for k in (3, 4, 5))
    assert second["probability_if_neutral"] == pytest.approx(want, rel=1e-6)


def test_a_long_line_is_judged_in_parts_before_the_decision(session):
    """Of the line, and of the context's lines."""
    model = loaded(session)
    long = "a" * 30 + " !!!"
    own, beside = model.predict([long, {"text": "a", "context": [long]}])
    assert own["judged_part"]["of"] == 2
    assert own["decision"]["flagged"]
    assert beside["decision"]["flagged"]


@pytest.mark.parametrize("bad", ["gg", {"0": "gg"}, ["gg", 1]])
def test_earlier_lines_of_a_wrong_type_are_refused_by_name(session, bad):
    """A list of strings, oldest first."""
    with pytest.raises(Problem, match="/1/context"):
        loaded(session).predict(["a", {"text": "a", "context": bad}])


lines = st.lists(st.text("a! ", max_size=50), max_size=12)
rows = st.lists(
    st.fixed_dictionaries(
        {"text": st.text("a!", min_size=1, max_size=50)},
        optional={"context": lines, "history": lines},
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=50, deadline=None)
@given(rows)
def test_answers_are_those_of_one_input_alone(session, inputs):
    """Lines that several inputs share are judged once, and change no answer."""
    model = loaded(session)
    for given_, answer in zip(inputs, model.predict(inputs), strict=True):
        (alone,) = model.predict([given_])
        assert alone["decision"]["score"] == pytest.approx(answer["decision"]["score"])
        assert alone.get("player", {}).get("flagged") == answer.get("player", {}).get(
            "flagged"
        )
        score, point = answer["decision"]["score"], POINTS["one_in_100"]
        assert answer["decision"]["flagged"] == (score >= point.threshold)


def test_a_signature_with_a_decision_is_read_from_its_own_json():
    """The manifest carries it."""
    for decision in (DECISION, SCRIPTS):
        signature = Signature((), (), labels=("ok", "bad"), decision=decision)
        assert Signature.from_json(signature.to_json()) == signature


def test_a_default_that_is_no_operating_point_is_refused():
    """A version must be able to say which it used."""
    with pytest.raises(IntegrityError, match="usual"):
        Decision(("bad",), POINTS, "usual")


HAN = ScriptDecision(
    {
        "one_in_100": OperatingPoint(0.9, 0.02),
        "one_in_1000": OperatingPoint(0.999, 0.002),
    },
    offset=1.0,
)
SCRIPTS = replace(DECISION, scripts={"Han": HAN}, severity={"mild": 1, "loud": 3})


def test_a_script_has_thresholds_and_a_calibration_of_its_own(session):
    """One Han character decides; the answer says so, and counts no context."""
    model = loaded(session, decision=SCRIPTS)
    plain, han, beside = model.predict(
        ["a!", "好!", {"text": "好!", "context": ["!!!"]}]
    )
    assert "script" not in plain["decision"]
    assert plain["decision"]["flagged"]
    odds = 2 * 1  # of one exclamation mark
    assert han["decision"] == {
        "operating_point": "one_in_100", "script": "Han", "threshold": 0.9,
        "score": pytest.approx(1 / (1 + exp(-(odds + 1)))), "flagged": True,
    }  # fmt: skip
    assert beside["decision"] == {**han["decision"], "context_lines": 0}


def test_the_lines_of_a_player_have_the_thresholds_of_their_scripts(session):
    """And the rate is their mean."""
    model = loaded(session, decision=SCRIPTS)
    (answer,) = model.predict([{"text": "a", "history": ["好!", "!", "好"]}])
    assert (answer["player"]["lines"], answer["player"]["flagged"]) == (4, 2)
    rate = (2 * 0.01 + 2 * 0.02) / 4
    want = 1 - (1 - rate) ** 4 - 4 * rate * (1 - rate) ** 3
    assert answer["player"]["probability_if_neutral"] == pytest.approx(want)


def test_a_category_is_rated(session):
    """As the version says."""
    loud, mild = loaded(session, decision=SCRIPTS).predict(["!", "a"])
    assert (loud["category"], loud["severity"]) == ("loud", 3)
    assert (mild["category"], mild["severity"]) == ("mild", 1)
    (unrated,) = loaded(session).predict(["!"])
    assert "severity" not in unrated


def test_severity_and_scripts_fit_the_signature(session):
    """Each category is rated, and one text has a script."""
    manifest = loaded(session).manifest
    rated = replace(SCRIPTS, conversation=None, severity={"mild": 1})
    signature = replace(manifest.signature, inputs=(), decision=rated)
    wrong = replace(manifest, signature=signature)
    with pytest.raises(IntegrityError) as caught:
        signature_check.check(wrong, {}, {})
    assert "scripts take one input of form text" in str(caught.value)
    assert "rates each category and no other: 'loud'" in str(caught.value)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"scripts": {"Chinese": HAN}}, "'Chinese' is none of Han"),
        ({"scripts": {"Han": ScriptDecision({})}}, "other operating points"),
        ({"severity": {"mild": 0}}, "whole number from 1"),
    ],
)
def test_wrong_scripts_and_severities_are_refused(more, said):
    """Before a version is published."""
    with pytest.raises(IntegrityError, match=said):
        replace(DECISION, **more)

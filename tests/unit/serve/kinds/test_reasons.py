"""Reasons of texts, moves and generated items, and what they are called."""

import json
from itertools import count

import numpy as np
import pytest

from hotseat_registry import Input, Output, Signature
from hotseat_registry.errors import IntegrityError
from hotseat_serve import rules
from hotseat_serve.kinds import (
    background,
    move_reasons,
    reason_codes,
    text_reasons,
    text_spans,
)
from hotseat_serve.kinds.rule_reasons import Refusals
from hotseat_serve.problems import Problem
from hotseat_serve.rules import connect_four, sokoban
from hotseat_serve.shapley.graph_nodes import UnsuitableError

FOUR = Signature(
    (Input("board", "FP32", (-1, 2, 6, 7), "board"),),
    (Output("policy", "FP32", (-1, 7)), Output("value", "FP32", (-1,))),
    rules="connect-four",
)


def scored(text):
    """Return an answer that two words decide together, and one by itself."""
    words = set(text.split())
    value = 0.5 * ({"not", "good"} <= words) + 0.25 * ("gg" in words)
    return {"label": "bad", "scores": {"bad": value}}


def explained(text, rows=4, go_on=lambda: False):
    """Return the explanation of a text."""
    sizes = []

    def predict(texts):
        sizes.append(len(texts))
        return [scored(one) for one in texts]

    found = text_reasons.explain(
        text,
        predict,
        lambda answer: answer["scores"]["bad"],
        go_on,
        rows,
        scored(text)["scores"]["bad"],
    )
    assert max(sizes) <= rows
    return found


def test_two_words_share_what_they_do_together():
    """Exact for a short text: leaving out either takes all, so each has half."""
    found = explained("not good gg")
    weights = {part["part"]: part["weight"] for part in found["parts"]}
    assert weights == pytest.approx({"not": 0.25, "good": 0.25, "gg": 0.25})
    assert found["parts"][1]["at"] == [4, 8]
    assert found["additivity_error"] < 1e-12


def test_a_longer_text_is_sampled_in_time():
    """The weights add up, however early the time is over."""
    text = "not a very good day today my friends gg"
    short = explained(text)
    turns = count()
    long = explained(text, go_on=lambda: next(turns) < 50)
    assert short["evaluations"] < long["evaluations"]
    for found in (short, long):
        assert sum(part["weight"] for part in found["parts"]) == pytest.approx(0.75)
    weights = {part["part"]: part for part in long["parts"]}
    assert weights["gg"]["weight"] == pytest.approx(0.25)
    near = 5 * weights["not"]["standard_error"]
    assert weights["not"]["weight"] == pytest.approx(0.25, abs=near)


def test_spans_of_a_long_text_are_several_words():
    """At most so many spans, without a gap between the words of one."""
    spans = list(text_spans.words("a b c d e f g"))
    joined = text_spans.joined(spans, 3)
    assert [span.shown for span in joined] == ["a b", "c d e", "f g"]
    assert (joined[0].start, joined[-1].end) == (0, 13)
    found = explained("word " * 200, rows=256)
    assert len(found["parts"]) == text_reasons.MAX_SPANS
    with pytest.raises(Problem, match="which is the limit"):
        explained("a" * 50_000)
    with pytest.raises(Problem, match="no part"):
        explained("  ")


def test_moves_have_the_value_of_what_follows():
    """The winning move is certain; the others are the network's, for the mover."""
    board = [[0] * 7 for _ in range(5)] + [[1, 1, 1, 0, 2, 2, 2]]
    sizes = []

    def run(tensors):
        planes = tensors["board"]
        sizes.append(len(planes))
        return {"value": np.linspace(0.5, -0.5, len(planes), dtype=np.float32)}

    answer = {"action": "3", "actions": {"3": 0.9, "0": 0.1}}
    found = move_reasons.explain(FOUR, {"board": board}, "/input", answer, run)
    parts = {part["part"]: part for part in found["parts"]}
    assert sizes == [7]  # the position and six moves that end nothing
    assert found["base"] == pytest.approx(0.5)
    assert parts["3"]["ends"]
    assert parts["3"]["value"] == 1.0
    assert parts["3"]["weight"] == pytest.approx(0.5)
    assert parts["6"]["value"] == pytest.approx(0.5)
    assert parts["0"]["probability"] == 0.1
    given = {"board": board, "legal": ["0", "3"]}
    found = move_reasons.explain(FOUR, given, "/input", answer, run)
    assert [part["part"] for part in found["parts"]] == ["0", "3"]


def test_moves_need_rules_and_a_value():
    """Without them, a reason says what is missing."""
    without = Signature(FOUR.inputs, FOUR.outputs)
    with pytest.raises(UnsuitableError, match="no rules"):
        move_reasons.explain(without, [], "", {}, dict)
    mute = Signature(FOUR.inputs, FOUR.outputs[:1], rules="connect-four")
    with pytest.raises(UnsuitableError, match="no value"):
        move_reasons.explain(mute, [], "", {}, dict)
    assert rules.game("connect-four") is connect_four.GAME


LEVELS = {
    "tiles": ["####", "#@x#", "####"],
    "players": ["#####", "#$. #", "#####"],
    "boxes_and_goals": ["#####", "#@$ #", "#####"],
    "open_wall": ["#####", "#@$. ", "#####"],
    "outside_the_wall": ["#######", "#@ #$.#", "#######"],
    "other_boxes": ["######", "#@$. #", "######"],
    "solved_already": ["#####", "#@* #", "#####"],
    "stuck_box": ["#####", "#@ .#", "#$  #", "#####"],
}


@pytest.mark.parametrize("rule", LEVELS)
def test_a_refused_level_names_its_rule(rule):
    """Each way in which `check` refuses has a name."""
    rows = LEVELS[rule]
    wish = {"boxes": 2} if rule == "other_boxes" else {}
    assert sokoban.check(rows, wish, lambda: False) is None
    assert sokoban.refusal(rows, wish, lambda: False) == rule


def test_refusals_are_counted_by_rule():
    """The share of the tried candidates, with the first of each rule."""
    refused = Refusals("sokoban")
    for name in ("tiles", "tiles", "open_wall"):
        refused(LEVELS[name], {}, lambda: False)
    found = refused.to_json(4)
    assert [(p["part"], p["weight"], p["count"]) for p in found["parts"]] == [
        ("tiles", -0.5, 2), ("open_wall", -0.25, 1),
    ]  # fmt: skip
    assert found["parts"][0]["example"] == LEVELS["tiles"]


def test_reasons_are_read_and_translated():
    """By direction; a missing language is the file's own, a weight of 0 has none."""
    file = {"format": 1, "language": "en", "reasons": {"hours": {
        "for": {"code": "H1", "texts": {"en": "{part}: {answer}", "fr": "{part} !"}},
        "against": {"code": "H2"},
    }}}  # fmt: skip
    reasons = reason_codes.read(json.dumps(file).encode())
    parts = [{"part": "hours", "weight": w} for w in (1.0, -1.0, 0.0)]
    found = reasons.described([*parts, {"part": "x", "weight": 1.0}], "leaves", None)
    assert [(p.get("code"), p.get("text")) for p in found] == [
        ("H1", "hours: leaves"), ("H2", None), (None, None), (None, None),
    ]  # fmt: skip
    assert reasons.described(parts, "leaves", "fr")[0]["text"] == "hours !"
    assert reasons.described(parts, "leaves", "xx")[0]["text"] == "hours: leaves"
    assert reasons.languages() == ["en", "fr"]


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000])
def test_damaged_files_are_refused(data):
    """No such file breaks an answer with anything else than its own error."""
    for read in (reason_codes.read, lambda data: background.read(data, ())):
        with pytest.raises(IntegrityError):
            read(data)

"""The pretrained models explain themselves, in bars and on a page."""

import json
from html.parser import HTMLParser

import pytest

from hotseat_registry import Manifest
from hotseat_serve.kinds.explain_options import ExplainOptions
from hotseat_serve.kinds.options import Options
from hotseat_serve.kinds.request_context import RequestContext
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_serve.runtime.session import Session
from hotseat_train.pipeline.train import PRETRAINED
from hotseat_train.reports import explanation_bars, explanation_page

BOARD = [[0] * 7 for _ in range(5)] + [[1, 1, 1, 0, 2, 2, 2]]
GIVEN = {
    "chat-moderation": "you are trash, noob team",
    "connect-four": BOARD,
    "sokoban-levels": {"boxes": 2},
}
METHODS = {"chat-moderation": "spans", "connect-four": "moves",
           "sokoban-levels": "rules"}  # fmt: skip


def opened(name):
    """Open a pretrained graph as it lies in the package."""
    folder = PRETRAINED / name
    manifest = Manifest.from_json(json.loads((folder / "manifest.json").read_bytes()))
    variant = next(v for v in manifest.variants if (folder / v.file).exists())
    session = Session(folder / variant.file, optimized=bool(variant.optimized))
    return LoadedModel(manifest, variant.name, session)


class Balanced(HTMLParser):
    """Collects the texts of a page whose elements are all closed."""

    def __init__(self):
        super().__init__()
        self.open, self.marks, self.bars, self.texts = [], [], 0, []

    def handle_starttag(self, tag, attrs):
        del attrs
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        del attrs
        self.bars += tag == "rect"

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)
        if self.open and self.open[-1] == "mark":
            self.marks.append(data)


@pytest.mark.parametrize("name", GIVEN)
def test_each_kind_is_explained_and_drawn(name):
    """A part for each word, move and rule; a bar for each part."""
    model, options = opened(name), Options(seed=4)
    found = model.explain(GIVEN[name], "/input", options)
    assert found["method"] == METHODS[name]
    assert len(explanation_bars.lines(found)) >= 3 + len(found["parts"])
    page = Balanced()
    page.feed(explanation_page.page(f"{name}@1", GIVEN[name], found))
    assert page.open == []
    assert page.bars == len(found["parts"])
    if name == "chat-moderation":
        assert {"trash", "noob"} <= set(page.marks)
        heaviest = max(found["parts"], key=lambda part: part["weight"])
        assert heaviest["part"] == "noob"
        total = found["base"] + sum(part["weight"] for part in found["parts"])
        # int8 rounds a line among others otherwise than alone
        assert total == pytest.approx(found["probability"], abs=0.02)
        off = abs(total - found["probability"])
        assert found["additivity_error"] == pytest.approx(off, abs=1e-9)


def test_the_winning_move_has_the_highest_value():
    """It ends the game, so its value is certain."""
    found = opened("connect-four").explain(BOARD, "/input")
    best = max(found["parts"], key=lambda part: part["value"])
    assert (best["part"], best["value"], best["ends"]) == ("3", 1.0, True)
    assert found["evaluations"] == len(found["parts"])  # the position, one ends


def test_a_wish_that_none_met_says_which_rule_refused():
    """No item, and no error: why is what was asked for."""
    model = opened("sokoban-levels")
    context = RequestContext()
    context.generation_seconds = 1e-9  # the first candidate is the last, and refused
    found = model.explain({"boxes": 2}, "/input", Options(seed=4), context)
    context.generation_seconds = None
    assert found["item"] == []
    assert "none of 1 candidates" in found["note"]
    assert sum(part["count"] for part in found["parts"]) == found["tried"]
    assert sum(part["weight"] for part in found["parts"]) == pytest.approx(-1)
    assert explanation_bars.headline(found) == "no item"
    again = model.predict([{"boxes": 2}], options=Options(seed=4), context=context)
    assert again[0]["item"]  # the next request of the context is not explained


@pytest.mark.parametrize(
    ("name", "method"), [("chat-moderation", "moves"), ("connect-four", "spans")]
)
def test_a_method_that_does_not_suit_is_refused(name, method):
    """The caller reads which, and why."""
    from hotseat_serve.problems import Problem

    options = Options(explain=ExplainOptions(method))
    with pytest.raises(Problem, match=f"the method {method} does not suit"):
        opened(name).explain(GIVEN[name], "/input", options)

"""The version on the device against the service: same answers, same refusals."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from hotseat import _inference_request
from hotseat._device.boards import connect_four, connect_four_glance
from hotseat._device.bundle import Bundle
from hotseat._device.graph import Graph
from hotseat._device.warnings import Warnings
from hotseat.errors import StatusError, TransportError
from hotseat_registry import Input, Manifest, Output, Reference, Registry, Signature
from hotseat_registry.decision import (
    Conversation,
    Decision,
    OperatingPoint,
    ScriptDecision,
)
from hotseat_registry.manifest import Variant
from hotseat_registry.signature import Field, Level
from hotseat_registry.testing import MemoryStore
from hotseat_serve.api.downloads import Downloads
from hotseat_serve.codec.non_finite import finite
from hotseat_serve.kinds.options import Options
from hotseat_serve.kinds.request_context import RequestContext
from hotseat_serve.problems import Problem
from hotseat_serve.rules.connect_four import GAME
from hotseat_serve.runtime.loader import load
from hotseat_serve.settings import Settings

ROOT = Path(__file__).parents[3]
TRAINED = ROOT / "training/hotseat_train/trained/connect-four/model.onnx"
TYPES = {"FP32": TensorProto.FLOAT, "INT64": TensorProto.INT64,
         "BYTES": TensorProto.STRING, "BOOL": TensorProto.BOOL,
         "UINT8": TensorProto.UINT8}  # fmt: skip


def graph(path, nodes, inputs, outputs, constants=()):
    """Write a graph; inputs and outputs are (name, type, shape)."""
    told = [
        [helper.make_tensor_value_info(
            name, TYPES[kind], ["n", *(f"d{n}" if n < 0 else n for n in shape[1:])]
            if shape else [])
         for name, kind, shape in group]
        for group in (inputs, outputs)
    ]  # fmt: skip
    made = helper.make_graph(
        nodes, "g", *told, [numpy_helper.from_array(a, n) for n, a in constants]
    )
    model = helper.make_model(
        made,
        opset_imports=[helper.make_opsetid("", 17),
                       helper.make_opsetid("ai.onnx.ml", 2),
                       helper.make_opsetid("com.microsoft", 1)],
        ir_version=9,
    )  # fmt: skip
    onnx.save(model, path)
    return path


def churn(path):
    """Named numbers in, two labels out."""
    weights = np.array([[0.5, -0.5], [-1, 1], [0.01, 0.02]], np.float32)
    graph(
        path,
        [helper.make_node("MatMul", ["x", "w"], ["y"]),
         helper.make_node("Softmax", ["y"], ["scores"])],
        [("x", "FP32", (-1, 3))],
        [("scores", "FP32", (-1, 2))],
        [("w", weights)],
    )  # fmt: skip
    fields = (
        Field("hours", minimum=0, maximum=24, observed=(1, 12)),
        Field("won", default=0.5, observed=(0, 1)),
        Field("a/b~c", default=1.0),
    )
    return "classification", Signature(
        inputs=(Input("x", "FP32", (-1, 3), "features", fields=fields),),
        outputs=(Output("scores", "FP32", (-1, 2)),),
        labels=("stays", "leaves"),
        max_rows=5,
    )


def price(path):
    """A category and a number, both as texts, in; a value out."""
    graph(
        path,
        [helper.make_node("LabelEncoder", ["x"], ["codes"], domain="ai.onnx.ml",
                          keys_strings=["elf", "orc"], values_floats=[1.5, 2.5],
                          default_float=-1.0),
         helper.make_node("ReduceSum", ["codes", "axes"], ["value"], keepdims=1)],
        [("x", "BYTES", (-1, 2))],
        [("value", "FP32", (-1, 1))],
        [("axes", np.array([1]))],
    )  # fmt: skip
    fields = (
        Field("race", "category", categories=("elf", "orc")),
        Field("guild", "category", default="none", known=("elf", "orc", "7")),
    )
    return "regression", Signature(
        inputs=(Input("x", "BYTES", (-1, 2), "features", fields=fields),),
        outputs=(Output("value", "FP32", (-1, 1)),),
    )


def grid(path):
    """A small board without rules, and a number beside it."""
    graph(
        path,
        [helper.make_node("ReduceSum", ["board", "axes"], ["sum"], keepdims=0),
         helper.make_node("Add", ["sum", "bonus"], ["both"]),
         helper.make_node("Cast", ["both"], ["value"], to=TensorProto.FLOAT)],
        [("board", "INT64", (-1, 2, 2)), ("bonus", "INT64", (-1,))],
        [("value", "FP32", (-1,))],
        [("axes", np.array([1, 2]))],
    )  # fmt: skip
    return "regression", Signature(
        inputs=(
            Input("board", "INT64", (-1, 2, 2), "board", minimum=0, maximum=9),
            Input("bonus", "INT64", (-1,), "tensor"),
        ),
        outputs=(Output("value", "FP32", (-1,)),),
    )


def ages(path):
    """Lists of any length, a number beside all of them, truth values and strings."""
    graph(
        path,
        [helper.make_node("ReduceSum", ["lists", "axes"], ["sum"], keepdims=0),
         helper.make_node("Cast", ["flags"], ["flag"], to=TensorProto.FLOAT),
         helper.make_node("Cast", ["small"], ["little"], to=TensorProto.FLOAT),
         helper.make_node("LabelEncoder", ["names"], ["ann"], domain="ai.onnx.ml",
                          keys_strings=["ann"], values_floats=[1.0],
                          default_float=0.0),
         helper.make_node("Sum", ["sum", "flag", "little", "ann"], ["all"]),
         helper.make_node("Mul", ["all", "factor"], ["value"])],
        [("lists", "FP32", (-1, -1)), ("factor", "FP32", ()), ("flags", "BOOL", (-1,)),
         ("small", "UINT8", (-1,)), ("names", "BYTES", (-1,))],
        [("value", "FP32", (-1,))],
        [("axes", np.array([1]))],
    )  # fmt: skip
    return "regression", Signature(
        inputs=(
            Input("lists", "FP32", (-1, -1), "tensor"),
            Input("factor", "FP32", (), "tensor"),
            Input("flags", "BOOL", (-1,), "tensor"),
            Input("small", "UINT8", (-1,), "tensor"),
            Input("names", "BYTES", (-1,), "tensor"),
        ),
        outputs=(Output("value", "FP32", (-1,)),),
        non_finite=True,
    )


def mood(path):
    """A text in, two labels out."""
    rows = np.array([[0.1, 0.9], [0.7, 0.3]], np.float32)
    graph(
        path,
        [helper.make_node("LabelEncoder", ["text"], ["row"], domain="ai.onnx.ml",
                          keys_strings=["good"], values_int64s=[0], default_int64=1),
         helper.make_node("Gather", ["rows", "row"], ["scores"])],
        [("text", "BYTES", (-1,))],
        [("scores", "FP32", (-1, 2))],
        [("rows", rows)],
    )  # fmt: skip
    return "classification", Signature(
        inputs=(Input("text", "BYTES", (-1,), "text", max_bytes=20),),
        outputs=(Output("scores", "FP32", (-1, 2)),),
        labels=("negative", "positive"),
        max_rows=4,
    )


def _ruled(path, rule):
    """A text of 12 bytes in, bad by its exclamation marks; a question mark is NaN."""
    graph(
        path,
        [helper.make_node("Tokenizer", ["text"], ["chars"], domain="com.microsoft",
                          mark=0, pad_value="\0", mincharnum=1, separators=[""]),
         helper.make_node("LabelEncoder", ["chars"], ["marks"], domain="ai.onnx.ml",
                          keys_strings=["!", "?"], values_floats=[1.0, float("nan")],
                          default_float=0.0),
         helper.make_node("ReduceSum", ["marks", "axes"], ["bad"], keepdims=1),
         helper.make_node("Neg", ["bad"], ["ok"]),
         helper.make_node("Concat", ["ok", "bad"], ["logits"], axis=1),
         helper.make_node("Softmax", ["logits"], ["scores"], axis=1)],
        [("text", "BYTES", (-1,))],
        [("scores", "FP32", (-1, 2))],
        [("axes", np.array([1]))],
    )  # fmt: skip
    item = Input("text", "BYTES", (-1,), "text", max_bytes=12, too_long=rule)
    return "classification", Signature(
        inputs=(item,),
        outputs=(Output("scores", "FP32", (-1, 2)),),
        labels=("ok", "bad"),
        neutral_label="ok",
        max_rows=4,
    )


def cut(path):
    """Long texts are cut."""
    return _ruled(path, "cut")


def parts(path):
    """Long texts are judged in parts."""
    return _ruled(path, "parts")


def talk(path):
    """Operating points, context and history."""
    kind, signature = _ruled(path, "parts")
    rule = Conversation(-0.5, 0.9, 0.4, lines=2, history=3)
    decision = Decision(
        ("bad",),
        {"usual": OperatingPoint(0.6, 0.01), "rare": OperatingPoint(0.95, 0.001)},
        "usual",
        offset=-0.1,
        scale=0.8,
        conversation=rule,
        scripts={
            "Han": ScriptDecision(
                {
                    "usual": OperatingPoint(0.4, 0.02),
                    "rare": OperatingPoint(0.9, 0.003),
                },
                offset=0.2,
            )
        },
    )
    return kind, replace(signature, decision=decision)


def four(path):
    """Connect Four's trained network."""
    path.write_bytes(TRAINED.read_bytes())
    return "policy", Signature(
        inputs=(Input("board", "FP32", (-1, 2, 6, 7), "board"),),
        outputs=(Output("policy", "FP32", (-1, 7)), Output("value", "FP32", (-1,))),
        labels=tuple("0123456"),
        max_rows=64,
        rules="connect-four",
        levels={"easy": Level(2.0), "hard": Level(0.0, 1), "best": Level(0.0, 400)},
    )


def linear(path, width, activation):
    """A graph of another's: an output of any name, logits in place of probabilities."""
    weights = np.array([[0.5, -0.5, 1], [-1, 1, 2], [2, 3, -4]], np.float32)[:, :width]
    graph(
        path,
        [helper.make_node("MatMul", ["x", "w"], ["logits"])],
        [("x", "FP32", (-1, 3))],
        [("logits", "FP32", (-1, width))],
        [("w", weights)],
    )
    scores = Output("logits", "FP32", (-1, width), role="scores", activation=activation)
    return "classification", Signature(
        inputs=(Input("x", "FP32", (-1, 3), "tensor"),),
        outputs=(scores,),
        labels=("calm", "angry", "sad")[: max(width, 2)],
    )


def logits(path):
    """Three logits."""
    return linear(path, 3, "softmax")


def column(path):
    """One logit of two labels."""
    return linear(path, 1, "sigmoid")


MAKERS = {"logits": logits, "column": column, "churn": churn, "price": price,
          "grid": grid, "ages": ages, "mood": mood,
          "cut": cut, "parts": parts, "talk": talk, "four": four}  # fmt: skip


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Each model as the service has it, and as a device does that fetched it."""
    folder = tmp_path_factory.mktemp("models")
    registry = Registry(MemoryStore())
    chosen = Settings(cache=str(folder / "cache"), downloads="*")
    made = {}
    for name, maker in MAKERS.items():
        path = folder / f"{name}.onnx"
        kind, signature = maker(path)
        registry.publish(
            Manifest(name, kind, signature, (Variant("fp32", "model.onnx"),), "fp32"),
            {"model.onnx": path},
            by="ada",
        )
        told = Downloads(registry, chosen).version(name, "1")
        bundle = Bundle.read(json.loads(json.dumps(told)), name)
        here = folder / name
        here.mkdir()
        (here / "model.onnx").write_bytes(path.read_bytes())
        service = load(registry, Reference(name, version=1), chosen)
        made[name] = service, Graph.open(bundle, here, lambda: 0.0)
    return made


def both(pair, inputs, options=None):
    """Ask both; return what each says and warns of, or how it refuses.

    A refusal is its code, pointer and words.
    """
    service, device = pair
    inputs = json.loads(_inference_request.to_json(inputs))
    places = [f"/inputs/{n}" for n in range(len(inputs))]
    context, warnings = RequestContext(), Warnings()
    try:
        asked = Options.read({"options": options} if options else {}, context.warnings)
        told = service.predict(inputs, places, asked, context)
        finite(told, places, context.warnings)
        told = [*told, context.warnings.to_json()]
    except Problem as problem:
        told = problem.code, problem.pointer, problem.detail
    try:
        found = device.answer(inputs, places, options or {}, warnings)
        found = [*found, warnings.to_json()]
    except StatusError as error:
        found = error.code, error.pointer, error.detail
    return told, found


numbers = st.integers(-3, 30) | st.floats(-1e6, 1e6)
scalars = st.none() | st.booleans() | numbers | st.text(max_size=6)
texts = st.sampled_from(["good", "bad", "", "  ", "a\0b", "好" * 7, "x" * 21, "🎮"])
long = st.text(st.sampled_from("a b!雪🎮 \n\0?"), max_size=60) | st.builds(
    str.__mul__, st.sampled_from(["word ", "雪", " ", "!"]), st.integers(1, 50)
)
cells = st.lists(st.lists(st.integers(-1, 10) | scalars, min_size=1, max_size=3),
                 min_size=1, max_size=3)  # fmt: skip
triples = st.lists(st.floats(-400, 400, width=32), min_size=3, max_size=3)
INPUTS = {
    "logits": triples | scalars,
    "column": triples | scalars,
    "churn": st.fixed_dictionaries(
        {},
        optional={
            "hours": scalars,
            "won": scalars,
            "a/b~c": scalars,
            "Hour": scalars,
            "wons": scalars,
            "x" * 90: scalars,
        },
    )
    | scalars,
    "price": st.fixed_dictionaries(
        {"race": st.sampled_from(["elf", "orc"]) | scalars},
        optional={
            "guild": st.sampled_from(["elf", "orc", "none", "ELF", 7, 8]) | scalars,
            "gild": scalars,
        },
    ),
    "ages": st.fixed_dictionaries(
        {
            "lists": st.lists(st.none() | numbers, max_size=3) | scalars | cells,
            "factor": st.sampled_from([2, 2, 2, None, "2", 1e39]),
            "flags": st.booleans() | st.sampled_from([0, 1, 2, "no"]),
            "small": st.sampled_from([0, 255, 256, -1, 1.0, 1.5, 2**70, 10**400]),
            "names": st.sampled_from(["ann", "bob", "", "好"]) | scalars,
        },
        optional={"factors": scalars},
    ),
    "grid": st.fixed_dictionaries(
        {}, optional={"board": cells, "bonus": scalars | st.just([])}
    )
    | cells,
    "mood": texts | st.fixed_dictionaries({"text": texts | scalars}) | scalars,
    "cut": long | st.fixed_dictionaries({"text": long | scalars}) | scalars,
    "parts": long | st.fixed_dictionaries({"text": long | scalars}) | scalars,
    "talk": long
    | st.fixed_dictionaries(
        {"text": long},
        optional={
            "context": st.lists(long | scalars, max_size=4) | scalars,
            "history": st.lists(long | scalars, max_size=4) | scalars,
        },
    ),
}


FITTING = {
    "logits": triples,
    "column": triples,
    "churn": st.fixed_dictionaries(
        {"hours": st.integers(0, 24) | st.floats(0, 24)},
        optional={"won": st.booleans() | st.floats(-2, 2), "wons": scalars},
    ),
    "price": st.fixed_dictionaries(
        {"race": st.sampled_from(["elf", "orc"])},
        optional={"guild": st.sampled_from(["elf", "orcs", "none", 7, 8]),
                  "gild": scalars},
    ),
    "ages": st.fixed_dictionaries(
        {
            "lists": st.lists(st.none() | st.floats(-9, 9), min_size=2, max_size=2),
            "factor": st.sampled_from([2, 2.0]), "flags": st.booleans(),
            "small": st.integers(0, 255), "names": st.sampled_from(["ann", "", "好"]),
        },
        optional={"factors": scalars},
    ),
    "grid": st.fixed_dictionaries(
        {"board": st.just([[0, 1], [9, 2.0]]), "bonus": st.integers(-9, 9)},
        optional={"boards": scalars, "BONUS": scalars},
    ),
    "mood": st.sampled_from(["good", "bad", "a\0b"])
    | st.fixed_dictionaries({"text": st.just("好")}, optional={"texts": scalars}),
    "cut": st.text("a !", min_size=1, max_size=40).map("x".__add__),
    "parts": st.text("ab !雪", min_size=1, max_size=60).map("x".__add__)
    | st.fixed_dictionaries({"text": st.just("雪 " * 20)}, optional={"texts": scalars}),
    "talk": st.fixed_dictionaries(
        {"text": st.text("ab !雪", min_size=1, max_size=30).map("x".__add__)},
        optional={
            "context": st.lists(st.text("a !", max_size=30), max_size=5),
            "history": st.lists(st.text("a !雪", max_size=30), max_size=5),
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(INPUTS))
@settings(max_examples=150, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(data=st.data())
def test_the_device_answers_as_the_service(pairs, name, data):
    """Text, features, boards: answer by answer, or refusal by refusal, word by word."""
    one = data.draw(st.sampled_from([INPUTS[name], FITTING[name]]))
    inputs = data.draw(st.lists(one, min_size=1, max_size=6))
    options = data.draw(
        st.sampled_from(
            [None, {"strict": True}, {"heat": 1}, {"operating_point": "rare"}]
        )
    )
    told, found = both(pairs[name], inputs, options)
    assert found == told


def positions(count):
    """Return boards of random games that go on."""
    random, found = np.random.default_rng(5), []
    while len(found) < count:
        state = GAME.start()
        for _ in range(int(random.integers(0, 30))):
            if GAME.outcome(state) is None:
                state = GAME.apply(state, int(random.choice(GAME.legal(state))))
        if GAME.outcome(state) is None:
            found.append(GAME.board(state))
    return found


@pytest.mark.parametrize(
    "options",
    [{}, {"level": "easy", "seed": 7},
     {"temperature": 0.7, "seed": 3}, {"temperature": 0, "seed": (1 << 53) - 1}],
)  # fmt: skip
def test_a_policy_plays_the_same_moves(pairs, options):
    """Network only: the same action, probabilities, value and seed on 60 positions."""
    told, found = both(pairs["four"], positions(60), options)
    assert found == told
    assert {answer["action"] for answer in found[:-1]} > {"3"}


def test_a_level_that_searches_plays_the_services_hard(pairs):
    """On the device `best` is `hard`: the service's moves, and its certain values."""
    boards = positions(60)
    told, found = both(pairs["four"], boards, {"level": "hard"})
    told, found = told[:-1], found[:-1]
    assert [one["action"] for one in found] == [one["action"] for one in told]
    certain = [
        (here["value"], there["value"])
        for board, here, there in zip(boards, found, told, strict=True)
        if GAME.tactical_shortcut(GAME.read(board))[1] is not None
    ]
    assert certain
    assert all(here == there for here, there in certain)
    _, device = pairs["four"]
    places = [f"/inputs/{n}" for n in range(len(boards))]
    assert device.answer(boards, places, {"level": "best"}) == found


@pytest.mark.parametrize("legal", [["2", 4], [6], [], ["9"], "3", [None], [True]])
def test_a_games_own_legal_moves_are_kept(pairs, legal):
    """What the game allows is what either chooses from, or refuses."""
    told, found = both(
        pairs["four"], [{"board": b, "legal": legal} for b in positions(3)]
    )
    assert found == told


full = [[1 + (row // 2 + column) % 2 for column in range(7)] for row in range(6)]
BOARDS = [
    None, [], [[0] * 7] * 5, [[0] * 6] * 6, [[0] * 7] * 5 + [[3] + [0] * 6],
    [[0] * 7] * 5 + [[True] + [0] * 6], [[1] + [0] * 6] + [[0] * 7] * 5,
    [[0] * 7] * 5 + [[1, 1, 1, 1, 2, 2, 2]], [[0] * 7] * 5 + [[1, 1, 0, 0, 0, 0, 0]],
    [[0] * 7] * 5 + [[2, 0, 0, 0, 0, 0, 0]], [[0] * 7] * 5 + ["1000000"],
    [[0] * 7] * 2 + [[1] + [0] * 6] * 4, full, "board", {"board": 3}, {"other": 1},
]  # fmt: skip


@pytest.mark.parametrize("board", BOARDS, ids=range(len(BOARDS)))
def test_a_board_that_is_no_position_is_refused_alike(pairs, board):
    """Shape, cells, turn, gravity, a game that is over."""
    told, found = both(pairs["four"], [board])
    assert found == told
    assert told[0] == "invalid_input"


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 6), max_size=41))
def test_any_game_is_read_alike(moves):
    """Both see the same planes and two plies of it, or both say that it is over."""
    state = GAME.start()
    for move in moves:
        if GAME.outcome(state) is None and move in GAME.legal(state):
            state = GAME.apply(state, move)
    board = GAME.board(state)
    if GAME.outcome(state) is None:
        planes = connect_four(board)
        assert np.array_equal(planes, GAME.encode(GAME.read(board)))
        actions, proven = connect_four_glance(planes)
        assert (tuple(actions), proven) == GAME.tactical_shortcut(state)
    else:
        with pytest.raises(ValueError, match="over"):
            connect_four(board)


@pytest.mark.parametrize(
    "options",
    [{"heat": 1, "strict": True}, {"strict": 1}, {"temperature": -1},
     {"temperature": True}, {"temperature": "1"}, {"seed": -1},
     {"seed": 1 << 53}, {"seed": 1.0},
     {"level": 3}, {"level": "nobody"}],
)  # fmt: skip
def test_options_are_refused_alike(pairs, options):
    """An option that is none, or none of its values, is the caller's to mend."""
    told, found = both(pairs["four"], positions(1), options)
    assert found == told
    assert told[0] == "invalid_input"


@pytest.mark.parametrize("options", [{"heat": 1}, {"a/b~c": 1}, {"Seed": 7}])
def test_an_unknown_option_is_warned_of_alike(pairs, options):
    """A newer game's option is answered without it, here as there."""
    told, found = both(pairs["four"], positions(1), options)
    assert found == told
    assert [one["code"] for one in found[-1]] == ["unknown_field"]


def test_a_number_that_is_not_finite_is_nothing_alike(pairs):
    """Null with a warning in the service's JSON, None with the same warning here."""
    row = {"lists": [None], "factor": 2, "flags": True, "small": 1, "names": "ann"}
    told, found = both(pairs["ages"], [row])
    assert found == told
    assert found[0] == {"value": None}
    assert found[1][0]["code"] == "not_finite"


def test_the_golden_rows_of_a_version_are_asked_here_too(pairs):
    """A row that comes out otherwise keeps the version from answering here."""
    _, device = pairs["mood"]
    right = {"rows": [{"input": "good", "expected": {"scores": {"positive": 0.9}}}],
             "tolerance": {"fp32": 1e-6}}  # fmt: skip
    device.check(json.dumps(right).encode())
    wrong = json.dumps(right).replace("0.9", "0.8").encode()
    with pytest.raises(TransportError, match="golden row is off by"):
        device.check(wrong)
    for broken in (b"{", b"{}", b'{"rows": [1], "tolerance": {}}'):
        with pytest.raises(TransportError, match="golden"):
            device.check(broken)

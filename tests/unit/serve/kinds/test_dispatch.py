"""What an answer looks like, by kind; which action is chosen, which item is made."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotseat_registry import (
    Field,
    Generation,
    Input,
    Level,
    Manifest,
    Output,
    Signature,
    Variant,
)
from hotseat_serve import rules
from hotseat_serve.kinds import dispatch
from hotseat_serve.kinds.inference_request import InferenceRequest
from hotseat_serve.kinds.options import Options
from hotseat_serve.kinds.request_context import RequestContext
from hotseat_serve.problems import Problem

NUMBER = Signature(
    inputs=(Input("x", "FP32", (-1, 1), "tensor"),),
    outputs=(Output("value", "FP32", (-1, 1)),),
)
MOVES = Signature(
    inputs=(Input("board", "INT8", (-1, 3), "board"),),
    outputs=(Output("policy", "FP32", (-1, 3)),),
    labels=("left", "middle", "right"),
    levels={"easy": Level(temperature=2.0), "best": Level()},
)
LEVELS = Signature(
    inputs=(
        Input("grid", "INT64", (-1, 2, 3), "tensor"),
        Input("wish", "FP32", (-1, 1), "features", fields=(Field("hard", default=0),)),
    ),
    outputs=(Output("logits", "FP32", (-1, 2)),),
    generation=Generation(height=2, width=3, alphabet=(" ", "#"), batch=4, batches=2),
)


def asked(signature, outputs, inputs, context=None, **options):
    """Ask a graph that always answers `outputs`, or what they say as a function."""
    return InferenceRequest(
        signature,
        outputs if callable(outputs) else lambda _tensors: outputs,
        inputs,
        [f"/{row}" for row in range(len(inputs))],
        Options(**options),
        context or RequestContext(),
    )


def policy(*rows):
    return {"policy": np.array(rows, np.float32)}


def test_a_regression_answers_its_value():
    """One number a row."""
    outputs = {"value": np.array([[0.5], [2.0]], np.float32)}
    answers = dispatch.regression(asked(NUMBER, outputs, [[1], [2]]))
    assert answers == [{"value": 0.5}, {"value": 2.0}]


def test_a_policy_answers_every_legal_action():
    """What has probability 0 is not legal; the best is the action."""
    outputs = {**policy([0.25, 0, 0.75]), "value": np.array([0.5], np.float32)}
    answers = dispatch.policy(asked(MOVES, outputs, [[0, 0, 0]]))
    assert answers == [
        {
            "actions": {"left": 0.25, "right": 0.75},
            "action": "right",
            "probability": 0.75,
            "value": 0.5,
        }
    ]


def test_the_models_own_mask_rules_actions_out():
    """An output named legal that is not above 0 forbids an action."""
    outputs = {**policy([0.2, 0.2, 0.6]), "legal": np.array([[1, 1, 0]])}
    (answer,) = dispatch.policy(asked(MOVES, outputs, [[0, 0, 0]]))
    assert answer["actions"] == {"left": 0.5, "middle": 0.5}


def test_the_callers_mask_decides_even_against_the_model():
    """Among the actions the caller names, all alike where the model knows none."""
    given = {"board": [0, 0, 0], "legal": ["left", 1]}
    numbered = replace(MOVES, labels=())
    (answer,) = dispatch.policy(
        asked(numbered, policy([0, 0, 1]), [{**given, "legal": [0, "1"]}])
    )
    assert answer["actions"] == {"0": 0.5, "1": 0.5}
    with pytest.raises(
        Problem, match=r"expected one of the actions at /0/legal/1, got .1."
    ) as caught:
        dispatch.policy(asked(MOVES, policy([0, 0, 1]), [given]))
    assert caught.value.pointer == "/0/legal/1"


def test_no_legal_action_is_the_callers_fault():
    """A position that is over has no move to choose."""
    with pytest.raises(Problem, match="no action is legal"):
        dispatch.policy(asked(MOVES, policy([0, 0, 0]), [[0, 0, 0]]))


@given(st.integers(0, 2**53 - 1), st.floats(0.1, 5))
def test_a_seed_repeats_a_choice(seed, heat):
    """The same seed and temperature draw the same action, and the answer names it."""
    ask = asked(
        MOVES, policy([0.3, 0.3, 0.4]), [[0, 0, 0]], seed=seed, temperature=heat
    )
    first, second = dispatch.policy(ask), dispatch.policy(ask)
    assert first == second
    assert first[0]["seed"] == seed
    assert first[0]["actions"]["left"] == pytest.approx(0.3)


def test_temperature_flattens_and_sharpens():
    """Drawn shares follow p^(1/T), within three standard errors."""
    chances, rows = np.array([0.1, 0.3, 0.6]), 1000
    for heat in (0.5, 1.0, 2.0):
        ask = asked(
            MOVES,
            policy(*[chances] * rows),
            [[0, 0, 0]] * rows,
            seed=5,
            temperature=heat,
        )
        drawn = [answer["action"] for answer in dispatch.policy(ask)]
        wanted = chances ** (1 / heat) / (chances ** (1 / heat)).sum()
        for name, share in zip(MOVES.labels, wanted, strict=True):
            error = 3 * np.sqrt(share * (1 - share) / rows)
            assert abs(drawn.count(name) / rows - share) < error


def test_levels_are_named_strengths():
    """A level brings its temperature; one that is unknown is named with the others."""
    (answer,) = dispatch.policy(
        asked(MOVES, policy([0.2, 0.2, 0.6]), [[0, 0, 0]], level="easy")
    )
    assert "seed" in answer
    with pytest.raises(
        Problem, match=r"no level .god.; the levels are .easy., .best."
    ) as caught:
        dispatch.policy(asked(MOVES, policy([1, 0, 0]), [[0, 0, 0]], level="god"))
    assert caught.value.pointer == "/options/level"


def stepwise(tensors):
    """A step model: walls are three times as likely as floor, more with the wish."""
    grid, wish = tensors["grid"], tensors["wish"]
    assert grid.shape[0] == wish.shape[0] == 4
    wall = np.log(3) + wish[:, 0]
    return {"logits": np.stack([np.zeros_like(wall), wall], 1).astype(np.float32)}


@given(st.integers(0, 2**53 - 1))
def test_a_seed_repeats_an_item(seed):
    """The same seed generates the same item; the item has the size the plan says."""
    ask = asked(LEVELS, stepwise, [{"hard": 1}, {}], seed=seed)
    first, second = dispatch.generation(ask), dispatch.generation(ask)
    assert first == second
    for answer in first:
        assert answer["seed"] == seed
        assert [len(row) for row in answer["item"]] == [3, 3]
        assert set("".join(answer["item"])) <= {" ", "#"}


def test_items_follow_the_logits():
    """The share of walls is what the model says, within three standard errors."""
    items = [
        dispatch.generation(asked(LEVELS, stepwise, [{}], seed=seed))[0]["item"]
        for seed in range(300)
    ]
    cells = "".join("".join(item) for item in items)
    error = 3 * np.sqrt(0.75 * 0.25 / len(cells))
    assert abs(cells.count("#") / len(cells) - 0.75) < error


def test_columns_are_filled_before_rows_where_the_plan_says_so():
    """Each step sees the cells before it filled, in the plan's order, and no others."""
    seen = []

    def watching(tensors):
        seen.append(tensors["grid"][0].copy())
        return stepwise(tensors)

    plan = replace(LEVELS.generation, by="columns", batches=1)
    dispatch.generation(asked(replace(LEVELS, generation=plan), watching, [{}], seed=1))
    assert [int((grid >= 0).sum()) for grid in seen] == list(range(6))
    assert seen[2][:, 0].min() >= 0
    assert seen[2][:, 1:].max() == -1


def test_items_that_fail_the_check_are_not_returned():
    """Where the rules accept nothing, the caller is told how many were tried."""
    with pytest.raises(Problem, match="none of 8 candidates") as caught:
        dispatch.generation(
            asked(replace(LEVELS, rules="sokoban"), stepwise, [{}], seed=1)
        )
    assert caught.value.code == "not_generated"


@pytest.mark.parametrize(
    ("row", "wishes"),
    [({}, {}), ({"hard": None}, {}), ({"hard": 0.5, "steps": "x"}, {"hard": 0.5})],
)
def test_only_the_fields_of_the_signature_are_wishes(row, wishes, monkeypatch):
    """Null is no wish, and a name that is no field is measured against nothing."""
    seen = []

    def check(_rows, wish, _late):
        seen.append(wish)
        return {"hard": 1.0, "steps": 3}

    monkeypatch.setattr(rules, "check", lambda _name: check)
    context = RequestContext()
    ask = asked(replace(LEVELS, rules="sokoban"), stepwise, [row], context, seed=1)
    (answer,) = dispatch.generation(ask)
    assert (answer["hard"], answer["steps"], seen[0]) == (1.0, 3, wishes)
    unknown = [one["pointer"] for one in context.warnings.to_json()]
    assert unknown == [f"/0/{name}" for name in row if name != "hard"]


class Steps:
    """A clock that goes on by a step at each look, in nanoseconds."""

    def __init__(self, step):
        self.now, self.step = 0, step

    def __call__(self):
        self.now += self.step
        return self.now


@pytest.mark.parametrize("rows", [1, 3])
def test_items_take_no_longer_than_their_time(rows):
    """Each row has its part; what does not pass by then is a 409 that says so."""
    calls = []

    def never(_tensors):
        calls.append(1)
        return {"logits": np.zeros((4, 2), np.float32)}

    signature = replace(
        LEVELS, rules="sokoban", generation=replace(LEVELS.generation, batches=10_000)
    )
    context = RequestContext(clock=Steps(1_000_000), generation_seconds=0.1)
    with pytest.raises(Problem, match=r"within 0\.1 seconds") as caught:
        dispatch.generation(asked(signature, never, [{}] * rows, context, seed=1))
    assert (caught.value.code, caught.value.status) == ("not_generated", 409)
    assert len(calls) < 120 / rows


def test_the_nearest_item_by_then_is_answered_with_a_warning(monkeypatch):
    """The same seed may give another item on a quicker machine, and that is said."""
    monkeypatch.setattr(rules, "check", lambda _: lambda *_: {"hard": 9})
    plan = replace(LEVELS.generation, batches=10_000, choices=10_000)
    signature = replace(LEVELS, rules="sokoban", generation=plan)
    outputs = {"logits": np.zeros((4, 2), np.float32)}
    context = RequestContext(clock=Steps(1_000_000), generation_seconds=0.05)
    (answer,) = dispatch.generation(
        asked(signature, outputs, [{"hard": 0}], context, seed=1)
    )
    assert 0 < answer["tried"] < 100
    (warning,) = context.warnings.to_json()
    assert (warning["code"], warning["pointer"]) == ("time_over", "/0")


@pytest.mark.parametrize("heat", [0, 1e-300, 1e-6, 1, 100])
@pytest.mark.parametrize(
    "logits",
    [
        [0, 1], [np.nan, 1], [np.inf, 1], [-np.inf, -np.inf], [np.nan, np.nan],
        [1e38, -1e38],
    ],
)  # fmt: skip
def test_any_logits_at_any_temperature_draw_a_cell(logits, heat):
    """What is no number has no weight, and where nothing has any a cell is taken."""
    outputs = {"logits": np.array([logits] * 4, np.float32)}
    (answer,) = dispatch.generation(
        asked(LEVELS, outputs, [{}], seed=1, temperature=heat)
    )
    assert set("".join(answer["item"])) <= {" ", "#"}


@pytest.mark.parametrize("heat", [1e-308, 1e-9, 100.0])
def test_a_temperature_near_zero_takes_the_best(heat):
    """However near; and at 100 every legal action has its chance."""
    outputs = policy([0.2, 0.5, 0.3])
    actions = {
        dispatch.policy(asked(MOVES, outputs, [[0, 0, 0]], seed=n, temperature=heat))[
            0
        ]["action"]
        for n in range(40)
    }
    assert actions == ({"middle"} if heat < 1 else {"left", "middle", "right"})


def test_more_legal_actions_than_there_are_are_refused():
    """A list of a million is not looked through."""
    given_ = {"board": [0, 0, 0], "legal": ["left"] * 4}
    with pytest.raises(Problem, match="at most the 3 actions") as caught:
        dispatch.policy(asked(MOVES, policy([0.2, 0.5, 0.3]), [given_]))
    assert caught.value.pointer == "/0/legal"


def test_generation_stops_when_time_is_over():
    """The loop looks at the deadline between steps."""
    now = [0]

    def slow(tensors):
        now[0] += 1_000_000
        return stepwise(tensors)

    context = RequestContext(clock=lambda: now[0], deadline=3_000_000)
    with pytest.raises(Problem, match="the 3 ms allowed are over"):
        dispatch.generation(asked(LEVELS, slow, [{}], context, seed=1))
    assert now[0] == 3_000_000


def manifest(kind, signature):
    """A manifest of that kind."""
    return Manifest(
        model="m",
        kind=kind,
        signature=signature,
        variants=(Variant("fp32", "m.onnx"),),
        default_variant="fp32",
    )


def test_what_this_service_cannot_serve_is_refused():
    """A form, kind or game from the future is refused when it is loaded."""
    made = manifest("policy", MOVES)
    dispatch.check(made)
    strange = replace(MOVES, inputs=(replace(MOVES.inputs[0], form="video"),))
    unknown = manifest("policy", replace(MOVES, rules="go"))
    odd = manifest("policy", MOVES)
    object.__setattr__(odd, "kind", "dreams")
    for bad, words in (
        (replace(made, signature=strange), "update it"),
        (unknown, "no installed package has the rules 'go'"),
        (odd, "update it"),
    ):
        with pytest.raises(Exception, match=words):
            dispatch.check(bad)
    with pytest.raises(Exception, match="does not say how to generate"):
        dispatch.check(manifest("generation", NUMBER))


def test_a_signature_of_every_kind_survives_its_json():
    """Levels and the generation's plan are read back as they were written."""
    for kind, signature in (("policy", MOVES), ("generation", LEVELS)):
        made = manifest(kind, signature)
        again = Manifest.from_json(json.loads(json.dumps(made.to_json())))
        assert again == made

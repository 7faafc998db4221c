"""Explain a policy's action by the value of each legal move."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hotseat_registry.signature import Signature
from hotseat_serve import rules
from hotseat_serve.codec import game_json
from hotseat_serve.codec.tensors import Array
from hotseat_serve.shapley.graph_nodes import UnsuitableError

Run = Callable[[Mapping[str, Array]], Mapping[str, Array]]


def explain(
    signature: Signature, given: Any, pointer: str, answer: Mapping[str, Any], run: Run
) -> dict[str, Any]:
    """Return the value of the position after each of the answer's actions.

    The values are the network's for the side that moves, from -1 (it loses) to 1; where
    a move ends the game, the result. A part's weight is its value minus `base`, the
    position's own. All positions are one run of the graph. Raises `UnsuitableError`
    without rules or without a value.
    """
    if signature.rules is None:
        raise UnsuitableError("the signature names no rules of a game")
    output = signature.output("value")
    if output is None:
        raise UnsuitableError("the network gives positions no value")
    game = rules.game(signature.rules)
    (state,) = game_json.states(signature, [given], [pointer])
    names = signature.labels or tuple(map(str, range(game.actions)))
    legal = [
        action for action in game.legal(state) if _is_allowed(names[action], given)
    ]
    after = {action: game.apply(state, action) for action in legal}
    ends = {action: game.outcome(then) for action, then in after.items()}
    open_ = [action for action in legal if ends[action] is None]
    board = next(item for item in signature.inputs if item.form == "board")
    planes = np.stack(
        [game.encode(one) for one in (state, *(after[action] for action in open_))]
    )
    values = run({board.name: planes})[output.name].reshape(-1).astype(float).tolist()
    # the other side is to move after the action
    value_of = dict(zip(open_, (-value for value in values[1:]), strict=True))
    value_of |= {action: -end for action, end in ends.items() if end is not None}
    return {
        "method": "moves",
        "reference": "the value of the position before the move",
        "scale": "value",
        "base": values[0],
        "evaluations": len(planes),
        "parts": [
            {
                "part": names[action],
                "weight": value_of[action] - values[0],
                "value": value_of[action],
                "probability": answer["actions"].get(names[action], 0.0),
                **({"ends": True} if ends[action] is not None else {}),
            }
            for action in legal
        ],
    }


def _is_allowed(name: str, given: Any) -> bool:
    """Whether an input's own list of legal actions has this one, or there is none."""
    allowed = given.get("legal") if isinstance(given, Mapping) else None
    return allowed is None or name in allowed

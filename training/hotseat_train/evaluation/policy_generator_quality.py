"""What an answer is worth where no label says it: item by item, from 0 to 1.

A policy is asked for positions, without search. Its move is worth the points (win 1,
draw 1/2) that a search expects after it, which the version's own first graph guides; a
move that is another one and as good loses nothing. So the figure tells what a variant
lost, and not which of two versions plays better, as each is its own judge. A policy
without rules cannot be searched: there a move is worth 1 where the first graph makes
the same.

A generator is asked for a batch of samples a wish, and none is thrown away: one is
worth 1 where it passes the check as the service would make it. What is returned passes
in any case; a share that is lost costs tries, and so time. The same seeds are asked of
all variants, but a cell that is drawn otherwise changes all that come after it: most
pairs have little in common, and it takes thousands of samples to tell small losses.
"""

from collections.abc import Mapping
from itertools import islice
from typing import Any

import numpy as np

from hotseat_serve import rules
from hotseat_serve.codec import game_json
from hotseat_serve.kinds.generation import candidates
from hotseat_serve.kinds.inference_request import InferenceRequest
from hotseat_serve.kinds.options import Options
from hotseat_serve.rules.search import search
from hotseat_serve.runtime.loader import LoadedModel
from hotseat_train.data.dataset import Requests
from hotseat_train.errors import RunError
from hotseat_train.models.games.self_play import session_evaluate

Array = np.ndarray[Any, Any]
Models = Mapping[str, LoadedModel]
SAYS = {
    "policy": "the points of 1 that a search by the first graph expects after the move",
    "generation": "the share of samples that pass the rules, before any is thrown away",
}
_SIMULATIONS = 128


def of(models: Models, requests: Requests) -> dict[str, Array]:
    """Return of each model what its items are worth [items], the same items for all.

    The first model is what the others are held against. Raises `RunError` when there is
    nothing to judge them by.
    """
    first = next(iter(models.values())).manifest
    if first.kind == "policy":
        return _points(models, requests)
    if first.kind == "generation":
        return _passed(models, requests)
    raise RunError(
        f"{first.model}: of kind {first.kind} nothing is judged without rows"
    )


def _points(models: Models, requests: Requests) -> dict[str, Array]:
    moves = {
        name: [model.predict([inputs])[0]["action"] for inputs, _ in requests]
        for name, model in models.items()
    }
    first = next(iter(models.values()))
    signature = first.manifest.signature
    if signature.rules is None:
        usual = np.array(next(iter(moves.values())))
        return {name: (usual == mine).astype(float) for name, mine in moves.items()}
    game = rules.game(signature.rules)
    names = signature.labels or tuple(map(str, range(game.actions)))
    evaluate = session_evaluate(first.session)
    states = [game_json.states(signature, [inputs], [""])[0] for inputs, _ in requests]
    known: dict[Any, float] = {}

    def points(state: Any, move: str) -> float:
        after = game.apply(state, names.index(move))
        value = game.outcome(after)
        if value is None:
            if after not in known:
                found = search(game, after, evaluate, simulations=_SIMULATIONS)
                known[after] = found.value
            value = known[after]
        return (1 - value) / 2  # it is the other side's

    return {
        name: np.array([points(*pair) for pair in zip(states, mine, strict=True)])
        for name, mine in moves.items()
    }


def _passed(models: Models, requests: Requests) -> dict[str, Array]:
    first = next(iter(models.values())).manifest
    signature = first.signature
    plan = signature.generation
    if plan is None or signature.rules is None:
        raise RunError(
            f"{first.model} has no rules that tell what is fit to play: name some in "
            "its signature (hotseat_serve.rules)"
        )
    check = rules.check(signature.rules)
    found: dict[str, list[float]] = {name: [] for name in models}
    for inputs, options in requests:
        wish = inputs if isinstance(inputs, Mapping) else {}
        for name, model in models.items():
            chosen = Options(**options)
            ask = InferenceRequest(signature, model.session.run, [inputs], [""], chosen)
            for rows in islice(candidates(ask, 0, chosen.seed or 0), plan.batch):
                found[name].append(check(rows, wish, lambda: False) is not None)
    return {name: np.array(items, float) for name, items in found.items()}

"""Scores each prediction from 0 to 1 when there are no labels.

A policy plays positions without search. The score of its move is the expected result
(win 1, draw 1/2) of a search after the move, guided by the version's first graph; a
different move of equal value scores the same. The figure shows the quality drop of a
variant, not which of two versions plays better, since each is scored by its own graph.
Without rules there is no search: a move scores 1 if the first graph makes the same.

A generator draws a batch of samples for each wish. A sample scores 1 if it passes the
service's check. Every returned item passes in any case; a lower share costs more tries
and so more time. All variants get the same seeds, but one different cell changes all
cells after it: most pairs have little in common, and small drops show only among
thousands of samples.
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
from hotseat_serve.runtime.loaded_model import LoadedModel
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
    """Return the scores of each model's items [items], for the same requests.

    The first model guides the search. Raises `RunError` for a kind without scores.
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
        return (1 - value) / 2  # the value is the other side's

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

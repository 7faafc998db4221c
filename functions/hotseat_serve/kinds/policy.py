"""The kind policy: choose among the legal actions of a position."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hotseat_registry.signature import Level, Signature
from hotseat_serve import rules
from hotseat_serve.codec import game_json
from hotseat_serve.codec.tensors import Array
from hotseat_serve.kinds.inference_request import InferenceRequest
from hotseat_serve.kinds.options import MAX_SEED
from hotseat_serve.rules import search
from hotseat_serve.wording import expected, invalid, json_type, listed, quoted

_LEAST = 1e-9
"""The least probability of a legal action: 0 means illegal."""
SEARCH_SECONDS = 0.045
"""Time limit for all searches of one request, whatever their budget."""


def policy(request: InferenceRequest) -> list[dict[str, Any]]:
    """Choose an action for each row.

    The model's output ``policy`` [rows, actions] holds probabilities; the optional
    ``value`` [rows] is the expected result for the player to move; the optional
    ``legal`` [rows, actions] is above 0 for legal actions. An input's own ``legal``
    list excludes more. The answer's ``actions`` are the legal ones with their
    probabilities at temperature 1, and ``seed`` repeats the choice.

    Raises `Problem` if no action is legal.
    """
    level = _level(request)
    if level.simulations and request.signature.rules is not None:
        probabilities, value = _from_search(request, level.simulations)
    else:
        probabilities, value = _from_network(request)
    temperature = request.options.temperature
    temperature = level.temperature if temperature is None else temperature
    seed = request.options.seed
    if seed is None and temperature > 0:
        seed = secrets.randbelow(MAX_SEED)
    names = _names(request.signature, probabilities.shape[1])
    answers = []
    for row, row_probabilities in enumerate(probabilities):
        row_input, pointer = request.inputs[row], request.pointers[row]
        legal = _legal(row_probabilities, row_input, names, pointer)
        index = _chosen(legal, temperature, seed, row)
        answer: dict[str, Any] = {
            "action": names[index],
            "probability": float(legal[index]),
            "actions": {
                name: probability
                for name, probability in zip(names, legal.tolist(), strict=True)
                if probability
            },
        }
        if value is not None:
            answer["value"] = float(value[row])
        if temperature > 0:
            answer["seed"] = seed
        answers.append(answer)
    return answers


def _from_network(request: InferenceRequest) -> tuple[Array, Array | None]:
    """Return the network's probabilities and values of all rows."""
    outputs = request.run(request.tensors())
    probabilities = outputs["policy"].astype(np.float64)
    if "legal" in outputs:
        probabilities = np.where(outputs["legal"] > 0, probabilities, 0.0)
    elif request.signature.rules is not None:
        probabilities = _by_rules(request, probabilities)
    values = outputs.get("value")
    if values is None:
        return probabilities, None
    return probabilities, values.reshape(-1).astype(np.float64)


def _by_rules(request: InferenceRequest, probabilities: Array) -> Array:
    """Return the probabilities, above 0 for each action legal by the rules."""
    game = rules.game(str(request.signature.rules))
    if game.legal_in_graph:
        return probabilities
    allowed = np.zeros_like(probabilities)
    states = game_json.states(request.signature, request.inputs, request.pointers)
    for row, state in enumerate(states):
        legal = list(game.legal(state))
        allowed[row, legal] = np.maximum(probabilities[row, legal], _LEAST)
    return allowed


def _level(request: InferenceRequest) -> Level:
    """Return the requested level; the default chooses the best action."""
    levels = request.signature.levels or {}
    name = request.options.level
    if name is None:
        return Level()
    if name not in levels:
        known = (
            f"the levels are {listed(list(levels))}" if levels else "the model has none"
        )
        raise invalid(f"no level {quoted(name)}; {known}", "/options/level")
    return levels[name]


def _names(signature: Signature, count: int) -> Sequence[str]:
    return signature.labels or tuple(map(str, range(count)))


def _legal(
    row_probabilities: Array, row_input: Any, names: Sequence[str], pointer: str
) -> Array:
    """Return the probabilities of the legal actions; they sum to 1.

    If the model gives every legal action 0, all of them are equally likely.
    """
    mask = row_probabilities > 0
    allowed = row_input.get("legal") if isinstance(row_input, Mapping) else None
    if allowed is not None:
        mask = _legal_mask(allowed, names, f"{pointer}/legal")
        # the caller knows the game: an action with probability 0 may still be legal
    legal = np.where(mask, row_probabilities, 0.0)
    total = legal.sum()
    if not total > 0:
        legal, total = mask.astype(np.float64), mask.sum()
    if not total:
        raise invalid("no action is legal here", pointer)
    return np.asarray(legal / total)


def _legal_mask(allowed: Any, names: Sequence[str], pointer: str) -> Array:
    if not isinstance(allowed, list):
        raise expected("a list of actions", pointer, allowed)
    if len(allowed) > len(names):
        raise invalid(
            f"expected at most the {len(names)} actions there are at {pointer}, "
            f"got {json_type(allowed)}",
            pointer,
        )
    mask = np.zeros(len(names), bool)
    for number, action in enumerate(allowed):
        name = str(action) if type(action) is int else action
        if not isinstance(name, str) or name not in names:
            got = quoted(name) if isinstance(name, str) else json_type(name)
            where = f"{pointer}/{number}"
            raise invalid(f"expected one of the actions at {where}, got {got}", where)
        mask[names.index(name)] = True
    return mask


def _chosen(legal: Array, temperature: float, seed: int | None, row: int) -> int:
    """Return the index of the best action, or of one sampled at `temperature`.

    Probabilities are raised to 1 / heat, which is a softmax of their logarithms at
    that temperature.
    """
    if not temperature > 0:
        return int(legal.argmax())
    assert seed is not None
    places = np.flatnonzero(legal)
    logits = np.log(legal[places])
    with np.errstate(over="ignore"):  # near 0 only the best has weight
        weights = np.exp((logits - logits.max()) / temperature)
    # raw bits: numpy promises the same on every machine and in every version
    draw = np.random.Philox(key=(seed << 64) | row).random_raw() / 2.0**64
    at = int(np.searchsorted(weights.cumsum(), draw * weights.sum(), "right"))
    return int(places[min(at, len(places) - 1)])


def _from_search(
    request: InferenceRequest, simulations: int
) -> tuple[Array, Array | None]:
    """Return the visits' shares and the values of a search from each row."""
    assert request.signature.rules is not None
    game = rules.game(request.signature.rules)
    board = next(item for item in request.signature.inputs if item.form == "board")

    def evaluate(planes: Array) -> tuple[Array, Array]:
        outputs = request.run({board.name: planes})
        return outputs["policy"], outputs["value"].reshape(-1)

    states = game_json.states(request.signature, request.inputs, request.pointers)
    seconds = _seconds(request) / len(states)
    results = [
        search.search(
            game,
            state,
            evaluate,
            simulations=simulations,
            seconds=seconds,
            clock=lambda: request.context.clock() / 1e9,
        )
        for state in states
    ]
    shares = np.array([one.policy for one in results], np.float64)
    return shares, np.array([one.value for one in results], np.float64)


def _seconds(request: InferenceRequest) -> float:
    """Return the seconds for all searches of one request together."""
    context = request.context
    if context.deadline is None:
        return SEARCH_SECONDS
    # an answer in time comes before more simulations
    left = (context.deadline - context.clock()) / 1e9
    return min(SEARCH_SECONDS, left / 2)

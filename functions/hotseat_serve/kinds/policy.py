"""The kind policy: choose among the legal actions of a position."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hotseat_registry.signature import Level, Signature
from hotseat_serve import rules
from hotseat_serve.codec import game_json
from hotseat_serve.codec.tensors import Array
from hotseat_serve.kinds.inference_request import Ask
from hotseat_serve.kinds.options import MAX_SEED
from hotseat_serve.rules import search
from hotseat_serve.wording import expected, invalid, json_type, listed, quoted

SEARCH_SECONDS = 0.045
"""What the searches of one request may take, whatever their budget."""


def policy(ask: Ask) -> list[dict[str, Any]]:
    """Choose an action for each row.

    The model's output ``policy`` [rows, actions] holds probabilities; ``value`` [rows],
    where there is one, what whoever moves may expect; ``legal`` [rows, actions], where
    there is one, is above 0 for what may be done. An input's own ``legal`` list rules
    out more. The answer's ``actions`` are the legal ones with their probabilities at
    temperature 1, and ``seed`` repeats the choice.

    Raises `Problem` when no action is legal.
    """
    level = _level(ask)
    if level.simulations and ask.signature.rules is not None:
        probabilities, value = _searched(ask, level.simulations)
    else:
        probabilities, value = _at_once(ask)
    heat = ask.options.temperature
    heat = level.temperature if heat is None else heat
    seed = ask.options.seed
    if seed is None and heat > 0:
        seed = secrets.randbelow(MAX_SEED)
    names = _names(ask.signature, probabilities.shape[1])
    answers = []
    for row, chances in enumerate(probabilities):
        given, pointer = ask.inputs[row], ask.pointers[row]
        legal = _legal(chances, given, names, pointer)
        place = _chosen(legal, heat, seed, row)
        answer: dict[str, Any] = {
            "action": names[place],
            "probability": float(legal[place]),
            "actions": {
                name: chance
                for name, chance in zip(names, legal.tolist(), strict=True)
                if chance
            },
        }
        if value is not None:
            answer["value"] = float(value[row])
        if heat > 0:
            answer["seed"] = seed
        answers.append(answer)
    return answers


def _at_once(ask: Ask) -> tuple[Array, Array | None]:
    """Return the network's own probabilities and values of all rows."""
    outputs = ask.run(ask.tensors())
    probabilities = outputs["policy"].astype(np.float64)
    if "legal" in outputs:
        probabilities = np.where(outputs["legal"] > 0, probabilities, 0.0)
    values = outputs.get("value")
    if values is None:
        return probabilities, None
    return probabilities, values.reshape(-1).astype(np.float64)


def _level(ask: Ask) -> Level:
    """Return the strength that is asked; without one the best action is taken."""
    levels = ask.signature.levels or {}
    name = ask.options.level
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


def _legal(chances: Array, given: Any, names: Sequence[str], pointer: str) -> Array:
    """Return the probabilities of the legal actions; they sum to 1.

    Where the model gives no legal action any probability, all of them are alike.
    """
    mask = chances > 0
    asked = given.get("legal") if isinstance(given, Mapping) else None
    if asked is not None:
        mask = _listed(asked, names, f"{pointer}/legal")
        # the caller knows the game: what the model finds hopeless may still be legal
    legal = np.where(mask, chances, 0.0)
    total = legal.sum()
    if not total > 0:
        legal, total = mask.astype(np.float64), mask.sum()
    if not total:
        raise invalid("no action is legal here", pointer)
    return np.asarray(legal / total)


def _listed(asked: Any, names: Sequence[str], pointer: str) -> Array:
    if not isinstance(asked, list):
        raise expected("a list of actions", pointer, asked)
    if len(asked) > len(names):
        raise invalid(
            f"expected at most the {len(names)} actions there are at {pointer}, "
            f"got {json_type(asked)}",
            pointer,
        )
    mask = np.zeros(len(names), bool)
    for number, action in enumerate(asked):
        name = str(action) if type(action) is int else action
        if not isinstance(name, str) or name not in names:
            got = quoted(name) if isinstance(name, str) else json_type(name)
            where = f"{pointer}/{number}"
            raise invalid(f"expected one of the actions at {where}, got {got}", where)
        mask[names.index(name)] = True
    return mask


def _chosen(legal: Array, heat: float, seed: int | None, row: int) -> int:
    """Return the place of the action: the best, or one drawn at `heat`.

    Probabilities are raised to 1 / heat, which is a softmax of their logarithms at
    that temperature.
    """
    if not heat > 0:
        return int(legal.argmax())
    assert seed is not None
    places = np.flatnonzero(legal)
    logits = np.log(legal[places])
    with np.errstate(over="ignore"):  # near 0 all but the best have no weight at all
        weights = np.exp((logits - logits.max()) / heat)
    # raw bits: numpy promises the same on every machine and in every version
    draw = np.random.Philox(key=(seed << 64) | row).random_raw() / 2.0**64
    at = int(np.searchsorted(weights.cumsum(), draw * weights.sum(), "right"))
    return int(places[min(at, len(places) - 1)])


def _searched(ask: Ask, simulations: int) -> tuple[Array, Array | None]:
    """Return the visits' shares and the values of a search from each row."""
    assert ask.signature.rules is not None
    game = rules.game(ask.signature.rules)
    board = next(item for item in ask.signature.inputs if item.form == "board")

    def evaluate(planes: Array) -> tuple[Array, Array]:
        outputs = ask.run({board.name: planes})
        return outputs["policy"], outputs["value"].reshape(-1)

    states = game_json.states(ask.signature, ask.inputs, ask.pointers)
    seconds = _seconds(ask) / len(states)
    found = [
        search.search(
            game,
            state,
            evaluate,
            simulations=simulations,
            seconds=seconds,
            clock=lambda: ask.turn.clock() / 1e9,
        )
        for state in states
    ]
    shares = np.array([one.policy for one in found], np.float64)
    return shares, np.array([one.value for one in found], np.float64)


def _seconds(ask: Ask) -> float:
    """Return what the searches of one request may take, all of them together."""
    turn = ask.turn
    if turn.until is None:
        return SEARCH_SECONDS
    # an answer in time is worth more than a few simulations
    left = (turn.until - turn.clock()) / 1e9
    return min(SEARCH_SECONDS, left / 2)

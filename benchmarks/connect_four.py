"""How well Connect Four is played, judged by exact play: ``make bench-connect-four``.

bitbully solves each position exactly; it is the judge and never the teacher. Positions
come from random games, so none is there because the network likes it; a move keeps the
position's value when it wins where a win is to be had, and does not lose where it need
not. Games are played against a player that moves at random, and against minimax that
looks four moves ahead and takes any win or block it sees.
"""

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path

import cpu
import numpy as np
from bitbully import BitBully, Board

from hotseat_serve import rules
from hotseat_serve.rules.search import search
from hotseat_serve.session import Session
from hotseat_train.play import session_evaluate

GAME = rules.game("connect-four")
FIRST_STONES = 8
MODEL = Path("training/hotseat_train/trained/connect-four/model.onnx")


def positions(count, random):
    """Return (stones, state, moves) of positions with 8 stones and more, each once."""
    found = {}
    while len(found) < count:
        state, moves = GAME.start(), []
        for _ in range(int(random.integers(FIRST_STONES, 36))):
            action = int(random.choice(GAME.legal(state)))
            state = GAME.apply(state, action)
            moves.append(action)
            if GAME.outcome(state) is not None:
                break
        else:
            found[state] = (len(moves), state, moves)
    return list(found.values())


def judged(choose, places, judge):
    """Return the share of moves that keep the value, in all and by ten stones."""
    kept = defaultdict(list)
    for stones, state, moves in places:
        scores = judge.score_all_moves(Board(moves))
        best, chosen = max(scores.values()), scores[choose(state)]
        kept[stones // 10 * 10].append(np.sign(chosen) == np.sign(best))
    every = [good for part in kept.values() for good in part]
    shares = {f"{at}+": float(np.mean(part)) for at, part in sorted(kept.items())}
    return {"all": float(np.mean(every)), "positions": len(every), **shares}


def network_only(evaluate):
    """Choose what the network finds most likely."""
    return lambda state: int(evaluate(GAME.encode(state)[None])[0][0].argmax())


def searching(evaluate, simulations, seconds):
    """Choose after a search."""

    def choose(state):
        found = search(GAME, state, evaluate, simulations=simulations, seconds=seconds)
        return int(np.argmax(found.policy))

    return choose


def minimax(state, depth, low=-2.0, high=2.0):
    """Return the best value and action that alpha-beta sees so many moves ahead."""
    over = GAME.outcome(state)
    if over is not None or not depth:
        return over or 0.0, -1
    best = -2.0, -1
    for action in sorted(GAME.legal(state), key=lambda a: abs(3 - a)):
        value = -minimax(GAME.apply(state, action), depth - 1, -high, -low)[0]
        if value > best[0]:
            best = value, action
        low = max(low, value)
        if low >= high:
            break
    return best


def games(choose, other, count):
    """Return the shares won, drawn and lost, beginning every other game."""
    results = []
    for number in range(count):
        state, turn = GAME.start(), number % 2
        while (over := GAME.outcome(state)) is None:
            state = GAME.apply(state, (choose if turn == 0 else other)(state))
            turn = 1 - turn
        # `over` is worth to whoever is to move: -1 is won by the one who just moved
        results.append(over if turn == 0 else -over)
    array = np.array(results)
    return {
        "games": count,
        "won": float((array == 1).mean()),
        "drawn": float((array == 0).mean()),
        "lost": float((array == -1).mean()),
    }


def main():
    """Judge and print, and with --json write what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--positions", type=int, default=3000)
    parser.add_argument("--games", type=int, default=1000)
    parser.add_argument("--simulations", type=int, default=400)
    parser.add_argument("--seconds", type=float, default=0.04)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    random = np.random.default_rng(7)
    evaluate = session_evaluate(Session(given.model))
    judge = BitBully()
    places = positions(given.positions, random)
    quick = network_only(evaluate)
    deep = searching(evaluate, given.simulations, given.seconds)

    def by_chance(state):
        return int(random.choice(GAME.legal(state)))

    def looking(state):
        value, action = minimax(state, 4)
        return action if value else by_chance(state)

    report = {
        "cpu": cpu.name(),
        "keeps the value, network only": judged(quick, places, judge),
        "keeps the value, with search": judged(deep, places, judge),
        "keeps the value, at random": judged(by_chance, places, judge),
        "search ms a move": _milliseconds(deep, places),
        "network only against random": games(quick, by_chance, given.games),
        "network only against minimax 4": games(quick, looking, given.games // 10),
        "with search against minimax 4": games(deep, looking, given.games // 10),
    }
    print(json.dumps(report, indent=1))
    if given.json:
        given.json.write_text(json.dumps(report, indent=1) + "\n")


def _milliseconds(choose, places):
    spent = []
    for _, state, _ in places[:200]:
        began = time.perf_counter()
        choose(state)
        spent.append(1000 * (time.perf_counter() - began))
    return {"median": float(np.median(spent)), "largest": max(spent)}


if __name__ == "__main__":
    main()

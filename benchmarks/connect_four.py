"""How well Connect Four is played, judged by exact play: ``make bench-connect-four``.

bitbully solves each position exactly; it is the judge and never the teacher. Positions
come from random games, so none is there because the network likes it; a move keeps the
position's value when it wins where a win is to be had, and does not lose where it need
not. Moves are asked of the serving code, level by level. Games are played against a
player that moves at random, against minimax that looks four moves ahead and takes any
win or block it sees, and between the levels.
"""

import argparse
import gc
import json
import time
from collections import defaultdict
from functools import partial
from itertools import pairwise
from pathlib import Path

import cpu
import numpy as np
from bitbully import BitBully, Board

from hotseat_registry import Manifest, Variant
from hotseat_serve import rules
from hotseat_serve.kinds.options import Options
from hotseat_serve.kinds.request_context import RequestContext
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_serve.runtime.session import Session
from hotseat_train.tasks import connect_four

GAME = rules.game("connect-four")
TASK = connect_four.TASK
FIRST_STONES = 8
OPENING = 4
"""Moves at random before two levels play each other, so that games differ."""
MODEL = Path("training/hotseat_train/trained/connect-four/model.onnx")


def served(path):
    """Return the graph as the service has it."""
    manifest = Manifest(
        model=TASK.name,
        kind=TASK.kind,
        signature=TASK.signature(),
        variants=(Variant("fp32", path.name),),
        default_variant="fp32",
    )
    return LoadedModel(manifest, "fp32", Session(path))


def positions(count, random):
    """Return (state, moves) of positions with 8 stones and more, each once."""
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
            found[state] = moves
    return list(found.items())


def judged(choose, places, scores):
    """Return the share of moves that keep the value, in all and stone by stone."""
    kept = defaultdict(list)
    for (state, moves), score in zip(places, scores, strict=True):
        best, chosen = max(score.values()), score[choose(state)]
        kept[len(moves)].append(np.sign(chosen) == np.sign(best))
    every = [good for part in kept.values() for good in part]
    share = float(np.mean(every))
    return {
        "all": round(share, 4),
        "95 % within": round(1.96 * (share * (1 - share) / len(every)) ** 0.5, 4),
        "positions": len(every),
        "by stones": {
            str(stones): [round(float(np.mean(part)), 3), len(part)]
            for stones, part in sorted(kept.items())
        },
    }


def asking(loaded, level, clock, spent=None):
    """Choose what the service answers at a level; None: what the network says alone."""
    options = Options(level=level)

    def choose(state):
        began = clock()
        (answer,) = loaded.predict(
            [connect_four.board(state)],
            options=options,
            context=RequestContext(clock=clock),
        )
        if spent is not None:
            spent.append((clock() - began) / 1e6)
        return int(answer["action"])

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


def games(choose, other, count, opening=GAME.start):
    """Return the shares won, drawn and lost, beginning every other game."""
    results = []
    for number in range(count):
        turn = number % 2
        if turn == 0:  # each opening is played from both sides
            begin = opening()
        state = begin
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
    """Judge and print part by part, and with --json write what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--positions", type=int, default=5000)
    parser.add_argument("--games", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    parser.add_argument(
        "--busy",
        action="store_true",
        help="count this process's own time: for a machine that does other things too",
    )
    given = parser.parse_args()
    random = np.random.default_rng(7)
    loaded, judge = served(given.model), BitBully()
    places = positions(given.positions, random)
    scores = [judge.score_all_moves(Board(moves)) for _, moves in places]
    levels = list(TASK.signature().levels)
    gc.freeze()  # as the handler does
    spent = defaultdict(list)
    clock = time.process_time_ns if given.busy else time.perf_counter_ns

    def by_chance(state):
        return int(random.choice(GAME.legal(state)))

    def looking(state):
        value, action = minimax(state, 4)
        return action if value else by_chance(state)

    def opening():
        state = GAME.start()
        for _ in range(OPENING):
            state = GAME.apply(state, by_chance(state))
        return state

    def asked(level):
        return asking(loaded, level, clock, spent[level])

    def milliseconds():
        return {
            level or "network alone": {
                "median": round(float(np.median(part)), 2),
                "p95": round(float(np.percentile(part, 95)), 2),
                "largest": round(max(part), 2),
            }
            for level, part in spent.items()
        }

    few, best = given.games // 10, levels[-1]
    report = {
        "cpu": cpu.name(),
        "clock": "this process's own time" if given.busy else "the wall's",
    }
    parts = {
        "keeps the value: network alone": lambda: judged(asked(None), places, scores),
        **{
            f"keeps the value: {level}": partial(
                lambda level: judged(asked(level), places, scores), level
            )
            for level in reversed(levels)
        },
        "keeps the value: at random": lambda: judged(by_chance, places, scores),
        "milliseconds of a request": milliseconds,
        **{
            f"{level or 'network alone'} against random": partial(
                lambda level: games(asked(level), by_chance, given.games), level
            )
            for level in (None, "hard", best)
        },
        "network alone against minimax 4": lambda: games(asked(None), looking, few),
        **{
            f"{upper} against {lower}": partial(
                lambda upper, lower: games(asked(upper), asked(lower), few, opening),
                upper, lower,
            )
            for lower, upper in pairwise(levels)
        },
        f"{best} against minimax 4": lambda: games(asked(best), looking, few),
    }  # fmt: skip
    for name, part in parts.items():
        report[name] = part()
        print(f"{name}: {json.dumps(report[name])}", flush=True)
        if given.json:  # after each part: what is found by then is not lost
            given.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Plays Connect Four, learned by self-play.

For a game of its own a studio writes the rules once (`hotseat_serve.rules.game`) and a
task like this one: self-play, search and serving stay the same.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hotseat_registry import Input, Level, Output, Signature
from hotseat_serve import rules
from hotseat_serve.kinds.options import Options
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_train.models.games.alphazero import Round, learn, plan
from hotseat_train.models.games.board_net import BoardNet, export
from hotseat_train.models.games.self_play import (
    Experience,
    SelfPlayPlan,
    random_position,
)
from hotseat_train.tasks.self_trained import SelfTrainedTask

GAME = rules.game("connect-four")
_ROUNDS = 3.0
"""Rounds that two idle cores play and learn in a minute."""
_GAMES, _POSITIONS, _TIMED = 100, 3_000, 50
_ACTIONS = tuple(map(str, range(GAME.actions)))


class ConnectFour(SelfTrainedTask):
    """A board in; a column, every legal column's probability and a value out."""

    name = "connect-four"
    kind = "policy"
    minutes = 60.0
    intended_use = (
        "Play Connect Four at any strength; show how one's own game is learned."
    )
    limits = (
        "It plays well and not perfectly: `make bench-connect-four` holds its moves "
        "against exact play."
    )
    data: Mapping[str, Any] = {
        "source": "its own games, from nothing but the rules",
        "licence": "Apache-2.0",
    }

    def learn(
        self, folder: Path, minutes: float, report: Callable[[str], None]
    ) -> Sequence[tuple[float, float]]:
        """Train by self-play; see `alphazero.learn`."""
        torch.set_num_threads(2)
        rounds = max(1, round(minutes * _ROUNDS))
        training = plan(rounds)
        torch.manual_seed(training.seed)
        module = BoardNet(GAME.shape, GAME.actions)

        def report_round(done: Round) -> None:
            report(
                f"round {done.number} of {rounds}: {done.seconds / 60:.1f} min "
                f"({done.cpu_seconds / 60:.1f} of a core), {done.positions} positions, "
                f"policy {done.policy_loss:.3f}, value {done.value_loss:.3f}"
            )

        done = learn(self.name, module, _export, mirrored, SelfPlayPlan(), training,
                     folder, report_round)  # fmt: skip
        export(module, folder / "model.onnx")
        return [(r.seconds, r.policy_loss + r.value_loss) for r in done]

    def signature(self) -> Signature:
        """Six rows of seven cells in: 0 empty, 1 the first player, 2 the second."""
        return Signature(
            inputs=(Input("board", "FP32", (-1, *GAME.shape), "board"),),
            outputs=(
                Output("policy", "FP32", (-1, GAME.actions)),
                Output("value", "FP32", (-1,)),
            ),
            labels=_ACTIONS,
            max_rows=64,
            rules=self.name,
            levels={
                "easy": Level(temperature=2.0),
                "medium": Level(temperature=0.7),
                # the network, once two plies were looked at: wins are taken, blocks set
                "hard": Level(simulations=1),
                "expert": Level(simulations=64),
                "best": Level(simulations=2_000),
            },
        )

    def inputs(self) -> Sequence[Any]:
        """Return positions of random games."""
        random = np.random.default_rng(11)
        return [_somewhere(random) for _ in range(_POSITIONS)]

    def measure(self, loaded: LoadedModel) -> dict[str, Any]:
        """Return wins against random moves by level, and milliseconds of a request."""
        random = np.random.default_rng(3)
        won = {
            f"won_against_chance_{level}": _won(loaded, level, random)
            for level in ("easy", "hard")
        }
        boards = [_somewhere(random) for _ in range(_TIMED)]
        spent = {
            f"milliseconds_{level}": _milliseconds(loaded, level, boards)
            for level in ("hard", "best")
        }
        return {**won, **spent}


TASK = ConnectFour()


def _export(module: torch.nn.Module, path: Path) -> None:
    assert isinstance(module, BoardNet)
    export(module, path)


def mirrored(positions: Experience) -> Experience:
    """Return the mirrored positions: left becomes right."""
    return Experience(
        positions.planes[..., ::-1].copy(),
        positions.policies[:, ::-1].copy(),
        positions.values,
    )


def board(state: Any) -> list[list[int]]:
    """Return a position as JSON."""
    rows: list[list[int]] = GAME.board(state)  # type: ignore[attr-defined]
    return rows


def _somewhere(random: np.random.Generator) -> list[list[int]]:
    """Return the board of an unfinished random game."""
    return board(random_position(GAME, random, 4, 30)[0])


def _won(loaded: LoadedModel, level: str, random: np.random.Generator) -> float:
    """Return the share of games won against random moves."""
    won = 0
    for number in range(_GAMES):
        state, mine = GAME.start(), number % 2 == 0
        while (over := GAME.outcome(state)) is None:
            if mine:
                options = Options(level=level, seed=int(random.integers(1 << 30)))
                (answer,) = loaded.predict([board(state)], options=options)
                action = int(answer["action"])
            else:
                action = int(random.choice(GAME.legal(state)))
            state, mine = GAME.apply(state, action), not mine
        won += over < 0 and not mine  # the side to move has lost, and it is not ours
    return won / _GAMES


def _milliseconds(loaded: LoadedModel, level: str, boards: Sequence[Any]) -> float:
    spent = []
    for position in boards:
        began = time.perf_counter()
        loaded.predict([position], options=Options(level=level))
        spent.append(1000 * (time.perf_counter() - began))
    return round(float(np.median(spent)), 3)

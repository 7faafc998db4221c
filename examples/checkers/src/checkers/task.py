"""What to play in English draughts, learned by playing against itself.

The network, the search and self-play are Hotseat's; what is here is what a game of
one's own brings: the size of the network, how long to play, and how to measure it.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from checkers.rules import GAME, LABELS
from hotseat_registry import Input, Level, Output, Signature
from hotseat_serve.kinds.options import Options
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_train.evaluation.paired_bootstrap import wilson
from hotseat_train.models.games.alphazero import Round, learn, plan
from hotseat_train.models.games.board_net import BoardNet
from hotseat_train.models.games.self_play import (
    Experience,
    SelfPlayPlan,
    random_position,
)
from hotseat_train.onnx_graph.export import to_onnx
from hotseat_train.tasks.self_trained import SelfTrainedTask

_ROUNDS = 4.0
"""A minute, of two cores."""
_PLAYING = SelfPlayPlan(
    games=12, positions=500, simulations=24, quick=6, full_share=0.5, random_moves=24,
    memory=60_000, first_memory=20_000, reuse=12.0,
)  # fmt: skip
_POSITIONS, _GAMES = 100, 40
"""For the quality of variants, and against moves at random."""
_MOVES = 250
"""After so many a game against random moves is a draw."""


class Checkers(SelfTrainedTask):
    """A board in; each legal move's probability and a value out."""

    name = "checkers"
    kind = "policy"
    minutes = 1.0
    intended_use = "An example of a studio's own game: to be played against."
    limits = "A minute of training beats moves at random, not a club player."
    data: Mapping[str, Any] = {
        "source": "its own games, from nothing but the rules",
        "licence": "Apache-2.0",
    }

    def learn(
        self, folder: Path, minutes: float, report: Callable[[str], None]
    ) -> Sequence[tuple[float, float]]:
        """Play and learn; return seconds and loss of each round."""
        torch.set_num_threads(2)
        rounds = max(1, round(minutes * _ROUNDS))
        training = plan(rounds, batch_size=256)
        torch.manual_seed(training.seed)
        module = BoardNet(GAME.shape, GAME.actions, channels=24, blocks=2, line=None)

        def done(result: Round) -> None:
            report(
                f"round {result.number} of {rounds}: {result.seconds:.0f} s, "
                f"{result.positions} positions, policy {result.policy_loss:.3f}, "
                f"value {result.value_loss:.3f}"
            )

        found = learn(self.name, module, _export, _same, _PLAYING, training, folder,
                      done)  # fmt: skip
        _export(module, folder / "model.onnx")
        return [(r.seconds, r.policy_loss + r.value_loss) for r in found]

    def signature(self) -> Signature:
        """Return a board as `checkers.rules` reads it; an action is a move's name."""
        return Signature(
            inputs=(Input("board", "FP32", (-1, *GAME.shape), "board"),),
            outputs=(
                Output("policy", "FP32", (-1, GAME.actions)),
                Output("value", "FP32", (-1,)),
            ),
            labels=LABELS,
            max_rows=64,
            rules=self.name,
            levels={
                "easy": Level(temperature=1.0),
                "medium": Level(simulations=32),
                "hard": Level(simulations=200),
            },
        )

    def inputs(self) -> Sequence[Any]:
        """Return positions of random games."""
        rng = np.random.default_rng(11)
        return [
            {"board": GAME.board(random_position(GAME, rng, 4, 60)[0])}
            for _ in range(_POSITIONS)
        ]

    def measure(self, loaded: LoadedModel) -> dict[str, Any]:
        """Return points (win 1, draw 1/2) against moves at random, with an interval."""
        rng = np.random.default_rng(3)
        points = [
            _points(loaded, "medium", rng, number % 2) for number in range(_GAMES)
        ]
        low, high = wilson(float(sum(points)), len(points))
        return {
            "points_against_random": round(sum(points) / len(points), 3),
            "points_interval": [round(low, 3), round(high, 3)],
        }


TASK = Checkers()


class _Serving(torch.nn.Module):
    """The network as a game uses it: probabilities in place of logits."""

    def __init__(self, net: torch.nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, board: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits, value = self.net(board)
        return torch.softmax(logits, 1), value


def _export(module: torch.nn.Module, path: Path) -> None:
    board = {"board": torch.zeros(2, *GAME.shape)}
    onnx.save(to_onnx(_Serving(module), board, ["policy", "value"]), path)


def _same(positions: Experience) -> Experience:
    """Return the positions themselves: a board of draughts has no mirror."""
    return positions


def _points(
    loaded: LoadedModel, level: str, rng: np.random.Generator, side: int
) -> float:
    """Return 1, 1/2 or 0 for a game of the model against moves at random."""
    state = GAME.start()
    for _ in range(_MOVES):
        over = GAME.outcome(state)
        if over is not None:
            return 0.5 if over == 0 else float(state.mover != side)
        legal = GAME.legal(state)
        if len(legal) == 1:
            action = legal[0]
        elif state.mover == side:
            options = Options(level=level, seed=int(rng.integers(1 << 30)))
            (answer,) = loaded.predict([{"board": GAME.board(state)}], options=options)
            action = LABELS.index(answer["action"])
        else:
            action = int(rng.choice(legal))
        state = GAME.apply(state, action)
    return 0.5

"""AlphaZero on a small scale: a network learns a game by self-play with search.

Silver et al., "A general reinforcement learning algorithm that masters chess, shogi and
Go through self-play", Science 2018. The rules are any `hotseat_serve.rules.game.Game`.
Each round plays games with the newest network on every core, trains on the newest
positions and writes a checkpoint; an interrupted training resumes from it.

Differences from the paper, which had more compute: Games begin with random moves, which
lead to positions that good play avoids, and end when their outcome is proven; proven
values are training targets. Most searches are short and only choose a move; policies
are learned from the full searches (Wu, "Accelerating Self-Play Learning in Go", 2019).
Self-play uses a moving average of the weights.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hotseat_serve import rules
from hotseat_serve.runtime.session import Session
from hotseat_train.models.games import old_checkpoint
from hotseat_train.models.games.self_play import (
    Experience,
    SelfPlayPlan,
    play,
    session_evaluate,
)
from hotseat_train.optim.loop import Objective, Plan, train

Export = Callable[[torch.nn.Module, Path], None]
Mirror = Callable[[Experience], Experience]


def plan(rounds: int, *, batch_size: int = 512, seed: int = 0) -> Plan:
    """Return the default plan for so many rounds; an epoch is a round."""
    return Plan(
        "adamw",
        learning_rate=2e-3,
        batch_size=batch_size,
        max_epochs=rounds,
        tolerance=0.0,
        seed=seed,
        schedule="linear",
        clip=1.0,
        weight_decay=1e-4,
        averaging=0.99,
    )


@dataclass(frozen=True, slots=True)
class Round:
    """The results of a round; losses are means over its steps."""

    number: int
    positions: int
    policy_loss: float
    value_loss: float
    seconds: float
    """Seconds since the training began, without interruptions."""
    cpu_seconds: float
    """CPU seconds since the training began, summed over all processes."""


def learn(
    name: str,
    module: torch.nn.Module,
    export: Export,
    mirrored: Mirror,
    playing: SelfPlayPlan,
    training: Plan,
    folder: Path,
    report: Callable[[Round], None] = lambda _round: None,
) -> list[Round]:
    """Train `module` to play the game `name`; return the results of each round.

    The module maps planes to (logits [n, actions], values [n]); after training it has
    the averaged weights. `export` writes it as a graph; `mirrored` returns mirrored
    positions for symmetric games, and unchanged ones for others. A training resumes
    from the checkpoint in `folder`. The same seed gives the same games and weights on
    machines with the same arithmetic.
    """
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "checkpoint.pt"
    old_checkpoint.convert(checkpoint)
    torch.manual_seed(training.seed)
    graph = folder / "playing.onnx"
    with ProcessPoolExecutor(playing.workers, get_context("spawn")) as pool:

        def gather(
            net: torch.nn.Module, positions: int, seeds: list[int]
        ) -> list[Experience]:
            export(net, graph)
            job = replace(playing, positions=positions)
            jobs = [pool.submit(_work, name, graph, job, seed) for seed in seeds]
            return [job.result() for job in jobs]

        objective = _SelfPlay(gather, mirrored, playing, training)
        train(
            module,
            objective,
            training,
            checkpoint=checkpoint,
            report=lambda _epoch: report(objective.rounds[-1]),
        )
    module.eval()
    return objective.rounds


def _work(name: str, graph: Path, playing: SelfPlayPlan, seed: int) -> Experience:
    """Play games in a worker process."""
    evaluate = session_evaluate(Session(graph))
    return play(rules.game(name), evaluate, playing, np.random.default_rng(seed))


class _SelfPlay(Objective[Experience]):
    """Batches from the replay buffer; the loss of policy and value.

    `gather` plays with a network until each seed has a number of positions.
    """

    def __init__(
        self,
        gather: Callable[[torch.nn.Module, int, list[int]], list[Experience]],
        mirrored: Mirror,
        playing: SelfPlayPlan,
        training: Plan,
    ) -> None:
        self._gather, self._mirrored = gather, mirrored
        self._playing, self._training = playing, training
        self.rounds: list[Round] = []
        self._replay: Experience | None = None
        self._sums, self._steps = np.zeros(2), 0

    def batches(
        self, epoch: int, module: torch.nn.Module, random: np.random.Generator
    ) -> Iterator[Experience]:
        """Play a round; yield batches in proportion to its positions."""
        self._began = time.monotonic(), time.process_time()
        # a new generator for each round: independent of earlier draws
        random = np.random.default_rng([self._training.seed, epoch])
        playing, size = self._playing, self._training.batch_size
        seeds = random.integers(1 << 62, size=playing.workers).tolist()
        # the first networks are weak: a few positions of them are enough
        fresh = self._gather(module, min(playing.positions, 1_500 + 500 * epoch), seeds)
        replay = self._store(fresh)
        self._sums, self._steps = np.zeros(2), 0
        for _ in range(max(int(self._fresh * playing.reuse / size), 1)):
            rows = random.integers(len(replay), size=size)
            half = size // 2
            yield replay.pick(rows[:half]) + self._mirrored(replay.pick(rows[half:]))

    def loss(
        self, module: torch.nn.Module, batch: Experience
    ) -> tuple[torch.Tensor, int]:
        """Return the sum of the policy's and the value's mean loss."""
        logits, values = module(torch.from_numpy(batch.planes).float())
        policies = torch.from_numpy(batch.policies)
        # a policy of zeros is unknown and has no weight
        count = policies.sum().clamp(min=1.0)
        policy_loss = -(policies * logits.log_softmax(1)).sum() / count
        targets = torch.from_numpy(batch.values)
        value_loss = torch.nn.functional.mse_loss(values, targets)
        self._sums += [policy_loss.item(), value_loss.item()]
        self._steps += 1
        return policy_loss + value_loss, len(batch)

    def validate(self, module: torch.nn.Module) -> None:
        """Record the round; there is no held-out data."""
        del module
        last = self.rounds[-1] if self.rounds else Round(0, 0, 0.0, 0.0, 0.0, 0.0)
        began, began_cpu = self._began
        cpu = time.process_time() - began_cpu + self._cpu
        policy_loss, value_loss = (self._sums / self._steps).tolist()
        self.rounds.append(Round(
            last.number + 1, self._fresh, policy_loss, value_loss,
            round(last.seconds + time.monotonic() - began, 1),
            round(last.cpu_seconds + cpu, 1),
        ))  # fmt: skip

    def state(self) -> dict[str, Any]:
        """Return the rounds, the replay buffer and the plan of the games."""
        replay = self._replay
        assert replay is not None
        arrays = replay.planes, replay.policies, replay.values
        return {
            "playing": asdict(self._playing),
            "rounds": [asdict(item) for item in self.rounds],
            "memory": [torch.from_numpy(array) for array in arrays],
        }

    def restore(self, state: dict[str, Any]) -> bool:
        """Restore rounds and replay buffer if the plan of the games is the same."""
        if state.get("playing") != asdict(self._playing):
            return False
        planes, policies, values = (tensor.numpy() for tensor in state["memory"])
        self._replay = Experience(planes, policies, values)
        self.rounds = [Round(**item) for item in state["rounds"]]
        return True

    def _store(self, fresh: list[Experience]) -> Experience:
        """Add a round to the replay buffer and return it."""
        replay, playing = self._replay, self._playing
        for part in fresh:
            replay = part if replay is None else replay + part
        assert replay is not None
        self._fresh = sum(map(len, fresh))
        self._cpu = sum(part.seconds for part in fresh)
        so_far = self._fresh + sum(item.positions for item in self.rounds)
        size = min(playing.memory, playing.first_memory + so_far // 2)
        self._replay = replay.newest(size)
        return self._replay

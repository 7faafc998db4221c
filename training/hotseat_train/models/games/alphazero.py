"""Learn a game by playing it against oneself, with search: AlphaZero's recipe, small.

Silver et al., "A general reinforcement learning algorithm that masters chess, shogi and
Go through self-play", Science 2018. The rules are any `hotseat_serve.rules.game.Game`;
nothing here knows which. Each round plays games with the newest network on every core,
learns from the last positions, and leaves a checkpoint, so an interrupted training goes
on where it was.

Some things are other than in the paper, because there are minutes and not days. Games
begin with moves at random, so that the network meets positions that good play avoids,
and end where their end is proven; what a search has proven is taken as it is. Most
searches are short and only bring the game to its end, and the full ones between are
what a policy is learned from (Wu, "Accelerating Self-Play Learning in Go", 2019). The
weights that play are a moving average of those that learn.
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
from hotseat_serve.session import Session
from hotseat_train.models.games import old_checkpoint
from hotseat_train.models.games.self_play import (
    Played,
    SelfPlayPlan,
    play,
    session_evaluate,
)
from hotseat_train.optim.loop import Objective, Plan, train

Export = Callable[[torch.nn.Module, Path], None]
Mirror = Callable[[Played], Played]


def plan(rounds: int, *, batch_size: int = 512, seed: int = 0) -> Plan:
    """Return how the network is trained: an epoch is a round of games."""
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
    """What one round gave; losses are means over its steps."""

    number: int
    positions: int
    policy_loss: float
    value_loss: float
    seconds: float
    """Since the training began, interruptions not counted."""
    cpu_seconds: float
    """Of one core, in all processes together: what it took, whoever else was there."""


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
    """Train `module` to play the game `name` and return what each round gave.

    The module maps planes to (logits [n, actions], values [n]) and ends as the average
    of what it was; `export` writes it as a graph; `mirrored` returns positions seen in
    a mirror, where the game allows it, or as they are. The folder keeps a checkpoint;
    what is there already goes on. The same seed gives the same games and weights,
    wherever the arithmetic is the same.
    """
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "checkpoint.pt"
    old_checkpoint.convert(checkpoint)
    torch.manual_seed(training.seed)
    graph = folder / "playing.onnx"
    with ProcessPoolExecutor(playing.workers, get_context("spawn")) as pool:

        def gather(
            net: torch.nn.Module, positions: int, seeds: list[int]
        ) -> list[Played]:
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


def _work(name: str, graph: Path, playing: SelfPlayPlan, seed: int) -> Played:
    """Play in a process of its own."""
    evaluate = session_evaluate(Session(graph))
    return play(rules.game(name), evaluate, playing, np.random.default_rng(seed))


class _SelfPlay(Objective[Played]):
    """Batches of the newest positions; the loss of policy and value.

    `gather` plays games with a network, so many positions for each of the seeds.
    """

    def __init__(
        self,
        gather: Callable[[torch.nn.Module, int, list[int]], list[Played]],
        mirrored: Mirror,
        playing: SelfPlayPlan,
        training: Plan,
    ) -> None:
        self._gather, self._mirrored = gather, mirrored
        self._playing, self._training = playing, training
        self.rounds: list[Round] = []
        self._memory: Played | None = None
        self._sums, self._steps = np.zeros(2), 0

    def batches(
        self, epoch: int, module: torch.nn.Module, random: np.random.Generator
    ) -> Iterator[Played]:
        """Play a round; yield as many batches as its positions are worth."""
        self._began = time.monotonic(), time.process_time()
        # of each round its own, so that a round's games do not depend on the last's
        random = np.random.default_rng([self._training.seed, epoch])
        playing, size = self._playing, self._training.batch_size
        seeds = random.integers(1 << 62, size=playing.workers).tolist()
        # the first rounds know nothing yet: few positions are enough to move on
        fresh = self._gather(module, min(playing.positions, 1_500 + 500 * epoch), seeds)
        memory = self._remember(fresh)
        self._sums, self._steps = np.zeros(2), 0
        for _ in range(max(int(self._fresh * playing.reuse / size), 1)):
            rows = random.integers(len(memory), size=size)
            half = size // 2
            yield memory.pick(rows[:half]) + self._mirrored(memory.pick(rows[half:]))

    def loss(self, module: torch.nn.Module, batch: Played) -> tuple[torch.Tensor, int]:
        """Return the sum of the policy's and the value's mean loss."""
        logits, values = module(torch.from_numpy(batch.planes).float())
        policies = torch.from_numpy(batch.policies)
        # a policy of zeros is none, and weighs nothing
        count = policies.sum().clamp(min=1.0)
        policy_loss = -(policies * logits.log_softmax(1)).sum() / count
        targets = torch.from_numpy(batch.values)
        value_loss = torch.nn.functional.mse_loss(values, targets)
        self._sums += [policy_loss.item(), value_loss.item()]
        self._steps += 1
        return policy_loss + value_loss, len(batch)

    def validate(self, module: torch.nn.Module) -> None:
        """Note the round; its worth shows in play alone."""
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
        """Return the rounds, the positions and how they were played."""
        memory = self._memory
        assert memory is not None
        arrays = memory.planes, memory.policies, memory.values
        return {
            "playing": asdict(self._playing),
            "rounds": [asdict(item) for item in self.rounds],
            "memory": [torch.from_numpy(array) for array in arrays],
        }

    def restore(self, state: dict[str, Any]) -> bool:
        """Take up the rounds and positions, where games are played the same way."""
        if state.get("playing") != asdict(self._playing):
            return False
        planes, policies, values = (tensor.numpy() for tensor in state["memory"])
        self._memory = Played(planes, policies, values)
        self.rounds = [Round(**item) for item in state["rounds"]]
        return True

    def _remember(self, fresh: list[Played]) -> Played:
        """Add the positions of a round; return the newest ones, more each time."""
        memory, playing = self._memory, self._playing
        for played in fresh:
            memory = played if memory is None else memory + played
        assert memory is not None
        self._fresh = sum(map(len, fresh))
        self._cpu = sum(played.seconds for played in fresh)
        so_far = self._fresh + sum(item.positions for item in self.rounds)
        most = min(playing.memory, playing.first_memory + so_far // 2)
        self._memory = memory.newest(most)
        return self._memory

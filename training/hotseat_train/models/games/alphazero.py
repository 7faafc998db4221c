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

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from hotseat_serve import rules
from hotseat_serve.session import Session
from hotseat_train.models.games.self_play import (
    Array,
    Plan,
    Played,
    play,
    session_evaluate,
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


def _work(name: str, graph: Path, plan: Plan, seed: int) -> Played:
    """Play in a process of its own."""
    evaluate = session_evaluate(Session(graph))
    return play(rules.game(name), evaluate, plan, np.random.default_rng(seed))


def learn(
    name: str,
    module: torch.nn.Module,
    export: Callable[[torch.nn.Module, Path], None],
    mirrored: Callable[[Played], Played],
    plan: Plan,
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
    torch.manual_seed(plan.seed)
    learner = Learner(module, plan)
    rounds, memory = _resumed(folder, learner, plan)
    graph = folder / "playing.onnx"
    with ProcessPoolExecutor(plan.workers, get_context("spawn")) as pool:
        while len(rounds) < plan.rounds:
            began, began_cpu = time.monotonic(), time.process_time()
            random = np.random.default_rng([plan.seed, len(rounds)])
            export(learner.average.module, graph)
            seeds = random.integers(1 << 62, size=plan.workers).tolist()
            # the first rounds know nothing yet: few positions are enough to move on
            few = min(plan.positions, 1_500 + 500 * len(rounds))
            jobs = [
                pool.submit(_work, name, graph, replace(plan, positions=few), seed)
                for seed in seeds
            ]
            fresh = [job.result() for job in jobs]
            for played in fresh:
                memory = played if memory is None else memory + played
            assert memory is not None
            count = sum(map(len, fresh))
            so_far = count + sum(item.positions for item in rounds)
            memory = memory.newest(min(plan.memory, plan.first_memory + so_far // 2))
            losses = learner.learn(
                memory, mirrored, count, len(rounds) / plan.rounds, random
            )
            last = rounds[-1] if rounds else Round(0, 0, 0.0, 0.0, 0.0, 0.0)
            cpu = time.process_time() - began_cpu + sum(item.seconds for item in fresh)
            rounds.append(Round(
                len(rounds) + 1, count, *losses,
                round(last.seconds + time.monotonic() - began, 1),
                round(last.cpu_seconds + cpu, 1),
            ))  # fmt: skip
            _save(folder, learner, rounds, memory, plan)
            report(rounds[-1])
    module.load_state_dict(learner.average.module.state_dict())
    module.eval()
    return rounds


class Learner:
    """The network that learns, its optimizer, and the average that plays."""

    def __init__(self, module: torch.nn.Module, plan: Plan) -> None:
        self.module, self._plan = module, plan
        self.optimizer = torch.optim.AdamW(
            module.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay
        )
        self.average = AveragedModel(
            module,
            multi_avg_fn=get_ema_multi_avg_fn(plan.averaging),  # type: ignore[no-untyped-call]
            use_buffers=True,
        ).eval()

    def learn(
        self,
        memory: Played,
        mirrored: Callable[[Played], Played],
        fresh: int,
        share: float,
        random: np.random.Generator,
    ) -> tuple[float, float]:
        """Take as many steps as `fresh` positions are worth; half are mirrored.

        `share` of the training is over. Returns the mean losses of policy and value.
        """
        plan = self._plan
        for group in self.optimizer.param_groups:
            group["lr"] = plan.learning_rate * (1 - 0.95 * share)
        self.module.train()
        sums, steps = np.zeros(2), max(int(fresh * plan.reuse / plan.batch_size), 1)
        for _ in range(steps):
            rows = random.integers(len(memory), size=plan.batch_size)
            half = plan.batch_size // 2
            batch = _rows(memory, rows[:half]) + mirrored(_rows(memory, rows[half:]))
            logits, values = self.module(torch.from_numpy(batch.planes).float())
            policies = torch.from_numpy(batch.policies)
            # a policy of zeros is none, and weighs nothing
            told = policies.sum().clamp(min=1.0)
            policy_loss = -(policies * logits.log_softmax(1)).sum() / told
            value_loss = torch.nn.functional.mse_loss(
                values, torch.from_numpy(batch.values)
            )
            self.optimizer.zero_grad()
            (policy_loss + value_loss).backward()
            torch.nn.utils.clip_grad_norm_(self.module.parameters(), 1.0)
            self.optimizer.step()
            self.average.update_parameters(self.module)
            sums += [policy_loss.item(), value_loss.item()]
        self.module.eval()
        policy_mean, value_mean = (sums / steps).tolist()
        return policy_mean, value_mean


def _rows(played: Played, rows: Array) -> Played:
    return Played(played.planes[rows], played.policies[rows], played.values[rows])


def _save(
    folder: Path,
    learner: Learner,
    rounds: Sequence[Round],
    memory: Played,
    plan: Plan,
) -> None:
    """Write the checkpoint whole or not at all."""
    part = folder / "checkpoint.part"
    torch.save(
        {
            "plan": json.dumps(asdict(plan)),
            "rounds": [asdict(item) for item in rounds],
            "module": learner.module.state_dict(),
            "average": learner.average.state_dict(),
            "optimizer": learner.optimizer.state_dict(),
            "memory": [
                torch.from_numpy(memory.planes),
                torch.from_numpy(memory.policies),
                torch.from_numpy(memory.values),
            ],
        },
        part,
    )
    part.replace(folder / "checkpoint.pt")


def _resumed(
    folder: Path, learner: Learner, plan: Plan
) -> tuple[list[Round], Played | None]:
    """Read a checkpoint; one of another plan (but for its length) is not taken up."""
    path = folder / "checkpoint.pt"
    if not path.exists():
        return [], None
    whole = torch.load(path, weights_only=True)
    if json.loads(whole["plan"]) | {"rounds": plan.rounds} != asdict(plan):
        return [], None
    learner.module.load_state_dict(whole["module"])
    learner.average.load_state_dict(whole["average"])
    learner.optimizer.load_state_dict(whole["optimizer"])
    planes, policies, values = (tensor.numpy() for tensor in whole["memory"])
    rounds = [Round(**item) for item in whole["rounds"]]
    return rounds, Played(planes, policies, values)

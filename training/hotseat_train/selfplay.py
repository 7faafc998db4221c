"""Learn a game by playing it against oneself, with search: AlphaZero's recipe, small.

Silver et al., "A general reinforcement learning algorithm that masters chess, shogi and
Go through self-play", Science 2018. The rules are any `hotseat_serve.rules.game.Game`;
nothing here knows which. Each round plays games with the newest network on every core,
learns from the last positions, and leaves a checkpoint, so an interrupted training goes
on where it was.

Two things are other than in the paper, because there are minutes and not days: half of
the games begin with moves at random, so that the network meets positions that good play
avoids; and what a search has proven is taken as it is, instead of how the game went on.
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

from hotseat_serve import rules
from hotseat_serve.session import Session
from hotseat_train.play import Array, Plan, Played, play, session_evaluate


@dataclass(frozen=True, slots=True)
class Round:
    """What one round gave; losses are means over its steps."""

    number: int
    positions: int
    policy_loss: float
    value_loss: float
    seconds: float
    """Since the training began, interruptions not counted."""


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

    The module maps planes to (logits [n, actions], values [n]); `export` writes it as a
    graph; `mirrored` returns positions seen in a mirror, where the game allows it, or
    as they are. The folder keeps a checkpoint; what is there already goes on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    optimizer = torch.optim.AdamW(
        module.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay
    )
    rounds, memory = _resumed(folder, module, optimizer, plan)
    spent = rounds[-1].seconds if rounds else 0.0
    graph = folder / "playing.onnx"
    random = np.random.default_rng([plan.seed, len(rounds)])
    torch.manual_seed(plan.seed + len(rounds))
    with ProcessPoolExecutor(plan.workers, get_context("spawn")) as pool:
        while spent < 60 * plan.minutes:
            began = time.monotonic()
            export(module, graph)
            seeds = random.integers(1 << 62, size=plan.workers).tolist()
            # the first rounds know nothing yet: few positions are enough to move on
            few = plan if len(rounds) > 5 else replace(plan, positions=2_000)
            jobs = [pool.submit(_work, name, graph, few, seed) for seed in seeds]
            fresh = [job.result() for job in jobs]
            for played in fresh:
                memory = played if memory is None else memory + played
            assert memory is not None
            memory = memory.newest(plan.memory)
            count = sum(map(len, fresh))
            share = min(spent / (60 * plan.minutes), 1.0)
            for group in optimizer.param_groups:
                group["lr"] = plan.learning_rate * (1 - 0.95 * share)
            steps = max(int(count * plan.reuse / plan.batch_size), 1)
            losses = _descend(module, optimizer, memory, mirrored, plan, steps, random)
            spent += time.monotonic() - began
            rounds.append(Round(len(rounds) + 1, count, *losses, round(spent, 1)))
            _save(folder, module, optimizer, rounds, memory, plan)
            report(rounds[-1])
    return rounds


def _descend(
    module: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    memory: Played,
    mirrored: Callable[[Played], Played],
    plan: Plan,
    steps: int,
    random: np.random.Generator,
) -> tuple[float, float]:
    """Take steps on batches drawn from memory, half of each seen in a mirror."""
    module.train()
    sums = np.zeros(2)
    for _ in range(steps):
        rows = random.integers(len(memory), size=plan.batch_size)
        half = plan.batch_size // 2
        batch = _rows(memory, rows[:half]) + mirrored(_rows(memory, rows[half:]))
        logits, values = module(torch.from_numpy(batch.planes))
        policy_loss = torch.nn.functional.cross_entropy(
            logits, torch.from_numpy(batch.policies)
        )
        value_loss = torch.nn.functional.mse_loss(
            values, torch.from_numpy(batch.values)
        )
        optimizer.zero_grad()
        (policy_loss + value_loss).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
        sums += [policy_loss.item(), value_loss.item()]
    module.eval()
    policy_mean, value_mean = (sums / steps).tolist()
    return policy_mean, value_mean


def _rows(played: Played, rows: Array) -> Played:
    return Played(played.planes[rows], played.policies[rows], played.values[rows])


def _save(
    folder: Path,
    module: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
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
            "module": module.state_dict(),
            "optimizer": optimizer.state_dict(),
            "memory": [
                torch.from_numpy(memory.planes.astype(np.int8)),
                torch.from_numpy(memory.policies),
                torch.from_numpy(memory.values),
            ],
        },
        part,
    )
    part.replace(folder / "checkpoint.pt")


def _resumed(
    folder: Path,
    module: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    plan: Plan,
) -> tuple[list[Round], Played | None]:
    """Read a checkpoint; one of another plan (but for its length) is not taken up."""
    path = folder / "checkpoint.pt"
    if not path.exists():
        return [], None
    whole = torch.load(path, weights_only=True)
    before = Plan(**json.loads(whole["plan"]))
    if replace(before, minutes=plan.minutes) != plan:
        return [], None
    module.load_state_dict(whole["module"])
    optimizer.load_state_dict(whole["optimizer"])
    planes, policies, values = whole["memory"]
    memory = Played(planes.float().numpy(), policies.numpy(), values.numpy())
    return [Round(**item) for item in whole["rounds"]], memory

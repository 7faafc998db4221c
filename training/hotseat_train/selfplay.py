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
from typing import Any

import numpy as np
import torch

from hotseat_serve import rules
from hotseat_serve.rules.game import Game
from hotseat_serve.rules.search import Evaluate, Exploring, explore
from hotseat_serve.session import Session

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """How to play and how to learn."""

    minutes: float = 50.0
    """Of training in all, interruptions not counted."""
    workers: int = 2
    """Processes that play at once."""
    games: int = 64
    """That one worker plays side by side, so that the network sees whole batches."""
    positions: int = 6_000
    """That one worker brings home each round."""
    simulations: int = 56
    random_moves: int = 20
    """Half of the games begin with up to so many moves at random."""
    hot_moves: int = 12
    """Moves that are drawn from the visits; after them the best is played."""
    memory: int = 300_000
    """Positions that are learned from, the newest."""
    batch_size: int = 512
    reuse: float = 4.0
    """How often a position is learned from, on average, while it is new."""
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Played:
    """Positions: planes [n, ...], policies [n, actions], values [n]."""

    planes: Array
    policies: Array
    values: Array

    def __len__(self) -> int:
        """Return the number of positions."""
        return len(self.values)

    def newest(self, count: int) -> "Played":
        """Return the last `count`."""
        return Played(
            self.planes[-count:], self.policies[-count:], self.values[-count:]
        )

    def __add__(self, other: "Played") -> "Played":
        return Played(
            np.concatenate([self.planes, other.planes]),
            np.concatenate([self.policies, other.policies]),
            np.concatenate([self.values, other.values]),
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


@dataclass(slots=True)
class _Seat:
    """One game on its way."""

    state: Any
    steps: Exploring
    asked: Any
    moves: int
    history: list[tuple[Array, Sequence[float], float, bool]]


def play(
    game: Game[Any], evaluate: Evaluate, plan: Plan, random: np.random.Generator
) -> Played:
    """Play games side by side until there are `plan.positions`, and return them.

    A position's policy is the visits of its search. Its value is what the search has
    proven, else the mean of the search's value and how the game ended.
    """
    planes: list[Array] = []
    policies: list[Sequence[float]] = []
    values: list[float] = []
    seats = [_seat(game, plan, random) for _ in range(plan.games)]
    while len(values) < plan.positions:
        batch = np.stack([game.encode(seat.asked) for seat in seats])
        answers = zip(*evaluate(batch), strict=True)
        for at, (seat, (policy, value)) in enumerate(zip(seats, answers, strict=True)):
            try:
                seat.asked = seat.steps.send((policy.tolist(), float(value)))
                continue
            except StopIteration as end:
                found = end.value
            proven = abs(found.value) == 1.0
            seat.history.append(
                (game.encode(seat.state), found.policy, found.value, proven)
            )
            seat.state = game.apply(seat.state, _move(found.policy, seat, plan, random))
            seat.moves += 1
            ended = game.outcome(seat.state)
            if ended is None:
                _think(game, seat, plan, random)
                continue
            for here, visits, value_of, known in reversed(seat.history):
                ended = -ended
                planes.append(here)
                policies.append(visits)
                values.append(value_of if known else (value_of + ended) / 2)
            seats[at] = _seat(game, plan, random)
    return Played(
        np.array(planes, np.float32),
        np.array(policies, np.float32),
        np.array(values, np.float32),
    )


def _seat(game: Game[Any], plan: Plan, random: np.random.Generator) -> _Seat:
    """Begin a game, half of the time after moves at random."""
    while True:
        state = game.start()
        ahead = random.integers(plan.random_moves + 1) * random.integers(2)
        for _ in range(ahead):
            state = game.apply(state, int(random.choice(game.legal(state))))
            if game.outcome(state) is not None:
                break
        if game.outcome(state) is None:
            seat = _Seat(state, None, None, int(ahead), [])  # type: ignore[arg-type]
            _think(game, seat, plan, random)
            return seat


def _think(
    game: Game[Any], seat: _Seat, plan: Plan, random: np.random.Generator
) -> None:
    legal = game.legal(seat.state)
    noise = random.dirichlet([10 / len(legal)] * len(legal)).tolist()
    seat.steps = explore(game, seat.state, simulations=plan.simulations, noise=noise)
    seat.asked = next(seat.steps)


def _move(
    policy: Sequence[float], seat: _Seat, plan: Plan, random: np.random.Generator
) -> int:
    if seat.moves < plan.hot_moves:
        return int(random.choice(len(policy), p=np.array(policy) / sum(policy)))
    return int(np.argmax(policy))


def session_evaluate(session: Session) -> Evaluate:
    """Return what a search asks, answered by a graph with board, policy and value."""

    def evaluate(planes: Array) -> tuple[Array, Array]:
        outputs = session.run({"board": planes})
        return outputs["policy"], outputs["value"].reshape(-1)

    return evaluate


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

"""A step model: cells so far in, the next cell's logits out; learned from whole items.

`StepNet` sees a whole grid that is filled row by row, for items in which every cell
depends on every other. `LagNet` sees the cells just before the next one, for items that
are long and alike everywhere. What either sees is computed in the graph, so the service
only hands over the grid.
"""

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch.nn.functional import cross_entropy, embedding, pad

from hotseat_train.onnx_graph.export import to_onnx

Array = np.ndarray[Any, Any]
Batch = tuple[Array, Array, Array]
"""Grids [n, height, width] with -1 from the next cell on, wishes [n, w], next [n]."""
_TOLD = 200


@dataclass(frozen=True, slots=True)
class Plan:
    """How to learn."""

    steps: int
    batch_size: int = 2048
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    seed: int = 0


class StepNet(torch.nn.Module):
    """Two hidden layers over [cells x tiles, counts, place, wishes]."""

    one_hot: torch.Tensor
    places: torch.Tensor

    def __init__(
        self, size: tuple[int, int], tiles: int, wishes: int, hidden: int = 384
    ) -> None:
        super().__init__()
        self.size, self.tiles, self.wishes = size, tiles, wishes
        self.cells = size[0] * size[1]
        width = self.cells * tiles + tiles + self.cells + wishes
        self.first = torch.nn.Linear(width, hidden)
        self.second = torch.nn.Linear(hidden, hidden)
        self.last = torch.nn.Linear(hidden, tiles)
        # a row of zeros for a cell that is not filled yet, and one for each tile
        one_hot = torch.eye(tiles + 1)[:, 1:]
        self.register_buffer("one_hot", one_hot, persistent=False)
        self.register_buffer("places", torch.eye(self.cells), persistent=False)

    def forward(self, grid: torch.Tensor, wish: torch.Tensor) -> torch.Tensor:
        """Return logits [n, tiles] of the next cell."""
        cells = grid.flatten(1)
        held = embedding(cells + 1, self.one_hot)
        counts = held.sum(1)
        place = counts.sum(1).long().clamp(max=self.cells - 1)
        where = embedding(place, self.places)
        return _answer(self, [held.flatten(1), counts / 10, where, wish])

    def export(self, path: Path) -> None:
        """Write the graph: ``grid`` [n, height, width], ``wish`` [n, w] to logits."""
        _export(self, path)


class LagNet(torch.nn.Module):
    """Two hidden layers over [lags x tiles, row, wishes]; filled column by column.

    A lag is a cell so many steps back; before the first column lies a tile of its own,
    that no cell can be. In training some of the lags are blanked, so that the network
    leans on no one long passage.
    """

    one_hot: torch.Tensor
    rows: torch.Tensor

    def __init__(
        self,
        size: tuple[int, int],
        tiles: int,
        wishes: int,
        lags: int,
        hidden: int = 256,
        blanked: float = 0.2,
    ) -> None:
        super().__init__()
        self.size, self.tiles, self.wishes, self.lags = size, tiles, wishes, lags
        self.blanked = blanked
        width = lags * (tiles + 1) + size[0] + wishes
        self.first = torch.nn.Linear(width, hidden)
        self.second = torch.nn.Linear(hidden, hidden)
        self.last = torch.nn.Linear(hidden, tiles)
        self.register_buffer("one_hot", torch.eye(tiles + 1), persistent=False)
        self.register_buffer("rows", torch.eye(size[0]), persistent=False)

    def forward(self, grid: torch.Tensor, wish: torch.Tensor) -> torch.Tensor:
        """Return logits [n, tiles] of the next cell."""
        line = grid.transpose(1, 2).flatten(1)
        place = (line >= 0).sum(1, keepdim=True)
        before = pad(line, (self.lags, 0), value=self.tiles)
        seen = before.gather(1, place + torch.arange(self.lags))
        held = embedding(seen, self.one_hot)
        if self.training:
            held = held * (torch.rand(*seen.shape, 1) >= self.blanked)
        row = embedding(place.squeeze(1) % self.size[0], self.rows)
        return _answer(self, [held.flatten(1), row, wish])

    def export(self, path: Path) -> None:
        """Write the graph: ``grid`` [n, height, width], ``wish`` [n, w] to logits."""
        _export(self, path)


Net = StepNet | LagNet


def _answer(net: Net, seen: list[torch.Tensor]) -> torch.Tensor:
    x = torch.relu(net.first(torch.cat(seen, 1)))
    x = x + torch.relu(net.second(x))
    logits: torch.Tensor = net.last(x)
    return logits


def _export(net: Net, path: Path) -> None:
    grid = torch.full((2, *net.size), -1)
    inputs = {"grid": grid, "wish": torch.zeros(2, net.wishes)}
    onnx.save(to_onnx(net, inputs, ["logits"]), path)


def learn(
    net: Net,
    drawn: Callable[[int, np.random.Generator], Batch],
    held: Batch,
    plan: Plan,
    report: Callable[[str], None],
) -> list[tuple[float, float]]:
    """Train on batches that `drawn` makes; keep the weights that do best on `held`.

    Returns (seconds, loss on `held`) every so many steps. The same seed gives the same
    weights, wherever the arithmetic is the same.
    """
    torch.manual_seed(plan.seed)
    random = np.random.default_rng(plan.seed)
    optimizer = torch.optim.AdamW(
        net.parameters(), plan.learning_rate, weight_decay=plan.weight_decay
    )
    curve: list[tuple[float, float]] = []
    best = deepcopy(net.state_dict())
    began = time.monotonic()
    for step in range(plan.steps):
        for group in optimizer.param_groups:
            group["lr"] = plan.learning_rate * (1 - 0.95 * step / plan.steps)
        net.train()
        loss = _loss(net, drawn(plan.batch_size, random))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if (step + 1) % _TOLD == 0 or step + 1 == plan.steps:
            net.eval()
            with torch.no_grad():
                now = float(_loss(net, held))
            if now <= min((loss for _, loss in curve), default=now):
                best = deepcopy(net.state_dict())
            curve.append((time.monotonic() - began, now))
            report(f"step {step + 1} of {plan.steps}: held-out loss {now:.4f}")
    net.load_state_dict(best)
    net.eval()
    return curve


def cut(items: Array, cells: Array, by: str = "rows") -> tuple[Array, Array]:
    """Return items [n, height, width] as far as cell [n], and what comes there."""
    order = items if by == "rows" else items.transpose(0, 2, 1)
    line = order.reshape(len(items), -1)
    target = line[np.arange(len(line)), cells]
    seen = np.where(np.arange(line.shape[1]) < cells[:, None], line, -1)
    seen = seen.reshape(order.shape)
    if by != "rows":
        seen = np.ascontiguousarray(seen.transpose(0, 2, 1))
    return seen, target


def _loss(net: Net, batch: Batch) -> torch.Tensor:
    seen, wish, target = map(torch.from_numpy, batch)
    return cross_entropy(net(seen, wish), target)

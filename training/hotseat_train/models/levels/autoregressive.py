"""Autoregressive models of levels: the filled cells in, the next cell's logits out.

`GridMLP` reads the whole grid, filled row by row; it suits levels with long-range
dependencies between cells. `LaggedMLP` reads the cells just before the next one; it
suits long levels with the same structure everywhere. The graph computes the features,
so its inputs are the grid and the wish.
"""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch.nn.functional import cross_entropy, embedding, pad

from hotseat_train.onnx_graph.export import to_onnx
from hotseat_train.optim import checkpoint
from hotseat_train.optim.loop import Epoch, Objective, Plan, train

Array = np.ndarray[Any, Any]
Batch = tuple[Array, Array, Array]
"""Grids [n, height, width], -1 from the next cell on; wishes [n, w]; targets [n]."""
_STEPS = 200
"""Steps of an epoch; each ends with a measurement of the held-out loss."""


def plan(
    steps: int, batch_size: int = 2048, learning_rate: float = 2e-3, seed: int = 0
) -> Plan:
    """Return the default plan for so many steps."""
    epochs = math.ceil(steps / _STEPS)
    return Plan(
        "adamw",
        learning_rate,
        batch_size=batch_size,
        max_epochs=epochs,
        tolerance=0.0,
        patience=epochs,
        seed=seed,
        schedule="linear",
        weight_decay=0.01,
        max_steps=steps,
    )


class GridMLP(torch.nn.Module):
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
        # the first row is for unfilled cells
        one_hot = torch.eye(tiles + 1)[:, 1:]
        self.register_buffer("one_hot", one_hot, persistent=False)
        self.register_buffer("places", torch.eye(self.cells), persistent=False)

    def forward(self, grid: torch.Tensor, wish: torch.Tensor) -> torch.Tensor:
        """Return logits [n, tiles] of the next cell."""
        cells = grid.flatten(1)
        tiles = embedding(cells + 1, self.one_hot)
        counts = tiles.sum(1)
        place = counts.sum(1).long().clamp(max=self.cells - 1)
        where = embedding(place, self.places)
        return _mlp(self, [tiles.flatten(1), counts / 10, where, wish])

    def export(self, path: Path) -> None:
        """Write the graph: ``grid`` [n, height, width], ``wish`` [n, w] to logits."""
        _export(self, path)


class LaggedMLP(torch.nn.Module):
    """Two hidden layers over [lags x tiles, row, wishes]; filled column by column.

    A lag is the cell a number of steps back; before the first column it is a padding
    tile. Training sets a share of the lags to zero (`lag_dropout`) against memorised
    passages.
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
        lag_dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.size, self.tiles, self.wishes, self.lags = size, tiles, wishes, lags
        self.lag_dropout = lag_dropout
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
        lags = before.gather(1, place + torch.arange(self.lags))
        tiles = embedding(lags, self.one_hot)
        if self.training:
            tiles = tiles * (torch.rand(*lags.shape, 1) >= self.lag_dropout)
        row = embedding(place.squeeze(1) % self.size[0], self.rows)
        return _mlp(self, [tiles.flatten(1), row, wish])

    def export(self, path: Path) -> None:
        """Write the graph: ``grid`` [n, height, width], ``wish`` [n, w] to logits."""
        _export(self, path)


Net = GridMLP | LaggedMLP


def _mlp(net: Net, features: list[torch.Tensor]) -> torch.Tensor:
    x = torch.relu(net.first(torch.cat(features, 1)))
    x = x + torch.relu(net.second(x))
    logits: torch.Tensor = net.last(x)
    return logits


def _export(net: Net, path: Path) -> None:
    grid = torch.full((2, *net.size), -1)
    inputs = {"grid": grid, "wish": torch.zeros(2, net.wishes)}
    onnx.save(to_onnx(net, inputs, ["logits"]), path)


def learn(
    net: Net,
    sample: Callable[[int, np.random.Generator], Batch],
    held_out: Batch,
    plan: Plan,
    report: Callable[[str], None],
    checkpoint_path: Path | None = None,
) -> list[tuple[float, float]]:
    """Train on sampled batches; keep the weights with the lowest held-out loss.

    `sample` returns a batch of so many rows. Returns (seconds, held-out loss) of each
    epoch. The same seed gives the same weights on machines with the same arithmetic.
    An interrupted training resumes from `checkpoint_path`; see `optim.loop.train`.
    """
    torch.manual_seed(plan.seed)

    def report_epoch(epoch: Epoch) -> None:
        step = min(epoch.number * _STEPS, plan.max_steps)
        report(
            f"step {step} of {plan.max_steps}: held-out loss "
            f"{epoch.validation_loss:.4f}"
        )

    objective = _NextCell(sample, held_out, plan.batch_size)
    state = train(net, objective, plan, checkpoint=checkpoint_path, report=report_epoch)
    net.eval()
    losses = [epoch.validation_loss for epoch in state.curve]
    return list(zip(state.seconds, losses, strict=True))


class _NextCell(Objective[Batch]):
    """Cross-entropy of the next cell."""

    def __init__(
        self,
        sample: Callable[[int, np.random.Generator], Batch],
        held_out: Batch,
        batch_size: int,
    ) -> None:
        self._sample, self._held_out, self._size = sample, held_out, batch_size
        first = sample(_STEPS, np.random.default_rng(0))
        self._digest = checkpoint.digest(map(torch.from_numpy, [*held_out, *first]))

    @property
    def steps(self) -> int:
        return _STEPS

    def batches(
        self, epoch: int, module: torch.nn.Module, random: np.random.Generator
    ) -> Iterator[Batch]:
        del epoch, module
        return (self._sample(self._size, random) for _ in range(_STEPS))

    def loss(self, module: torch.nn.Module, batch: Batch) -> tuple[torch.Tensor, int]:
        logits, target = _logits(module, batch)
        return cross_entropy(logits, target), len(target)

    def validate(self, module: torch.nn.Module) -> tuple[float, float]:
        with torch.no_grad():
            logits, target = _logits(module, self._held_out)
            accuracy = (logits.argmax(1) == target).double().mean()
            return float(cross_entropy(logits, target)), float(accuracy)

    def state(self) -> dict[str, Any]:
        return {"data": self._digest}

    def restore(self, state: dict[str, Any]) -> bool:
        return bool(state.get("data") == self._digest)


def _logits(module: torch.nn.Module, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the logits [n, tiles] of a batch and its targets [n]."""
    grids, wish, target = map(torch.from_numpy, batch)
    return module(grids, wish), target


def cut(items: Array, cells: Array, by: str = "rows") -> tuple[Array, Array]:
    """Return levels [n, height, width] before the cells [n], and the tiles of these.

    Cells are counted in the order of filling, by rows or columns; later cells are -1.
    """
    order = items if by == "rows" else items.transpose(0, 2, 1)
    line = order.reshape(len(items), -1)
    target = line[np.arange(len(line)), cells]
    grids = np.where(np.arange(line.shape[1]) < cells[:, None], line, -1)
    grids = grids.reshape(order.shape)
    if by != "rows":
        grids = np.ascontiguousarray(grids.transpose(0, 2, 1))
    return grids, target

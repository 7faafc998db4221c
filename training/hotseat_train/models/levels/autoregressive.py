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
import torch
from torch.nn.functional import cross_entropy, one_hot

from hotseat_train.onnx_graph.layers import Layers

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

    def forward(self, grid: torch.Tensor, wish: torch.Tensor) -> torch.Tensor:
        """Return logits [n, tiles] of the next cell."""
        grid = grid.flatten(1)
        held = one_hot(grid.clamp(min=0), self.tiles).float()
        held = held * (grid >= 0).unsqueeze(2)
        place = (grid >= 0).sum(1).clamp(max=self.cells - 1)
        where = one_hot(place, self.cells).float()
        return _answer(self, [held.flatten(1), held.sum(1) / 10, where, wish])

    def export(self, path: Path) -> None:
        """Write the graph: ``grid`` [n, height, width], ``wish`` [n, w] to logits."""
        graph, cells, tiles = Layers("step"), self.cells, self.tiles
        add = graph.add
        flat = add("Reshape", ["grid", graph.whole("flat", -1, cells)], "flatgrid")
        # a row for each tile, and one of zeros for what is not filled yet
        table = np.concatenate([np.zeros((1, tiles)), np.eye(tiles)])
        rows = add("Add", [flat, graph.keep("one", np.int64(1))], "rows")
        held = add(
            "Gather", [graph.keep("tiles", table.astype(np.float32)), rows], "held"
        )
        wide = add(
            "Reshape", [held, graph.whole("wide", -1, cells * tiles)], "heldwide"
        )
        axis = graph.whole("axis1", 1)
        counts = add("ReduceSum", [held, axis], "counts", keepdims=0)
        tenth = add("Mul", [counts, graph.keep("tenth", np.float32(0.1))], "tenths")
        total = add("ReduceSum", [counts, axis], "total", keepdims=0)
        at = add("Cast", [total], "at", to=7)  # INT64
        last = add("Min", [at, graph.keep("lastcell", np.int64(cells - 1))], "place")
        places = graph.keep("places", np.eye(cells, dtype=np.float32))
        where = add("Gather", [places, last], "where")
        _finish(self, graph, [wide, tenth, where, "wish"], path)


class LagNet(torch.nn.Module):
    """Two hidden layers over [lags x tiles, row, wishes]; filled column by column.

    A lag is a cell so many steps back; before the first column lies a tile of its own,
    that no cell can be. In training some of the lags are blanked, so that the network
    leans on no one long passage.
    """

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

    def forward(self, grid: torch.Tensor, wish: torch.Tensor) -> torch.Tensor:
        """Return logits [n, tiles] of the next cell."""
        line = grid.transpose(1, 2).flatten(1)
        place = (line >= 0).sum(1)
        before = torch.full((len(line), self.lags), self.tiles)
        at = place.unsqueeze(1) + torch.arange(self.lags)
        seen = torch.cat([before, line], 1).gather(1, at)
        held = one_hot(seen, self.tiles + 1).float()
        if self.training:
            held = held * (torch.rand(*seen.shape, 1) >= self.blanked)
        row = one_hot(place % self.size[0], self.size[0]).float()
        return _answer(self, [held.flatten(1), row, wish])

    def export(self, path: Path) -> None:
        """Write the graph: ``grid`` [n, height, width], ``wish`` [n, w] to logits."""
        graph, (height, width) = Layers("step"), self.size
        add, kinds = graph.add, self.tiles + 1
        columns = add("Transpose", ["grid"], "columns", perm=[0, 2, 1])
        flat = graph.whole("flat", -1, height * width)
        line = add("Reshape", [columns, flat], "line")
        empty = add("Less", [line, graph.keep("zero", np.int64(0))], "empty")
        open_ = add("Cast", [add("Not", [empty], "filled")], "ones", to=7)  # INT64
        place = add("ReduceSum", [open_, graph.whole("axis1", 1)], "place", keepdims=1)
        pads = graph.whole("pads", 0, self.lags, 0, 0)
        outside = graph.keep("outside", np.int64(self.tiles))
        padded = add("Pad", [line, pads, outside], "padded")
        back = graph.keep("back", np.arange(self.lags)[None])
        at = add("Add", [place, back], "at")
        seen = add("GatherElements", [padded, at], "seen", axis=1)
        table = graph.keep("tiles", np.eye(kinds, dtype=np.float32))
        held = add("Gather", [table, seen], "held")
        wide = add(
            "Reshape", [held, graph.whole("wide", -1, self.lags * kinds)], "heldwide"
        )
        row = add("Mod", [place, graph.keep("height", np.int64(height))], "rowat")
        rows = graph.keep("rows", np.eye(height, dtype=np.float32))
        where = add("Gather", [rows, row], "where3")
        where = add("Reshape", [where, graph.whole("where2", -1, height)], "where")
        _finish(self, graph, [wide, where, "wish"], path)


Net = StepNet | LagNet


def _answer(net: Net, seen: list[torch.Tensor]) -> torch.Tensor:
    x = torch.relu(net.first(torch.cat(seen, 1)))
    x = x + torch.relu(net.second(x))
    logits: torch.Tensor = net.last(x)
    return logits


def _finish(net: Net, graph: Layers, seen: list[str], path: Path) -> None:
    """Add the layers that `_answer` has, and write the graph."""
    x = graph.add("Concat", seen, "x", axis=1)
    x = graph.add("Relu", [graph.linear(net.first, x, "first")], "h1")
    more = graph.add("Relu", [graph.linear(net.second, x, "second")], "h2")
    graph.linear(net.last, graph.add("Add", [x, more], "h3"), "logits")
    graph.save(
        path,
        [("grid", "INT64", ["n", *net.size]), ("wish", "FP32", ["n", net.wishes])],
        [("logits", "FP32", ["n", net.tiles])],
    )


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

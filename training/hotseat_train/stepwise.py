"""A step model: cells so far in, the next cell's logits out; learned from whole items.

Items are grids of one size, filled row by row. What the network sees of the cells so
far is which cell holds what, how often each tile stands already, and where the next
cell is; that is computed in the graph, so the service only hands over the grid.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

Array = np.ndarray[Any, Any]
_OPSET, _IR = 17, 9


@dataclass(frozen=True, slots=True)
class Plan:
    """How to learn."""

    seconds: float
    batch_size: int = 2048
    hidden: int = 384
    learning_rate: float = 2e-3
    seed: int = 0


class StepNet(torch.nn.Module):
    """Two hidden layers over [cells x tiles, counts, place, wishes]."""

    def __init__(self, cells: int, tiles: int, wishes: int, hidden: int) -> None:
        super().__init__()
        self.cells, self.tiles, self.wishes = cells, tiles, wishes
        self.first = torch.nn.Linear(cells * tiles + tiles + cells + wishes, hidden)
        self.second = torch.nn.Linear(hidden, hidden)
        self.last = torch.nn.Linear(hidden, tiles)

    def forward(self, grid: torch.Tensor, wish: torch.Tensor) -> torch.Tensor:
        """Return logits [n, tiles] of grids [n, cells], -1 from the next cell on."""
        held = torch.nn.functional.one_hot(grid.clamp(min=0), self.tiles).float()
        held = held * (grid >= 0).unsqueeze(2)
        place = (grid >= 0).sum(1).clamp(max=self.cells - 1)
        x = torch.cat(
            [
                held.flatten(1),
                held.sum(1) / 10,
                torch.nn.functional.one_hot(place, self.cells).float(),
                wish,
            ],
            1,
        )
        x = torch.relu(self.first(x))
        x = x + torch.relu(self.second(x))
        logits: torch.Tensor = self.last(x)
        return logits


def learn(
    items: Array,
    wishes: Array,
    tiles: int,
    plan: Plan,
    changed: Callable[[Array, np.random.Generator], Array],
    report: Callable[[str], None],
) -> tuple[StepNet, list[tuple[float, float]]]:
    """Train on items [n, height, width] with wishes [n, w] for `plan.seconds`.

    `changed` returns a batch of items turned and mirrored, where the game allows it.
    """
    import time

    torch.manual_seed(plan.seed)
    random = np.random.default_rng(plan.seed)
    cells = items[0].size
    module = StepNet(cells, tiles, wishes.shape[1], plan.hidden)
    optimizer = torch.optim.AdamW(module.parameters(), plan.learning_rate)
    curve: list[tuple[float, float]] = []
    began, losses = time.monotonic(), []
    while (spent := time.monotonic() - began) < plan.seconds:
        for group in optimizer.param_groups:
            group["lr"] = plan.learning_rate * (1 - 0.95 * spent / plan.seconds)
        rows = random.integers(len(items), size=plan.batch_size)
        whole = changed(items[rows], random).reshape(len(rows), cells)
        place = random.integers(cells, size=len(rows))
        target = whole[np.arange(len(rows)), place]
        seen = np.where(np.arange(cells) < place[:, None], whole, -1)
        logits = module(
            torch.from_numpy(seen), torch.from_numpy(wishes[rows].astype(np.float32))
        )
        loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(target))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
        if len(losses) == 200:
            curve.append((spent, float(np.mean(losses))))
            report(f"{spent:.0f} of {plan.seconds:.0f} s: loss {curve[-1][1]:.4f}")
            losses = []
    return module, curve


def export(module: StepNet, height: int, width: int, path: Path) -> None:
    """Write the graph: ``grid`` [n, height, width], ``wish`` [n, w] to ``logits``."""
    nodes: list[Any] = []
    weights: list[Any] = []

    def add(kind: str, inputs: Sequence[str], output: str, **more: Any) -> str:
        nodes.append(helper.make_node(kind, list(inputs), [output], **more))
        return output

    def keep(name: str, value: Any) -> str:
        weights.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    cells, tiles = module.cells, module.tiles
    flat = add(
        "Reshape", ["grid", keep("flat", np.array([-1, cells], np.int64))], "flatgrid"
    )
    # a row for each tile, and one of zeros for what is not filled yet
    table = np.concatenate([np.zeros((1, tiles)), np.eye(tiles)]).astype(np.float32)
    one = keep("one", np.int64(1))
    rows = add("Add", [flat, one], "rows")
    held = add("Gather", [keep("tiles", table), rows], "held")
    shape = keep("wide", np.array([-1, cells * tiles], np.int64))
    wide = add("Reshape", [held, shape], "heldwide")
    axis = keep("axis1", np.array([1], np.int64))
    counts = add("ReduceSum", [held, axis], "counts", keepdims=0)
    tenth = add("Mul", [counts, keep("tenth", np.float32(0.1))], "tenths")
    total = add("ReduceSum", [counts, axis], "total", keepdims=0)
    at = add("Cast", [total], "at", to=TensorProto.INT64)
    last = add("Min", [at, keep("lastcell", np.int64(cells - 1))], "place")
    where = add(
        "Gather", [keep("places", np.eye(cells, dtype=np.float32)), last], "where"
    )
    x = add("Concat", [wide, tenth, where, "wish"], "x", axis=1)

    def linear(layer: torch.nn.Linear, given: str, name: str) -> str:
        weight = keep(f"{name}.w", layer.weight.detach().numpy())
        bias = keep(f"{name}.b", layer.bias.detach().numpy())
        return add("Gemm", [given, weight, bias], name, transB=1)

    x = add("Relu", [linear(module.first, x, "first")], "h1")
    x = add("Add", [x, add("Relu", [linear(module.second, x, "second")], "h2")], "h3")
    linear(module.last, x, "logits")
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "step",
        [info("grid", TensorProto.INT64, ["n", height, width]),
         info("wish", TensorProto.FLOAT, ["n", module.wishes])],
        [info("logits", TensorProto.FLOAT, ["n", tiles])],
        weights,
    )  # fmt: skip
    opsets = [helper.make_opsetid("", _OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR)
    onnx.checker.check_model(model)
    onnx.save(model, path)

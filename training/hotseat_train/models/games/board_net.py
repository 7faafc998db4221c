"""A small residual network for boards: planes in, a policy and a value out."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from hotseat_train.onnx_graph.layers import Layers


class BoardNet(nn.Module):
    """Residual blocks over planes [n, 2, height, width]: own stones, the other's.

    In a game that is won by so many stones in a `line`, what the rules say at a glance
    is shown as well: the empty cells that would make a line for either side, and
    whether the first player is to move. A learned map is added to the first layer, so
    that the network knows where on the board it is: what a threat is worth depends on
    its row.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        actions: int,
        channels: int = 32,
        blocks: int = 4,
        line: int | None = 4,
    ) -> None:
        super().__init__()
        planes, height, width = self.size = shape
        self.threes = None if line is None else _threes(line)
        self.stem = _conv(planes + (0 if line is None else 3), channels)
        self.place = nn.Parameter(torch.zeros(channels, height, width))
        self.blocks = nn.ModuleList(_Block(channels) for _ in range(blocks))
        cells = 8 * height * width
        self.policy_conv = _conv(channels, 8, 1)
        self.policy = nn.Linear(cells, actions)
        self.value_conv = _conv(channels, 8, 1)
        self.value_hidden = nn.Linear(cells, 48)
        self.value = nn.Linear(48, 1)

    def forward(self, planes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits [n, actions], whatever is legal, and values [n]."""
        x = torch.relu(self.stem(self._seen(planes)) + self.place)
        for block in self.blocks:
            x = block(x)
        policy = self.policy(torch.relu(self.policy_conv(x)).flatten(1))
        hidden = torch.relu(self.value_conv(x)).flatten(1)
        hidden = torch.relu(self.value_hidden(hidden))
        return policy, torch.tanh(self.value(hidden)).squeeze(1)

    def _seen(self, planes: torch.Tensor) -> torch.Tensor:
        """Return the planes and what they show at a glance [n, 5, height, width]."""
        if self.threes is None:
            return planes
        each = planes.reshape(-1, 1, *self.size[1:])
        short = self.threes.shape[-1] // 2
        found = nn.functional.conv2d(each, self.threes, padding=short)
        most = torch.relu(found - short + 1).amax(1).reshape(planes.shape)
        empty = 1 - planes.sum(1, keepdim=True)
        first = 1 - planes.sum((1, 2, 3), keepdim=True) % 2
        return torch.cat([planes, most * empty, first.expand_as(empty)], 1)


def _threes(line: int) -> torch.Tensor:
    """Return masks of a line's other stones, around the cell that would end it.

    [ways, 1, 2 line - 1, 2 line - 1]; a way is a direction and the cell's place in it.
    """
    masks = []
    for down, right in ((1, 0), (0, 1), (1, 1), (1, -1)):
        for place in range(line):
            mask = torch.zeros(1, 2 * line - 1, 2 * line - 1)
            for step in range(-place, line - place):
                mask[0, line - 1 + step * down, line - 1 + step * right] = step != 0
            masks.append(mask)
    return torch.stack(masks)


class _Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _conv(channels, channels)
        self.second = _conv(channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x + self.second(torch.relu(self.first(x))))


def _conv(inputs: int, outputs: int, size: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False),
        nn.BatchNorm2d(outputs),
    )


def export(module: BoardNet, path: Path) -> None:
    """Write the network as a graph: ``board`` in, ``policy`` and ``value`` out.

    Normalisation is folded into the convolutions. An action is a column; one whose
    topmost cell is taken has probability 0.
    """
    graph = Layers("boardnet")
    add = graph.add

    def conv(layer: Any, x: str, name: str) -> str:
        weight, bias = _folded(layer)
        pad = weight.shape[-1] // 2
        inputs = [x, graph.keep(f"{name}.w", weight), graph.keep(f"{name}.b", bias)]
        return add("Conv", inputs, name, pads=[pad] * 4)

    seen = _seen(module, graph)
    place = graph.keep("place", module.place.detach().numpy()[None])
    x = add("Relu", [add("Add", [conv(module.stem, seen, "stem"), place], "at")], "x")
    for number, block in enumerate(module.blocks):
        a = add("Relu", [conv(block.first, x, f"b{number}.1")], f"b{number}.r")
        b = conv(block.second, a, f"b{number}.2")
        x = add("Relu", [add("Add", [x, b], f"b{number}.s")], f"b{number}")
    hidden = add("Relu", [conv(module.policy_conv, x, "pc")], "pr")
    logits = graph.linear(module.policy, add("Flatten", [hidden], "pf"), "logits")
    # the topmost row of both sides' stones together: 1 where a column is full
    corner = [graph.whole("top", 0), graph.whole("below", 1)]
    top = add("Slice", ["board", *corner, graph.whole("rows", 2)], "toprow")
    full = add("ReduceSum", [top, graph.whole("axes", 1, 2)], "full", keepdims=0)
    far = add("Mul", [full, graph.keep("far", np.float32(-1e9))], "mask")
    add("Softmax", [add("Add", [logits, far], "masked")], "policy", axis=1)
    hidden = add("Relu", [conv(module.value_conv, x, "vc")], "vr")
    flat = add("Flatten", [hidden], "vf")
    hidden = add("Relu", [graph.linear(module.value_hidden, flat, "vh")], "vhr")
    value = add("Tanh", [graph.linear(module.value, hidden, "vl")], "vt")
    add("Reshape", [value, graph.whole("flat", -1)], "value")
    planes, height, width = module.size
    graph.save(
        path,
        [("board", "FP32", ["n", planes, height, width])],
        [("policy", "FP32", ["n", width]), ("value", "FP32", ["n"])],
    )


def _seen(module: BoardNet, graph: Layers) -> str:
    """Add what `BoardNet._seen` does; return its name."""
    if module.threes is None:
        return "board"
    add, (planes, height, width) = graph.add, module.size
    short = module.threes.shape[-1] // 2
    each = add("Reshape", ["board", graph.whole("each", -1, 1, height, width)], "side")
    ways = graph.keep("threes", module.threes.numpy())
    less = graph.keep("less", np.full(len(module.threes), 1 - short, np.float32))
    found = add("Conv", [each, ways, less], "ways", pads=[short] * 4)
    most = add("ReduceMax", [add("Relu", [found], "lines")], "most", axes=[1])
    both = graph.whole("both", -1, planes, height, width)
    threats = add("Reshape", [most, both], "cells")
    one, two = graph.keep("one", np.float32(1)), graph.keep("two", np.float32(2))
    stones = add("ReduceSum", ["board", graph.whole("sides", 1)], "stones")
    empty = add("Sub", [one, stones], "empty")
    count = add("ReduceSum", ["board", graph.whole("all", 1, 2, 3)], "count")
    odd = add("Mod", [count, two], "odd", fmod=1)
    first = add("Sub", [one, odd], "mover")
    ones = graph.keep("ones", np.ones((1, 1, height, width), np.float32))
    wins = add("Mul", [threats, empty], "threats")
    turn = add("Mul", [ones, first], "first")
    return add("Concat", ["board", wins, turn], "seen", axis=1)


def _folded(layer: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return a convolution's weights and bias with its normalisation in them."""
    conv, norm = layer
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    weight = conv.weight * scale[:, None, None, None]
    bias = norm.bias - norm.running_mean * scale
    return weight.detach().numpy(), bias.detach().numpy()

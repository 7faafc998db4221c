"""A small residual network for boards: planes in, a policy and a value out."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from hotseat_train.graph import Graph


class BoardNet(nn.Module):
    """Residual blocks over planes [n, planes, height, width].

    A learned map is added to the first layer, so that the network knows where on the
    board it is: what a threat is worth depends on its row.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        actions: int,
        channels: int = 32,
        blocks: int = 4,
    ) -> None:
        super().__init__()
        planes, height, width = self.size = shape
        self.stem = _conv(planes, channels)
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
        x = torch.relu(self.stem(planes) + self.place)
        for block in self.blocks:
            x = block(x)
        policy = self.policy(torch.relu(self.policy_conv(x)).flatten(1))
        hidden = torch.relu(self.value_conv(x)).flatten(1)
        hidden = torch.relu(self.value_hidden(hidden))
        return policy, torch.tanh(self.value(hidden)).squeeze(1)


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
    topmost cell is taken, in one of the first two planes, has probability 0.
    """
    graph = Graph("boardnet")
    add = graph.add

    def conv(layer: Any, x: str, name: str) -> str:
        weight, bias = _folded(layer)
        pad = weight.shape[-1] // 2
        inputs = [x, graph.keep(f"{name}.w", weight), graph.keep(f"{name}.b", bias)]
        return add("Conv", inputs, name, pads=[pad] * 4)

    place = graph.keep("place", module.place.detach().numpy()[None])
    x = add(
        "Relu", [add("Add", [conv(module.stem, "board", "stem"), place], "at")], "x"
    )
    for number, block in enumerate(module.blocks):
        a = add("Relu", [conv(block.first, x, f"b{number}.1")], f"b{number}.r")
        b = conv(block.second, a, f"b{number}.2")
        x = add("Relu", [add("Add", [x, b], f"b{number}.s")], f"b{number}")
    hidden = add("Relu", [conv(module.policy_conv, x, "pc")], "pr")
    logits = graph.linear(module.policy, add("Flatten", [hidden], "pf"), "logits")
    # the topmost row of both sides' stones together: 1 where a column is full
    corner = [graph.whole("top", 0, 0), graph.whole("below", 2, 1)]
    top = add("Slice", ["board", *corner, graph.whole("rows", 1, 2)], "toprow")
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


def _folded(layer: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return a convolution's weights and bias with its normalisation in them."""
    conv, norm = layer
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    weight = conv.weight * scale[:, None, None, None]
    bias = norm.bias - norm.running_mean * scale
    return weight.detach().numpy(), bias.detach().numpy()

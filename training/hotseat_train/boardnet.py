"""A small residual network for boards: planes in, a policy and a value out."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

_OPSET, _IR = 17, 9


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
    weights: list[Any] = []
    nodes: list[Any] = []

    def add(kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def keep(name: str, array: Any) -> str:
        weights.append(numpy_helper.from_array(np.asarray(array, np.float32), name))
        return name

    def conv(layer: Any, x: str, name: str) -> str:
        weight, bias = _folded(layer)
        pad = weight.shape[-1] // 2
        inputs = [x, keep(f"{name}.w", weight), keep(f"{name}.b", bias)]
        return add("Conv", inputs, name, pads=[pad] * 4)

    def linear(layer: nn.Linear, x: str, name: str) -> str:
        weight = keep(f"{name}.w", layer.weight.detach().numpy())
        bias = keep(f"{name}.b", layer.bias.detach().numpy())
        return add("Gemm", [x, weight, bias], name, transB=1)

    place = keep("place", module.place.detach().numpy()[None])
    x = add(
        "Relu", [add("Add", [conv(module.stem, "board", "stem"), place], "at")], "x"
    )
    for number, block in enumerate(module.blocks):
        a = add("Relu", [conv(block.first, x, f"b{number}.1")], f"b{number}.r")
        b = conv(block.second, a, f"b{number}.2")
        x = add("Relu", [add("Add", [x, b], f"b{number}.s")], f"b{number}")
    hidden = add("Relu", [conv(module.policy_conv, x, "pc")], "pr")
    logits = linear(module.policy, add("Flatten", [hidden], "pf"), "logits")
    # the topmost row of both sides' stones together: 1 where a column is full
    for name, values in {"top": [0, 0], "below": [2, 1], "rows": [1, 2]}.items():
        weights.append(numpy_helper.from_array(np.array(values, np.int64), name))
    top = add("Slice", ["board", "top", "below", "rows"], "toprow")
    axes = numpy_helper.from_array(np.array([1, 2], np.int64), "axes")
    weights.append(axes)
    full = add("ReduceSum", [top, "axes"], "full", keepdims=0)
    far = keep("far", [-1e9])
    masked = add("Add", [logits, add("Mul", [full, far], "mask")], "masked")
    add("Softmax", [masked], "policy", axis=1)
    hidden = add("Relu", [conv(module.value_conv, x, "vc")], "vr")
    flat = add("Flatten", [hidden], "vf")
    hidden = add("Relu", [linear(module.value_hidden, flat, "vh")], "vhr")
    value = add("Tanh", [linear(module.value, hidden, "vl")], "vt")
    weights.append(numpy_helper.from_array(np.array([-1], np.int64), "flat"))
    add("Reshape", [value, "flat"], "value")
    planes, height, width = module.size
    graph = helper.make_graph(
        nodes,
        "boardnet",
        [helper.make_tensor_value_info(
            "board", TensorProto.FLOAT, ["n", planes, height, width])],
        [helper.make_tensor_value_info("policy", TensorProto.FLOAT, ["n", width]),
         helper.make_tensor_value_info("value", TensorProto.FLOAT, ["n"])],
        weights,
    )  # fmt: skip
    opsets = [helper.make_opsetid("", _OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _folded(layer: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return a convolution's weights and bias with its normalisation in them."""
    conv, norm = layer
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    weight = conv.weight * scale[:, None, None, None]
    bias = norm.bias - norm.running_mean * scale
    return weight.detach().numpy(), bias.detach().numpy()

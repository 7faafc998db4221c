"""A small residual network for boards: planes in, a policy and a value out."""

from pathlib import Path

import onnx
import torch
from torch import nn

from hotseat_train.onnx_graph.export import to_onnx

_FULL = -1e9
"""Added to the logit of a column that takes no more stones."""


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
        self.line = line
        if line is not None:
            self.threes = _threes(line)
            self.less = torch.full((len(self.threes),), 2.0 - line)
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
        if self.line is None:
            return planes
        sides, height, width = self.size
        each = planes.reshape(-1, 1, height, width)
        short = self.line - 1
        found = nn.functional.conv2d(each, self.threes, self.less, padding=short)
        most = torch.relu(found).amax(1).reshape(-1, sides, height, width)
        empty = 1 - planes.sum(1, keepdim=True)
        first = 1 - torch.fmod(planes.sum((1, 2, 3), keepdim=True), 2)
        mover = first * torch.ones(1, 1, height, width)
        return torch.cat([planes, most * empty, mover], 1)


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


class _Served(nn.Module):
    """The network as it is asked: probabilities of the columns that are not full."""

    def __init__(self, net: BoardNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, board: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits, value = self.net(board)
        # the topmost row of both sides' stones together: 1 where a column is full
        full = board[:, :, :1].sum((1, 2))
        return torch.softmax(logits + full * _FULL, 1), value


def export(module: BoardNet, path: Path) -> None:
    """Write the network as a graph: ``board`` in, ``policy`` and ``value`` out.

    Normalisation is folded into the convolutions. An action is a column; one whose
    topmost cell is taken has probability 0.
    """
    board = {"board": torch.zeros(2, *module.size)}
    onnx.save(to_onnx(_Served(module), board, ["policy", "value"]), path)

"""A small residual network for board games: planes in, a policy and a value out."""

from pathlib import Path

import onnx
import torch
from torch import nn

from hotseat_train.onnx_graph.export import to_onnx

_FULL = -1e9
"""Added to the logit of a full column."""


class BoardNet(nn.Module):
    """Residual blocks over planes [n, 2, height, width]: own and opposing stones.

    For games with a winning line of `line` stones, three planes are derived: the empty
    cells that complete a line, for either side, and whether the first player is to
    move. A learned map is added to the first layer as a position encoding: the value
    of a threat depends on its row.
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
            self.line_masks = _line_masks(line)
            self.line_bias = torch.full((len(self.line_masks),), 2.0 - line)
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
        """Return logits [n, actions], illegal actions included, and values [n]."""
        x = torch.relu(self.stem(self._features(planes)) + self.place)
        for block in self.blocks:
            x = block(x)
        policy = self.policy(torch.relu(self.policy_conv(x)).flatten(1))
        hidden = torch.relu(self.value_conv(x)).flatten(1)
        hidden = torch.relu(self.value_hidden(hidden))
        return policy, torch.tanh(self.value(hidden)).squeeze(1)

    def _features(self, planes: torch.Tensor) -> torch.Tensor:
        """Return the planes and the derived ones [n, 5, height, width]."""
        if self.line is None:
            return planes
        sides, height, width = self.size
        each = planes.reshape(-1, 1, height, width)
        short = self.line - 1
        lines = nn.functional.conv2d(
            each, self.line_masks, self.line_bias, padding=short
        )
        wins = torch.relu(lines).amax(1).reshape(-1, sides, height, width)
        empty = 1 - planes.sum(1, keepdim=True)
        first = 1 - torch.fmod(planes.sum((1, 2, 3), keepdim=True), 2)
        mover = first * torch.ones(1, 1, height, width)
        return torch.cat([planes, wins * empty, mover], 1)


def _line_masks(line: int) -> torch.Tensor:
    """Return masks of a line's other stones around its last empty cell.

    [ways, 1, 2 line - 1, 2 line - 1]; a way is a direction and the cell's index in it.
    """
    masks = []
    for down, right in ((1, 0), (0, 1), (1, 1), (1, -1)):
        for index in range(line):
            mask = torch.zeros(1, 2 * line - 1, 2 * line - 1)
            for step in range(-index, line - index):
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


class _Serving(nn.Module):
    """The network for serving: probabilities of the columns that are not full."""

    def __init__(self, net: BoardNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, board: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits, value = self.net(board)
        # the stones of both sides in the topmost row: 1 where a column is full
        full = board[:, :, :1].sum((1, 2))
        return torch.softmax(logits + full * _FULL, 1), value


def export(module: BoardNet, path: Path) -> None:
    """Write the graph: ``board`` [n, 2, height, width] to ``policy`` and ``value``.

    Normalisation is folded into the convolutions. An action is a column; a full column
    has the probability 0.
    """
    board = {"board": torch.zeros(2, *module.size)}
    onnx.save(to_onnx(_Serving(module), board, ["policy", "value"]), path)

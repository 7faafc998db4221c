"""A small convolutional network over characters and their runs.

Each place of a text is the sum of its rows in a table (`characters`); then come blocks
that each look one place to the left and to the right, and the mean and the maximum
over all places decide. Nearly all of the work is in matrices, so that int8 pays.
Of texts that a task names, a linear model is asked, too (`wide`).
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import nn

from hotseat_train.data.dataset import Split
from hotseat_train.models.text import out_of_fold_teacher
from hotseat_train.models.text.obfuscation import disguise
from hotseat_train.models.text.tokenizer import INNER, LENGTHS, Alphabet, Reader, front
from hotseat_train.models.text.wide_linear import Wide
from hotseat_train.onnx_graph.builder import INT, STRING, Graph
from hotseat_train.onnx_graph.export import to_onnx
from hotseat_train.onnx_graph.merge import chain
from hotseat_train.optim.loop import Plan, State
from hotseat_train.optim.supervised import fit

Array = np.ndarray[Any, Any]
_FAR = -1e4
_MEASURED = 64
"""Texts that are measured at once."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How big the network is."""

    width: int = 160
    """Numbers at each place."""
    hidden: tuple[int, ...] = (768, 768, 768)
    """Units of each block."""
    head: int = 256
    """Units before the labels."""
    common: int = 32_000
    """Runs of characters that have a row."""
    buckets: int = 1 << 20
    """Hashes that have a weight in the linear part, where there is one."""


class Block(nn.Module):
    """Three neighbouring places in, one out, added to what was there."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.first = nn.Linear(3 * width, hidden)
        self.second = nn.Linear(hidden, width)
        self.drop = nn.Dropout(0.2)

    def forward(self, x: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
        """Return x [n, length, width], changed."""
        at = self.norm(x) * there
        left = nn.functional.pad(at, (0, 0, 1, -1))
        right = nn.functional.pad(at, (0, 0, -1, 1))
        hidden = torch.relu(self.first(torch.cat([left, at, right], 2)))
        changed: torch.Tensor = x + self.drop(self.second(hidden))
        return changed


class TextNet(nn.Module):
    """Rows of a table [n, length, 4] in, logits [n, labels] out."""

    def __init__(
        self, rows: int, labels: int, shape: Shape, wide: Wide | None = None
    ) -> None:
        super().__init__()
        width = shape.width
        self.table = nn.Embedding(rows, width, padding_idx=0)
        nn.init.normal_(self.table.weight, std=0.05)
        with torch.no_grad():
            self.table.weight[0] = 0
        self.blocks = nn.ModuleList(Block(width, size) for size in shape.hidden)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(2 * width, shape.head)
        self.drop = nn.Dropout(0.3)
        self.labels = nn.Linear(shape.head, labels)
        self.wide = wide

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Return the logits; while learning, a share of the rows is left out.

        What learns is the network alone; what is measured are both.
        """
        if self.training:
            return self.logits_of(ids * (torch.rand(ids.shape) > 0.3), _there(ids))
        # those of like length together, or most of the work would be on padding
        lengths = (ids[:, :, 0] > 0).sum(1)
        order = lengths.argsort(stable=True)
        parts = [
            self.logits_of(part, _there(part))
            for rows in torch.split(order, _MEASURED)
            for part in [ids[rows, : max(1, int(lengths[rows].max()))]]
        ]
        logits = torch.cat(parts)[order.argsort()]
        return self.wide(ids[:, :, 0], logits) if self.wide else logits

    def stack(self) -> list[Block]:
        """Return the blocks, in order."""
        return [block for block in self.blocks if isinstance(block, Block)]

    def pairs(self) -> list[tuple[nn.Module, str, str]]:
        """Return where there are hidden units: a parent, and both its layers' names."""
        return [
            *((block, "first", "second") for block in self.blocks),
            (self, "head", "labels"),
        ]

    def logits_of(self, ids: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
        """Return what the network alone answers, in one piece."""
        x = self.table(ids).sum(2)
        # half the digits are enough to learn by, and four times as quick where the
        # processor has them; what is measured and served is in fp32
        with torch.autocast("cpu", torch.bfloat16, enabled=self.training):
            for block in self.blocks:
                x = block(x, there)
            x = self.norm(x)
            mean = (x * there).sum(1) / there.sum(1).clamp(min=1)
            # of a text of nothing, the maximum is nothing
            top = (x + (1 - there) * _FAR).amax(1) * there.amax(1)
            hidden = torch.relu(self.head(torch.cat([mean, top], 1)))
            logits: torch.Tensor = self.labels(self.drop(hidden)).float()
        return logits


def _there(ids: torch.Tensor) -> torch.Tensor:
    """Return 1 at each place that holds something [n, length, 1]."""
    return (ids[:, :, :1] > 0).float()


class TextRows:
    """Texts as rows of a table; a share of them disguised anew for each epoch."""

    def __init__(
        self, texts: Sequence[str], reader: Reader, disguised: float = 0.0
    ) -> None:
        self._texts, self._reader, self._share = texts, reader, disguised
        self._plain = self._rows = reader.read(texts)

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self._texts)

    def characters(self) -> list[Array]:
        """Return the numbers of each text's characters [length], none disguised."""
        return [rows[:, 0] for rows in self._plain]

    def begin(self, batch: int, chance: np.random.Generator) -> Array:
        """Disguise anew; return an order with texts of like length together."""
        self._rows = list(self._plain)
        taken = np.flatnonzero(chance.random(len(self)) < self._share)
        source = random.Random(int(chance.integers(1 << 32)))  # noqa: S311
        texts = [disguise(self._texts[int(i)], source) for i in taken]
        for i, row in zip(taken, self._reader.read(texts), strict=True):
            self._rows[i] = row
        lengths = np.array(list(map(len, self._rows)))
        order = np.argsort(lengths * (1 + 0.2 * chance.random(len(self))))
        # the rest that fills no batch goes last
        whole = len(order) // batch * batch
        order = np.roll(order, -int(chance.integers(len(order))))
        batches = chance.permutation(order[:whole].reshape(-1, batch))
        return np.concatenate([batches.ravel(), order[whole:]])

    def take(self, rows: Array) -> tuple[torch.Tensor, ...]:
        """Return the rows of these texts [n, length, 4], padded with 0."""
        chosen = [self._rows[i] for i in rows]
        ids = np.zeros((len(rows), max(map(len, chosen)), LENGTHS), np.int64)
        for at, row in zip(ids, chosen, strict=True):
            at[: len(row)] = row
        return (torch.from_numpy(ids),)


class TextLearner:
    """A network for texts, and the alphabet that it reads."""

    family = "convolutional"
    disguised = 0.35
    """Share of the training texts that is disguised in an epoch."""

    def __init__(
        self,
        alphabet: Alphabet,
        labels: int,
        seed: int,
        shape: Shape | None = None,
        taught: Callable[[str], bool] = lambda _text: True,
        wide: Callable[[str], bool] | None = None,
    ) -> None:
        """Say of which texts linear models teach, and which characters' `Wide` judges.

        A text that holds such a character is judged by both; None: no text is.
        """
        self.alphabet, self.reader = alphabet, Reader(alphabet)
        self.labels, self.seed, self.shape = labels, seed, shape or Shape()
        self.taught, self.wide = taught, wide
        torch.manual_seed(seed)
        beside = None
        if wide:
            mine = [*map(wide, alphabet.characters)]
            beside = Wide(mine, labels, self.shape.buckets)
        self.module = TextNet(alphabet.size, labels, self.shape, beside)

    def pupil(self) -> "TextLearner":
        """Return a smaller learner of the same alphabet, that has learned nothing."""
        less = Shape(
            width=self.shape.width * 3 // 5,
            hidden=tuple(size // 2 for size in self.shape.hidden[1:]),
            head=self.shape.head // 2,
            common=self.shape.common,
            buckets=self.shape.buckets,
        )
        return TextLearner(
            self.alphabet, self.labels, self.seed, less, self.taught, self.wide
        )

    def encode(self, inputs: tuple[str, ...]) -> TextRows:
        """Return the texts' rows."""
        return TextRows(inputs, self.reader)

    def fit(self, train: Split, validation: Split, plan: Plan, **watch: Any) -> State:
        """Descend on plain and disguised texts; see `Learner.fit`.

        The linear part learns first and at once. Without a teacher's answers given,
        those of linear models are asked.
        """
        rows = TextRows(train.inputs, self.reader, self.disguised)
        beside = self.module.wide
        if beside and not beside.learned:  # what was pruned has learned it before
            beside.learn(rows.characters(), train.targets)
        if plan.soft and "teacher" not in watch:
            watch["teacher"] = out_of_fold_teacher.answers(
                train, self.labels, self.seed, self.taught
            )
        return fit(
            self.module,
            (rows, train.targets),
            (self.encode(validation.inputs), validation.targets),
            plan,
            **watch,
        )

    def export(self, path: Path) -> None:
        """Write the graph: ``text`` strings [rows] to ``scores`` [rows, labels]."""
        graph = Graph()
        ids = front(graph, self.alphabet)
        reader = graph.model(
            "reader",
            {"text": (STRING, ["n"])},
            {ids: (INT, ["n", "places", LENGTHS])},
            inner=INNER,
        )
        rows = {ids: torch.zeros(2, 3, LENGTHS, dtype=torch.int64)}
        sizes = {0: "n", 1: "places"}
        network = to_onnx(_Served(self.module), rows, ["scores"], sizes)
        onnx.save(chain(reader, network), path)


class _Served(nn.Module):
    """The network as it is asked: rows [n, length, 4] in, probabilities out."""

    def __init__(self, net: TextNet) -> None:
        super().__init__()
        self.wide, self.net = net.wide, net

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        probabilities = self.net.logits_of(ids, _there(ids)).softmax(1)
        if self.wide is None:
            return probabilities
        return self.wide.mixed(ids[:, :, 0], probabilities)

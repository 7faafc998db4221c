"""A small convolutional network over characters and their n-grams.

Each place of a text is the sum of its rows in an embedding table (see `tokenizer`).
Blocks combine each place with its two neighbours; the label comes from the mean and
maximum over all places. Nearly all of the work is matrix multiplication, which is
faster in int8. A task may add a linear model for some texts (see `wide_linear`).
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnx
import torch
from torch import nn

from hotseat_train.data.dataset import Split
from hotseat_train.models.text import out_of_fold_teacher
from hotseat_train.models.text.categories import Categories
from hotseat_train.models.text.obfuscation import obfuscate
from hotseat_train.models.text.tokenizer import (
    INNER_SHAPES,
    LENGTHS,
    Tokenizer,
    Vocabulary,
    add_tokenizer,
)
from hotseat_train.models.text.wide_linear import Shares, WideLinear
from hotseat_train.onnx_graph.builder import INT, STRING, Graph
from hotseat_train.onnx_graph.export import to_onnx
from hotseat_train.onnx_graph.merge import chain
from hotseat_train.optim.gradient_learner import GradientLearner, HiddenUnits
from hotseat_train.optim.loop import Plan, State
from hotseat_train.optim.supervised import fit

Array = np.ndarray[Any, Any]
_SHARES = Shares()
_BFLOAT16 = torch.cpu._is_avx512_bf16_supported()  # noqa: SLF001 (no public function)
_LOWEST = -1e4  # below every value of a place
_MEASURED = 64
"""Batch size of the evaluation."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of the network."""

    width: int = 160
    """Channels of each place."""
    hidden: tuple[int, ...] = (768, 768, 768)
    """Hidden units of each block."""
    steps: tuple[int, ...] = ()
    """Distance of each block's neighbours, in places (van den Oord et al. 2016, dilated
    convolutions); empty: 1."""
    head: int = 256
    """Hidden units of the classifier."""
    common: int = 32_000
    """Number of n-grams with a row."""
    buckets: int = 1 << 20
    """Hash buckets of the linear model, if there is one."""


class Block(nn.Module):
    """A residual convolution of three places, each `step` from the next."""

    def __init__(self, width: int, hidden: int, step: int = 1) -> None:
        super().__init__()
        self.step = step
        self.norm = nn.LayerNorm(width)
        self.first = nn.Linear(3 * width, hidden)
        self.second = nn.Linear(hidden, width)
        self.drop = nn.Dropout(0.2)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return [n, length, width]; `mask` [n, length, 1] is 0 at padding."""
        at = self.norm(x) * mask
        wide = nn.functional.pad(at, (0, 0, self.step, self.step))
        left, right = wide[:, : -2 * self.step], wide[:, 2 * self.step :]
        hidden = torch.relu(self.first(torch.cat([left, at, right], 2)))
        result: torch.Tensor = x + self.drop(self.second(hidden))
        return result


class TextNet(nn.Module):
    """Rows of a table [n, length, 4] in, logits out.

    In training these are logits of the categories, in evaluation logarithms of the
    labels' probabilities; a label without categories is its own only one.
    """

    def __init__(
        self,
        rows: int,
        categories: Categories,
        shape: Shape,
        wide: WideLinear | None = None,
    ) -> None:
        super().__init__()
        self.categories = categories
        width = shape.width
        self.table = nn.Embedding(rows, width, padding_idx=0)
        nn.init.normal_(self.table.weight, std=0.05)
        with torch.no_grad():
            self.table.weight[0] = 0
        steps = shape.steps or (1,) * len(shape.hidden)
        self.blocks = nn.ModuleList(
            Block(width, size, step)
            for size, step in zip(shape.hidden, steps, strict=True)
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(2 * width, shape.head)
        self.drop = nn.Dropout(0.3)
        self.labels = nn.Linear(shape.head, len(categories.outputs))
        self.wide = wide

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Return the logits; in training, drop a share of the rows.

        The linear model is used in evaluation only.
        """
        if self.training:
            return self.logits_of(ids * (torch.rand(ids.shape) > 0.3), _mask(ids))
        logits = by_length((ids[:, :, 0] > 0).sum(1), ids, self._logits)
        if self.wide:
            logits = self.wide(ids[:, :, 0], logits)
        return self.categories.merged(logits)

    def stack(self) -> list[Block]:
        """Return the blocks, in order."""
        return [block for block in self.blocks if isinstance(block, Block)]

    def _logits(self, ids: torch.Tensor) -> torch.Tensor:
        return self.logits_of(ids, _mask(ids))

    def logits_of(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return the categories' logits [n, outputs] of the network alone."""
        x = self.table(ids).sum(2)
        # bfloat16 is precise enough for training, and four times faster on processors
        # with support for it, but three times slower on others; evaluation and serving
        # use fp32
        with torch.autocast("cpu", torch.bfloat16, enabled=self.training and _BFLOAT16):
            for block in self.blocks:
                x = block(x, mask)
            x = self.norm(x)
            mean = (x * mask).sum(1) / mask.sum(1).clamp(min=1)
            # the maximum of an empty text is 0
            top = (x + (1 - mask) * _LOWEST).amax(1) * mask.amax(1)
            hidden = torch.relu(self.head(torch.cat([mean, top], 1)))
            logits: torch.Tensor = self.labels(self.drop(hidden)).float()
        return logits


def by_length(
    lengths: torch.Tensor,
    ids: torch.Tensor,
    logits_of: Callable[[torch.Tensor], torch.Tensor],
) -> torch.Tensor:
    """Return the logits of texts [n, length ...], in batches of like `lengths` [n].

    Otherwise most of the work would be padding.
    """
    order = lengths.argsort(stable=True)
    parts = [
        logits_of(ids[rows, : max(1, int(lengths[rows].max()))])
        for rows in torch.split(order, _MEASURED)
    ]
    return torch.cat(parts)[order.argsort()]


def _mask(ids: torch.Tensor) -> torch.Tensor:
    """Return 1 at each character and 0 at padding [n, length, 1]."""
    return (ids[:, :, :1] > 0).float()


class Encoder(Protocol):
    """Turns texts into numbers."""

    def encode(self, texts: Sequence[str]) -> Sequence[Array]:
        """Return an array [length ...] for each text; 0 is padding."""


class TextRows:
    """Encoded texts; in each epoch another share of them is obfuscated."""

    def __init__(
        self, texts: Sequence[str], tokenizer: Encoder, obfuscated: float = 0.0
    ) -> None:
        self._texts, self._tokenizer, self._share = texts, tokenizer, obfuscated
        self._plain = self._rows = tokenizer.encode(texts)

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self._texts)

    def characters(self) -> list[Array]:
        """Return the character numbers of each plain text [length]."""
        return [rows[:, 0] for rows in self._plain]

    def begin(self, batch: int, rng: np.random.Generator) -> Array:
        """Obfuscate other texts; return an order, with similar lengths in a batch."""
        self._rows = list(self._plain)
        chosen = np.flatnonzero(rng.random(len(self)) < self._share)
        source = random.Random(int(rng.integers(1 << 32)))  # noqa: S311
        texts = [obfuscate(self._texts[int(i)], source) for i in chosen]
        for i, row in zip(chosen, self._tokenizer.encode(texts), strict=True):
            self._rows[i] = row
        lengths = np.array(list(map(len, self._rows)))
        order = np.argsort(lengths * (1 + 0.2 * rng.random(len(self))))
        # an incomplete batch comes last
        whole = len(order) // batch * batch
        order = np.roll(order, -int(rng.integers(len(order))))
        batches = rng.permutation(order[:whole].reshape(-1, batch))
        return np.concatenate([batches.ravel(), order[whole:]])

    def take(self, rows: Array) -> tuple[torch.Tensor, ...]:
        """Return these texts' rows [n, length ...], padded with 0."""
        chosen = [self._rows[i] for i in rows]
        longest = max(map(len, chosen))
        ids = np.zeros((len(rows), longest, *chosen[0].shape[1:]), np.int64)
        for at, row in zip(ids, chosen, strict=True):
            at[: len(row)] = row
        return (torch.from_numpy(ids),)


class TextLearner(GradientLearner):
    """A network for texts, and its vocabulary."""

    family = "convolutional"
    module: TextNet
    obfuscated = 0.35
    """Share of the training texts to obfuscate in an epoch."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        categories: Categories,
        seed: int,
        shape: Shape | None = None,
        teach: Callable[[str], bool] = lambda _text: True,
        wide: Callable[[str], bool] | None = None,
        positive: str = "",
        negative: Sequence[str] = (),
        shares: Shares = _SHARES,
    ) -> None:
        """`teach` selects the texts for which linear models are the teacher.

        `wide` selects the characters of the script for which the wide linear model has
        a weight of its own (see `Shares`); None: no linear model. It separates the
        label `positive` (default: the second) from those in `negative` (default: the
        first); other labels are neither.
        """
        self.vocabulary, self.tokenizer = vocabulary, Tokenizer(vocabulary)
        self.categories, self.seed, self.shape = categories, seed, shape or Shape()
        self.teach, self.wide, self.shares = teach, wide, shares
        self.positive = positive or categories.labels[1]
        self.negative = negative or categories.labels[:1]
        torch.manual_seed(seed)
        linear = None
        if wide:
            own = [*map(wide, vocabulary.characters)]
            counted = categories.mask(categories.within(self.positive))
            linear = WideLinear(own, counted, self.shape.buckets, shares)
        self.module = TextNet(vocabulary.size, categories, self.shape, linear)

    def hidden_units(self) -> list[HiddenUnits]:
        """Return the hidden units of the blocks and of the head."""
        network = self.module
        return [
            *((block, "first", "second") for block in network.stack()),
            (network, "head", "labels"),
        ]

    def student(self) -> "TextLearner":
        """Return a smaller, untrained learner of the same vocabulary."""
        smaller = Shape(
            width=self.shape.width * 3 // 5,
            hidden=tuple(size // 2 for size in self.shape.hidden[1:]),
            steps=self.shape.steps[1:],
            head=self.shape.head // 2,
            common=self.shape.common,
            buckets=self.shape.buckets,
        )
        return TextLearner(
            self.vocabulary, self.categories, self.seed, smaller, self.teach, self.wide,
            self.positive, self.negative, self.shares,
        )  # fmt: skip

    def encode(self, inputs: tuple[str, ...]) -> TextRows:
        """Return the encoded texts."""
        return TextRows(inputs, self.tokenizer)

    def fit(self, train: Split, validation: Split, plan: Plan, **options: Any) -> State:
        """Train on plain and obfuscated texts; see `Learner.fit`.

        The linear model is fitted first. If the plan has a teacher's weight and the
        options have no teacher, linear models are the teacher.
        """
        rows = TextRows(train.inputs, self.tokenizer, self.obfuscated)
        categories, linear = self.categories, self.module.wide
        if linear and not linear.fitted:  # that of a pruned network is fitted already
            linear.learn(rows.characters(), self._positives(train))
        teacher = options.pop("teacher", None)
        if plan.soft and teacher is None:
            teacher = out_of_fold_teacher.predictions(
                train, len(categories.labels), self.seed, self.teach
            )
        soft = None if teacher is None else torch.from_numpy(teacher).float()
        allowed = categories.allowed(train.targets, train.allowed)

        def losses(logits: torch.Tensor, batch: Array) -> torch.Tensor:
            taught = None if soft is None else soft[batch]
            return categories.losses(logits, allowed[batch], taught, plan.soft)

        return fit(
            self.module,
            (rows, train.targets),
            (self.encode(validation.inputs), validation.targets),
            plan,
            weights=train.weights,
            losses=losses,
            **options,
        )

    def _positives(self, train: Split) -> list[bool | None]:
        """Return what the linear model learns of each row; None: nothing."""
        of_label = dict.fromkeys(
            map(self.categories.labels.index, self.negative), False
        )
        of_label[self.categories.labels.index(self.positive)] = True
        return [of_label.get(target) for target in train.targets]

    def export(self, path: Path) -> None:
        """Write the graph: ``text`` strings [rows] to ``scores`` [rows, labels].

        With categories it has the output ``categories`` [rows, categories] as well:
        the probabilities of the categories of all labels that have some.
        """
        graph = Graph()
        ids = add_tokenizer(graph, self.vocabulary)
        tokenizer = graph.model(
            "tokenizer",
            {"text": (STRING, ["n"])},
            {ids: (INT, ["n", "places", LENGTHS])},
            inner=INNER_SHAPES,
        )
        rows = {ids: torch.zeros(2, 3, LENGTHS, dtype=torch.int64)}
        sizes = {0: "n", 1: "places"}
        names = ["scores", "categories"] if self.categories.of_label else ["scores"]
        network = to_onnx(_Serving(self.module), rows, names, sizes)
        onnx.save(chain(tokenizer, network), path)


class _Serving(nn.Module):
    """Rows [n, length, 4] in, probabilities out, of network and linear model."""

    def __init__(self, net: TextNet) -> None:
        super().__init__()
        self.wide, self.net = net.wide, net
        outputs = net.categories.outputs
        parts = [name for names in net.categories.of_label.values() for name in names]
        self.parts = [outputs.index(name) for name in parts]

    def forward(self, ids: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        probabilities = self.net.logits_of(ids, _mask(ids)).softmax(1)
        if self.wide is not None:
            probabilities = self.wide.averaged(ids[:, :, 0], probabilities)
        scores = self.net.categories.summed(probabilities)
        if not self.parts:
            return scores
        return scores, probabilities[:, self.parts]

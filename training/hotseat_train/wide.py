"""A linear model beside a network, for the texts that linear models know more of.

Wide and deep (Cheng et al. 2016): the network knows common runs of characters and what
stands around them; this knows each run of one to three that two training texts hold,
however rare, and nothing else. Runs are hashed (Weinberger et al. 2009) and weighed by
how rare they are, over the root of how many the text has; logistic regression on that
tells the second label from the first. Its chance is averaged with the network's, which
helps as the two err in different places.

A text is its own where it holds a character that is. The task says which those are, of
the characters that have a number: one that is not known is nobody's, and a text that
holds no other is left to the network, as nothing was learned of it here.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.nn.functional import pad

from hotseat_train.characters import FACTOR, PRIME, runs
from hotseat_train.graph import FLOAT, Graph

Array = np.ndarray[Any, Any]
LENGTHS = 3
"""Longest run that has a row."""
SHARE = 0.6
"""Of the average; found on chat's Chinese validation rows."""
_SEEN = 2  # a run of one text alone teaches nothing about another
_FIRMNESS = 0.1  # of the regression, as scikit-learn's C


class Wide(nn.Module):
    """Numbers of characters [n, length] in; logits [n, labels] changed where it may.

    Until it has learned, it changes nothing. What it knows are buffers: no descent
    moves them, and a checkpoint holds them.
    """

    mine: torch.Tensor
    table: torch.Tensor
    bias: torch.Tensor
    share: torch.Tensor

    def __init__(self, mine: Sequence[bool], labels: int, buckets: int) -> None:
        """Say of each known character whether the texts that hold it are its own."""
        super().__init__()
        self.labels, self.buckets = labels, buckets
        self.register_buffer("mine", torch.tensor([False, False, *mine]))
        self.register_buffer("table", torch.zeros(1 + buckets))
        self.register_buffer("bias", torch.zeros(()))
        self.register_buffer("share", torch.zeros(()))

    def forward(self, characters: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """Return the logits of the averaged chances; a text not its own keeps its."""
        rows = self._rows(characters)
        count = (rows > 0).sum((1, 2)).clamp(min=1)
        total = self.table[rows].sum((1, 2))
        chance = torch.sigmoid(total / count.sqrt() + self.bias)
        said = pad(torch.stack([1 - chance, chance], 1), (0, self.labels - 2))
        share = self.share * self._own(characters)[:, None]
        chances = logits.softmax(1)
        mixed = chances + share * (said - chances)
        return torch.where(share > 0, mixed.clamp(min=1e-30).log(), logits)

    def learn(self, texts: Sequence[Array], targets: Sequence[int]) -> None:
        """Weigh the runs of the texts that are its own, each as numbers [length].

        Where those have one of the two labels only, or no run in common, it stays as it
        is.
        """
        own: list[list[int]] = []
        said = []
        for text, target in zip(texts, targets, strict=True):
            characters = torch.from_numpy(text)
            if target < 2 and self._own(characters):
                rows = self._rows(characters)
                own.append(rows[rows > 0].tolist())
                said.append(target)
        rarity = TfidfVectorizer(
            analyzer=list, min_df=_SEEN, norm=None, dtype=np.float32
        )
        try:
            weighed = rarity.fit_transform(own)
        except ValueError:  # no run is in two texts
            return
        if len(set(said)) < 2:
            return
        root = np.sqrt(np.array([[len(rows)] for rows in own], np.float32))
        model = LogisticRegression(C=_FIRMNESS, max_iter=100)
        model.fit(weighed.multiply(1 / root).tocsr(), said)
        known = rarity.get_feature_names_out().astype(np.int64)
        self.table[known] = torch.from_numpy(model.coef_[0] * rarity.idf_).float()
        self.bias.fill_(float(model.intercept_[0]))
        self.share.fill_(SHARE)

    def write(self, graph: Graph, ids: str, chances: str) -> None:
        """Add the nodes from rows [n, length, any] and chances to ``scores``."""
        feet, inside, none = graph.number(2), graph.number(1, 2), graph.scalar(0)
        one = graph.keep("one", np.float32(1))
        characters = graph.add("Gather", ids, none, axis=2)
        found = []
        each = (characters, characters), *runs(graph, characters, LENGTHS)
        for run, last in each:
            row = graph.add("Mod", run, graph.scalar(self.buckets))
            row = graph.add("Add", row, graph.scalar(1))
            row = graph.add("Where", graph.add("Greater", last, none), row, none)
            found.append(graph.add("Unsqueeze", row, feet))
        rows = graph.add("Concat", *found, axis=2)
        there = graph.add("Cast", graph.add("Greater", rows, none), to=FLOAT)
        count = graph.add("ReduceSum", there, inside, keepdims=0)
        count = graph.add("Sqrt", graph.add("Max", count, one))
        table = graph.keep("wide.table", self.table.numpy())
        total = graph.add("Gather", table, rows)
        total = graph.add("ReduceSum", total, inside, keepdims=0)
        logit = graph.add("Div", total, count)
        logit = graph.add("Add", logit, graph.keep("wide.bias", self.bias.numpy()))
        chance = graph.add("Unsqueeze", graph.add("Sigmoid", logit), graph.number(1))
        said = graph.add("Concat", graph.add("Sub", one, chance), chance, axis=1)
        said = graph.add("Pad", said, graph.number(0, 0, 0, self.labels - 2))
        mine = graph.keep("wide.mine", self.mine.numpy().astype(np.int64))
        own = graph.add("Cast", graph.add("Gather", mine, characters), to=FLOAT)
        own = graph.add("ReduceMax", own, axes=[1], keepdims=1)
        share = graph.add("Mul", own, graph.keep("wide.share", self.share.numpy()))
        change = graph.add("Mul", share, graph.add("Sub", said, chances))
        graph.add("Add", chances, change, name="scores")

    def _own(self, characters: torch.Tensor) -> torch.Tensor:
        return self.mine[characters].any(-1)

    def _rows(self, characters: torch.Tensor) -> torch.Tensor:
        """Return the rows of the runs that begin at each place [..., length, 3]."""
        length = characters.shape[-1]
        found, run = [], torch.zeros_like(characters, dtype=torch.int64)
        for places in range(LENGTHS):
            after = pad(characters, (0, places))[..., places : places + length]
            run = (run * FACTOR + after) % PRIME
            found.append(torch.where(after > 0, 1 + run % self.buckets, 0))
        return torch.stack(found, -1)

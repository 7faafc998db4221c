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

from hotseat_train.models.text.tokenizer import FACTOR, PRIME

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

    share: torch.Tensor
    table: torch.Tensor
    bias: torch.Tensor

    def __init__(self, mine: Sequence[bool], labels: int, buckets: int) -> None:
        """Say of each known character whether the texts that hold it are its own."""
        super().__init__()
        self.labels, self.buckets = labels, buckets
        # whole numbers, which int8 leaves alone
        self.mine = torch.tensor([0, 0, *map(int, mine)], dtype=torch.int32)
        self.register_buffer("share", torch.zeros(1))
        self.register_buffer("table", torch.zeros(buckets))
        self.register_buffer("bias", torch.zeros(1))

    @property
    def learned(self) -> bool:
        """Whether it has anything to say."""
        return bool(self.share > 0)

    def forward(self, characters: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """Return the logits of the averaged chances; a text not its own keeps its."""
        probabilities = logits.softmax(1)
        mixed = self.mixed(characters, probabilities)
        share = self.share * self.mine[characters].amax(1, keepdim=True)
        return torch.where(share > 0, mixed.clamp(min=1e-30).log(), logits)

    def mixed(
        self, characters: torch.Tensor, probabilities: torch.Tensor
    ) -> torch.Tensor:
        """Return the network's probabilities averaged with those of the linear model.

        A text that is not its own keeps the network's.
        """
        found, last = self._runs(characters)
        there = (last > 0).float()
        total = (self.table[found] * there).sum(1, keepdim=True)
        count = there.sum(1, keepdim=True).clamp(min=1)
        second = torch.sigmoid(total / count.sqrt() + self.bias)
        # second is the probability of the second label: (1 - second, second, 0 ...)
        labels = torch.eye(self.labels)
        said = labels[:1] + second * (labels[1:2] - labels[:1])
        share = self.share * self.mine[characters].amax(1, keepdim=True)
        return probabilities + share * (said - probabilities)

    def learn(self, texts: Sequence[Array], targets: Sequence[int]) -> None:
        """Weigh the runs of the texts that are its own, each as numbers [length].

        Where those have one of the two labels only, or no run in common, it stays as it
        is.
        """
        own: list[list[int]] = []
        said = []
        for text, target in zip(texts, targets, strict=True):
            characters = torch.from_numpy(text)[None]
            if target < 2 and self.mine[characters].any():
                found, last = self._runs(characters)
                own.append(found[last > 0].tolist())
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
        root = np.sqrt(np.array([[len(found)] for found in own], np.float32))
        model = LogisticRegression(C=_FIRMNESS, max_iter=100)
        model.fit(weighed.multiply(1 / root).tocsr(), said)
        known = rarity.get_feature_names_out().astype(np.int64)
        self.table[known] = torch.from_numpy(model.coef_[0] * rarity.idf_).float()
        self.bias.fill_(float(model.intercept_[0]))
        self.share.fill_(SHARE)

    def _runs(self, characters: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the hashes of all runs [n, 3 * length], and each one's last character.

        That is 0 where the run goes over the end, and is none.
        """
        run = after = characters.long()
        runs, last = [run], [after]
        for _ in range(1, LENGTHS):
            after = pad(after, (-1, 1))
            run = (run * FACTOR + after) % PRIME
            runs.append(run)
            last.append(after)
        return torch.cat(runs, 1) % self.buckets, torch.cat(last, 1)

"""The wide component of a wide-and-deep model: a linear model beside a network.

Wide and deep (Cheng et al. 2016): the network learns frequent character n-grams and
their context; the linear model has a weight for every n-gram of one to four characters
that occurs in at least two training texts. N-grams are hashed (Weinberger et al. 2009)
and weighted by TF-IDF over the square root of their number; logistic regression
separates texts of the positive outputs from the others. Its probability is averaged
with the sum of the network's positive outputs: the two make different errors.

The weight in the average depends on the script: the task defines characters of a script
of its own, and texts with such a character have another weight than all other texts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.nn.functional import pad

from hotseat_train.models.text.tokenizer import FACTOR, PRIME

Array = np.ndarray[Any, Any]
LENGTHS = 4
"""Length of the longest n-gram."""
_MIN_TEXTS = 2  # an n-gram of a single text does not generalise
_INVERSE_REGULARIZATION = 0.1  # scikit-learn's C
_LEAST = 1e-30


@dataclass(frozen=True, slots=True)
class Shares:
    """Weights of the linear model in the average, by script."""

    own: float = 0.6
    """Of texts with a character of the task's script."""
    other: float = 0.0
    """Of all other texts; 0: the network alone handles them."""


class WideLinear(nn.Module):
    """Characters [n, length] and probabilities [n, outputs] in, averaged ones out.

    Before `learn` probabilities stay unchanged. The weights are buffers: gradient
    descent does not change them, and checkpoints contain them.
    """

    shares: torch.Tensor
    table: torch.Tensor
    bias: torch.Tensor

    def __init__(
        self,
        own_characters: Sequence[bool],
        positive: torch.Tensor,
        buckets: int,
        shares: Shares,
    ) -> None:
        """`own_characters` has True for each known character of the task's script.

        `positive` [outputs] is 1 at the outputs that the linear model adds up, else 0.
        """
        super().__init__()
        self.buckets, self.positive, self._shares = buckets, positive, shares
        # integers: int8 quantization does not change them
        own = [0, 0, *map(int, own_characters)]
        self.own_characters = torch.tensor(own, dtype=torch.int32)
        self.register_buffer("shares", torch.zeros(2))
        self.register_buffer("table", torch.zeros(buckets))
        self.register_buffer("bias", torch.zeros(1))

    @property
    def fitted(self) -> bool:
        """Whether `learn` fitted the weights."""
        return bool((self.shares > 0).any())

    def forward(self, characters: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """Return the logarithms of the averaged probabilities [n, outputs]."""
        averaged = self.averaged(characters, logits.softmax(1))
        return averaged.clamp(min=_LEAST).log()

    def averaged(
        self, characters: torch.Tensor, probabilities: torch.Tensor
    ) -> torch.Tensor:
        """Return the network's probabilities [n, outputs] averaged with its own.

        The ratios among the positive outputs stay those of the network, and so do the
        ratios among the others.
        """
        before = (probabilities * self.positive).sum(1, keepdim=True)
        share = self._share(characters)
        after = before + share * (self.probability(characters) - before)
        raised = after / before.clamp(min=_LEAST)
        lowered = (1 - after) / (1 - before).clamp(min=_LEAST)
        return probabilities * (self.positive * raised + (1 - self.positive) * lowered)

    def probability(self, characters: torch.Tensor) -> torch.Tensor:
        """Return its own probability of the positive outputs [n, 1]."""
        ngrams, last = self._ngrams(characters)
        exists = (last > 0).float()
        total = (self.table[ngrams] * exists).sum(1, keepdim=True)
        count = exists.sum(1, keepdim=True).clamp(min=1)
        return torch.sigmoid(total / count.sqrt() + self.bias)

    def learn(self, texts: Sequence[Array], positive: Sequence[bool | None]) -> None:
        """Fit the weights to `texts` (characters [length]); None leaves a text out.

        Only texts whose script has a weight in the average count. Nothing changes if
        these are all positive or none is, or if they have no n-gram in common.
        """
        documents: list[list[int]] = []
        labels = []
        for text, label in zip(texts, positive, strict=True):
            characters = torch.from_numpy(text)[None]
            own = bool(self.own_characters[characters].any())
            share = self._shares.own if own else self._shares.other
            if label is not None and share:
                ngrams, last = self._ngrams(characters)
                documents.append(ngrams[last > 0].tolist())
                labels.append(label)
        tfidf = TfidfVectorizer(
            analyzer=list, min_df=_MIN_TEXTS, norm=None, dtype=np.float32
        )
        try:
            weighted = tfidf.fit_transform(documents)
        except ValueError:  # no n-gram is in two texts
            return
        if len(set(labels)) < 2:
            return
        counts = [[max(1, len(item))] for item in documents]
        root = np.sqrt(np.array(counts, np.float32))
        model = LogisticRegression(C=_INVERSE_REGULARIZATION, max_iter=100)
        model.fit(weighted.multiply(1 / root).tocsr(), labels)
        known = tfidf.get_feature_names_out().astype(np.int64)
        self.table[known] = torch.from_numpy(model.coef_[0] * tfidf.idf_).float()
        self.bias.fill_(float(model.intercept_[0]))
        self.shares.copy_(torch.tensor([self._shares.other, self._shares.own]))

    def _share(self, characters: torch.Tensor) -> torch.Tensor:
        """Return its weight in the average [n, 1]."""
        own = self.own_characters[characters].amax(1, keepdim=True)
        return self.shares[:1] + own * (self.shares[1:] - self.shares[:1])

    def _ngrams(self, characters: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the hashes of all n-grams [n, 4 * length], and their last characters.

        A last character of 0 means that the n-gram would go beyond the end.
        """
        hashed = following = characters.long()
        ngrams, last = [hashed], [following]
        for _ in range(1, LENGTHS):
            following = pad(following, (-1, 1))
            hashed = (hashed * FACTOR + following) % PRIME
            ngrams.append(hashed)
            last.append(following)
        return torch.cat(ngrams, 1) % self.buckets, torch.cat(last, 1)

"""The wide component of a wide-and-deep model: a linear model beside a network.

Wide and deep (Cheng et al. 2016): the network learns frequent character n-grams and
their context; the linear model has a weight for every n-gram of one to three characters
that occurs in at least two training texts. N-grams are hashed (Weinberger et al. 2009)
and weighted by TF-IDF over the square root of their number; logistic regression
separates the second label from the first. Its probability is averaged with the
network's: the two make different errors.

The task defines the linear model's own characters. The model is used for texts with
such a character; the network alone handles all other texts. An unknown character is
never one of its own, because the model has no n-gram with it.
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
"""Length of the longest n-gram."""
SHARE = 0.6
"""Weight in the average; chosen on the Chinese validation rows of chat moderation."""
_MIN_TEXTS = 2  # an n-gram of a single text does not generalise
_INVERSE_REGULARIZATION = 0.1  # scikit-learn's C


class WideLinear(nn.Module):
    """Characters [n, length] and logits [n, labels] in, averaged logits out.

    Before `learn` the logits stay unchanged. The weights are buffers: gradient descent
    does not change them, and checkpoints contain them.
    """

    share: torch.Tensor
    table: torch.Tensor
    bias: torch.Tensor

    def __init__(
        self, own_characters: Sequence[bool], labels: int, buckets: int
    ) -> None:
        """`own_characters` has True for each known character that is its own."""
        super().__init__()
        self.labels, self.buckets = labels, buckets
        # integers: int8 quantization does not change them
        own = [0, 0, *map(int, own_characters)]
        self.own_characters = torch.tensor(own, dtype=torch.int32)
        self.register_buffer("share", torch.zeros(1))
        self.register_buffer("table", torch.zeros(buckets))
        self.register_buffer("bias", torch.zeros(1))

    @property
    def fitted(self) -> bool:
        """Whether `learn` fitted the weights."""
        return bool(self.share > 0)

    def forward(self, characters: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """Return the logarithms of the averaged probabilities [n, labels].

        Logits of texts without its own characters stay unchanged.
        """
        mixed = self.averaged(characters, logits.softmax(1))
        share = self._share(characters)
        return torch.where(share > 0, mixed.clamp(min=1e-30).log(), logits)

    def averaged(
        self, characters: torch.Tensor, probabilities: torch.Tensor
    ) -> torch.Tensor:
        """Return the network's probabilities [n, labels] averaged with its own."""
        ngrams, last = self._ngrams(characters)
        exists = (last > 0).float()
        total = (self.table[ngrams] * exists).sum(1, keepdim=True)
        count = exists.sum(1, keepdim=True).clamp(min=1)
        second = torch.sigmoid(total / count.sqrt() + self.bias)
        # second is the probability of the second label: (1 - second, second, 0 ...)
        labels = torch.eye(self.labels)
        linear = labels[:1] + second * (labels[1:2] - labels[:1])
        return probabilities + self._share(characters) * (linear - probabilities)

    def learn(self, texts: Sequence[Array], targets: Sequence[int]) -> None:
        """Fit the weights to `texts` (characters [length]) with its own characters.

        Nothing changes if these have only one label, or no n-gram in common.
        """
        documents: list[list[int]] = []
        labels = []
        for text, target in zip(texts, targets, strict=True):
            characters = torch.from_numpy(text)[None]
            if target < 2 and self.own_characters[characters].any():
                ngrams, last = self._ngrams(characters)
                documents.append(ngrams[last > 0].tolist())
                labels.append(target)
        tfidf = TfidfVectorizer(
            analyzer=list, min_df=_MIN_TEXTS, norm=None, dtype=np.float32
        )
        try:
            weighted = tfidf.fit_transform(documents)
        except ValueError:  # no n-gram is in two texts
            return
        if len(set(labels)) < 2:
            return
        root = np.sqrt(np.array([[len(item)] for item in documents], np.float32))
        model = LogisticRegression(C=_INVERSE_REGULARIZATION, max_iter=100)
        model.fit(weighted.multiply(1 / root).tocsr(), labels)
        known = tfidf.get_feature_names_out().astype(np.int64)
        self.table[known] = torch.from_numpy(model.coef_[0] * tfidf.idf_).float()
        self.bias.fill_(float(model.intercept_[0]))
        self.share.fill_(SHARE)

    def _share(self, characters: torch.Tensor) -> torch.Tensor:
        """Return its weight in the average [n, 1]: 0 for texts of the network alone."""
        return self.share * self.own_characters[characters].amax(1, keepdim=True)

    def _ngrams(self, characters: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the hashes of all n-grams [n, 3 * length], and their last characters.

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

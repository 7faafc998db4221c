"""Labels with finer categories.

The network has an output for each category, and the probability of a label is the sum
of its categories' probabilities. A row of a source that knows the label alone allows
all categories of the label: its loss is that of the sum (learning from partial labels,
Jin and Ghahramani 2002).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch


@dataclass(frozen=True)
class Categories:
    """The labels of a task, and the categories of those that have some."""

    labels: tuple[str, ...]
    of_label: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """A label that is missing here is its own only category."""

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """The outputs of the network: the categories, in the labels' order."""
        return tuple(name for label in self.labels for name in self.within(label))

    def within(self, label: str) -> tuple[str, ...]:
        """Return the categories of a label."""
        return self.of_label.get(label, (label,))

    @cached_property
    def membership(self) -> torch.Tensor:
        """1 where a category belongs to a label [outputs, labels], else 0."""
        return torch.tensor(
            [[float(name in self.within(label)) for label in self.labels]
             for name in self.outputs]
        )  # fmt: skip

    def mask(self, names: Sequence[str]) -> torch.Tensor:
        """Return 1 at the outputs of these names, else 0 [outputs]."""
        return torch.tensor([float(name in names) for name in self.outputs])

    def summed(self, probabilities: torch.Tensor) -> torch.Tensor:
        """Return the labels' probabilities [n, labels] from the categories'.

        They are sums and no product with `membership`, whose int8 would round them.
        """
        columns = [
            [self.outputs.index(name) for name in self.within(label)]
            for label in self.labels
        ]
        return torch.stack([probabilities[:, some].sum(1) for some in columns], 1)

    def allowed(
        self, targets: Sequence[int], allowed: Sequence[frozenset[str]]
    ) -> torch.Tensor:
        """Return which outputs each row may have [rows, outputs], as 0 or 1.

        `allowed` is empty, or a set of categories for each row; without one, all
        categories of the row's label are allowed.
        """
        of_label = [frozenset(self.within(label)) for label in self.labels]
        sets = allowed or [of_label[target] for target in targets]
        rows = {one: self.mask(tuple(one)) for one in set(sets)}
        return torch.stack([rows[one] for one in sets])

    def merged(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the logarithms of the labels' probabilities [n, labels]."""
        logs = logits.log_softmax(1)
        parts = logs[:, :, None] + self.membership.clamp(min=1e-30).log()
        return parts.logsumexp(1)

    def losses(
        self,
        logits: torch.Tensor,
        allowed: torch.Tensor,
        teacher: torch.Tensor | None,
        soft: float,
    ) -> torch.Tensor:
        """Return each row's loss [n].

        It is the cross-entropy of the allowed categories' sum [n, outputs], averaged
        with that of a teacher's probabilities of the labels [n, labels], which has the
        weight `soft`.
        """
        logs = logits.log_softmax(1)
        own = -(logs + allowed.clamp(min=1e-30).log()).logsumexp(1)
        if teacher is None or not soft:
            return own
        return (1 - soft) * own - soft * (teacher * self.merged(logits)).sum(1)

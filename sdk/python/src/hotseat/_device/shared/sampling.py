# A copy of functions/hotseat_serve/text/sampling.py, by `make shared`.
"""Draws the next token from logits."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_COLD = 1e-6
"""The temperature below which the best token is taken, as at 0."""
_MOST = 1_000
"""Tokens that are drawn from: the most probable ones."""


@dataclass(slots=True)
class Sampler:
    """Draws tokens; the same seed draws the same from the same logits.

    `top_p` keeps the most probable tokens up to that sum (nucleus sampling,
    arXiv:1904.09751). The logits are rounded to 1/64 first, so that the rounding of
    another CPU rarely changes a draw.
    """

    temperature: float
    top_p: float
    seed: int
    repetition_penalty: float = 1.0
    """See `TextPlan.repetition_penalty`."""
    never: Array = field(default_factory=lambda: np.empty(0, np.int64))
    """Tokens that are not drawn."""
    _generator: np.random.Generator = field(init=False)
    _drawn: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Start the generator at the seed."""
        self._generator = np.random.Generator(np.random.Philox(key=self.seed))

    def draw(self, logits: Array, allowed: Array | None = None) -> int:
        """Return a token by its number.

        `logits` [vocabulary] are float; `allowed` [vocabulary], booleans, are the
        tokens of a constraint, of which at least one is true.
        """
        if len(self.never):
            logits[self.never] = -np.inf
        if self._drawn and self.repetition_penalty != 1:
            drawn = np.fromiter(self._drawn, np.int64)
            some, penalty = logits[drawn], self.repetition_penalty
            logits[drawn] = np.where(some > 0, some / penalty, some * penalty)
        if allowed is not None:
            logits = np.where(allowed[: len(logits)], logits, -np.inf)
        token = (
            int(logits.argmax()) if self.temperature < _COLD else self._drawn_of(logits)
        )
        self._drawn.add(token)
        return token

    def _drawn_of(self, logits: Array) -> int:
        best = np.argpartition(logits, -min(_MOST, len(logits)))[-_MOST:]
        steps = np.rint(logits[best].astype(np.float64) * 64) / 64
        order = np.lexsort((best, -steps))
        best, steps = best[order], steps[order]
        weights = np.exp((steps - steps[0]) / self.temperature)
        sums = weights.cumsum()
        kept = int((sums - weights < self.top_p * sums[-1]).sum()) or 1
        aim = self._generator.random() * sums[kept - 1]
        return int(best[min(int((sums[:kept] <= aim).sum()), kept - 1)])

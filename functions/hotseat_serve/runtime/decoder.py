"""A language model's graph with its key-value cache, which grows in place."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from hotseat_registry.text_plan import TextPlan
from hotseat_serve.problems import Problem
from hotseat_serve.runtime.session import Session

Array = np.ndarray[Any, Any]
_CHUNK = 256
"""Tokens of a prompt that are run at once: their logits have a row each."""


class Decoder:
    """Runs tokens after those that it has run before.

    The cache has room for `TextPlan.context_tokens`; the graph reads and writes it in
    place (past and present are one buffer, as GroupQueryAttention allows).
    """

    def __init__(self, session: Session, plan: TextPlan) -> None:
        self._plan = plan
        shape = (1, plan.heads, plan.context_tokens, plan.head_size)
        dtype = np.float32 if plan.cache_type == "FP32" else np.float16
        self._bound = session.bind(
            {names: np.zeros(shape, dtype) for names in plan.caches}
        )
        self._mask = np.ones((1, plan.context_tokens), np.int64)
        self.tokens: list[int] = []
        """The tokens in the cache."""

    @property
    def free(self) -> int:
        """How many further tokens the cache takes."""
        return self._plan.context_tokens - len(self.tokens)

    def reuse(self, tokens: Sequence[int]) -> int:
        """Keep what the cache has in common with a prompt; return how many tokens.

        One token of the prompt at least is left to run, for its logits.
        """
        common = 0
        for have, want in zip(self.tokens, tokens[:-1], strict=False):
            if have != want:
                break
            common += 1
        del self.tokens[common:]
        return common

    def run(self, tokens: Sequence[int], seconds: float | None = None) -> Array:
        """Add tokens; return the logits [vocabulary] of the next one, float32.

        Raises `Problem`: too_large beyond the context, deadline_exceeded.
        """
        logits: Array = self.run_all(tokens, seconds, last=True)[-1]
        return logits

    def run_all(
        self, tokens: Sequence[int], seconds: float | None = None, *, last: bool = False
    ) -> Array:
        """Add tokens; return the logits [tokens, vocabulary], or those of the `last`.

        Raises as `run` does.
        """
        if len(tokens) > self.free:
            raise Problem(
                "too_large",
                f"the text has more than {self._plan.context_tokens} tokens, the most "
                "of this version",
            )
        found = []
        for at in range(0, len(tokens), _CHUNK):
            some = tokens[at : at + _CHUNK]
            there = len(self.tokens) + len(some)
            logits = self._bound.run(
                {
                    "input_ids": np.array([some], np.int64),
                    "attention_mask": self._mask[:, :there],
                },
                "logits",
                seconds=seconds,
            )[0]
            self.tokens += some
            if last:
                found = [logits[-1:].astype(np.float32)]
            else:
                found.append(logits.astype(np.float32))
        return np.concatenate(found)

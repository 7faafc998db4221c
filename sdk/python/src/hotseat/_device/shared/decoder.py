# A copy of functions/hotseat_serve/runtime/decoder.py, by `make shared`.
"""A language model's graph with its key-value cache, which grows in place."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from hotseat._device.shared.text_plan import TextPlan
from hotseat._device.text.problems import Problem
from hotseat._device.text.session import Session

Array = np.ndarray[Any, Any]
_BLOCK = 16
"""Tokens of a prompt that are run at once, from multiples of it on."""
MEASURED = 256
"""The same where nothing is kept: the logits have a row for each token."""


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
        self._blocks = 0
        """Of these, whole blocks from the beginning that were run as such."""

    @property
    def free(self) -> int:
        """How many further tokens the cache takes."""
        return self._plan.context_tokens - len(self.tokens)

    def reuse(self, tokens: Sequence[int]) -> int:
        """Keep what the cache has in common with a prompt; return how many tokens.

        One token of the prompt at least is left to run, for its logits. Only whole
        blocks are kept: the runtime rounds a block and single tokens in different ways,
        and an answer must not depend on what was answered before.
        """
        common = 0
        for have, want in zip(self.tokens, tokens[:-1], strict=False):
            if have != want:
                break
            common += 1
        self._blocks = min(self._blocks, common // _BLOCK)
        common = self._blocks * _BLOCK
        del self.tokens[common:]
        return common

    def run(self, tokens: Sequence[int], seconds: float | None = None) -> Array:
        """Add tokens; return the logits [vocabulary] of the next one, float32.

        Raises `Problem`: too_large beyond the context, deadline_exceeded.
        """
        logits: Array = self.run_all(tokens, seconds, last=True)[-1]
        return logits

    def run_all(
        self, tokens: Sequence[int], seconds: float | None = None, *,
        last: bool = False, block: int = _BLOCK,
    ) -> Array:  # fmt: skip
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
        rest = list(tokens)
        while rest:
            begin = len(self.tokens)
            size = block - begin % block
            some, rest = rest[:size], rest[size:]
            there = begin + len(some)
            logits = self._bound.run(
                {
                    "input_ids": np.array([some], np.int64),
                    "attention_mask": self._mask[:, :there],
                },
                "logits",
                seconds=seconds,
            )[0]
            self.tokens += some
            if len(some) == _BLOCK and begin == self._blocks * _BLOCK:
                self._blocks += 1
            if last:
                found = [logits[-1:].astype(np.float32)]
            else:
                found.append(logits.astype(np.float32))
        return np.concatenate(found)

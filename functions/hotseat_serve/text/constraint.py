"""Holds an answer to a JSON schema or a grammar, token by token, with llguidance.

github.com/guidance-ai/llguidance computes the tokens that may follow. A schema is
bounded first (`schema_bounds`), so that the answer ends.
"""

import json
from typing import Any

import numpy as np

from hotseat_serve.problems import Problem
from hotseat_serve.text.schema_bounds import bounded
from hotseat_serve.text.vocabulary import Vocabulary
from hotseat_serve.wording import invalid

Array = np.ndarray[Any, Any]


class Constraint:
    """The tokens that a schema or a grammar allows next."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        stop_tokens: tuple[int, ...],
        *,
        schema: Any = None,
        grammar: str | None = None,
        pointer: str = "/options",
    ) -> None:
        """Compile it; raises `Problem` (invalid_input) with the reason."""
        tokens = vocabulary.grammars(stop_tokens)
        from llguidance import LLMatcher  # late: few requests have a constraint

        self._pointer = f"{pointer}/{'grammar' if grammar is not None else 'schema'}"
        try:
            compiled = (
                LLMatcher.grammar_from_json_schema(
                    json.dumps(bounded(schema)),
                    overrides={"whitespace_flexible": False},
                )
                if grammar is None
                else LLMatcher.grammar_from_lark(grammar)
            )
            self._matcher = LLMatcher(tokens, compiled)
        except (ValueError, TypeError, RecursionError) as error:
            raise self._refused(str(error)) from None
        if self._matcher.is_error():
            raise self._refused(self._matcher.get_error())
        self._check()

    def _refused(self, reason: str) -> Problem:
        line = reason.strip().partition("\n")[0][:300]
        return invalid(f"{self._pointer} cannot be used: {line}", self._pointer)

    def _check(self) -> None:
        if self._matcher.is_error():
            raise self._refused(self._matcher.get_error())

    def allowed(self) -> Array:
        """Return booleans [vocabulary, rounded up]: the tokens that may follow."""
        mask = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
        self._check()
        return np.unpackbits(mask, bitorder="little").astype(bool)

    def forced(self) -> list[int]:
        """Return the tokens that follow whatever the model says, possibly none."""
        tokens: list[int] = self._matcher.compute_ff_tokens()
        return tokens

    def accept(self, token: int) -> None:
        """Go on after a token; raises `Problem` if it is not allowed."""
        if not self._matcher.consume_token(token):
            self._check()
            raise Problem("internal", "a token outside the constraint was drawn")

    @property
    def is_complete(self) -> bool:
        """Whether the answer may not go on."""
        stopped: bool = self._matcher.is_stopped()
        return stopped

    @property
    def may_end(self) -> bool:
        """Whether the answer fulfils the constraint as it stands."""
        accepting: bool = self._matcher.is_accepting()
        return accepting

# A copy of functions/hotseat_serve/text/constraint.py, by `make shared`.
"""Holds an answer to a JSON schema or a grammar, token by token, with llguidance.

github.com/guidance-ai/llguidance computes the tokens that may follow. A schema is
bounded first (`schema_bounds`), so that the answer ends.
"""

import json
from typing import Any

import numpy as np

from hotseat._device.shared.schema_bounds import bounded
from hotseat._device.shared.vocabulary import Vocabulary
from hotseat._device.text.problems import Problem, invalid

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
        self._is_json = grammar is None
        self._closers = {
            inside: tuple(n for mark in marks for n in vocabulary.encode(mark)[:1])
            for inside, marks in ((True, '"'), (False, "}]"))
        }

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

    def closers(self, text: str) -> tuple[int, ...]:
        """Return tokens that bring an answer to a schema to its end, the best first.

        `text` is the answer so far. Of a grammar there are none.
        """
        return self._closers[in_string(text)] if self._is_json else ()

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


def in_string(text: str) -> bool:
    """Whether a JSON text ends inside of a string."""
    inside = escaped = False
    for character in text:
        if escaped:
            escaped = False
        elif inside and character == "\\":
            escaped = True
        elif character == '"':
            inside = not inside
    return inside

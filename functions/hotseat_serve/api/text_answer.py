"""One answer of a language model as it is sent: filtered, in time, or the canned line.

Both the game API and OpenAI's routes send it, whole or in pieces.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from hotseat_registry.dataclass import dataclass, field
from hotseat_serve.codec.input_warnings import Warnings
from hotseat_serve.problems import Problem
from hotseat_serve.runtime.text_model import Answering, TextModel
from hotseat_serve.text.pieces import last_sentence_end, split_sentences
from hotseat_serve.text.text_request import TextRequest
from hotseat_serve.text.writer import DEADLINE, STOP

log = logging.getLogger("hotseat.serve")

FILTERED, CANNED = "filtered", "canned"
_OURS = frozenset({"unavailable", "deadline_exceeded", "internal", "throttled"})
"""Problems that are no fault of the request: the canned line takes their place."""
Passes = Callable[[str], bool]
"""Whether a sentence may be sent; raises `Problem` if nobody can say."""


@dataclass(slots=True)
class TextAnswer:
    """An answer that is being written. After the last piece its fields are complete.

    Pieces are tokens' texts; with a filter, whole sentences that it lets pass. The
    joined pieces are `text`.
    """

    model: TextModel
    request: TextRequest
    warnings: Warnings
    passes: Passes | None = None
    holds_back: bool = False
    """Whether only complete answers are sent: an unfinished sentence can be left out
    when the time is over."""
    passages: Sequence[Mapping[str, Any]] = ()
    """The documents that stand in the prompt: ``id`` and ``score``."""
    on_end: Callable[[int], None] = lambda _tokens: None
    """Called once with the tokens of the answer."""
    text: str = ""
    finish_reason: str = ""
    usage: dict[str, int] = field(
        default_factory=lambda: {"prompt_tokens": 0, "completion_tokens": 0}
    )
    value: Any = None
    has_value: bool = False
    _answering: Answering | None = None
    _first: str = ""
    _ended: bool = False

    def start(self, deadline: int | None = None) -> None:
        """Run the prompt and draw the first token, so that a refusal is no stream.

        Raises `Problem` for a fault of the request, and for one of ours if the version
        has no canned line.
        """
        try:
            self._answering = self.model.answer(self.request, self.warnings, deadline)
            self._first = next(self._answering, "")
        except Problem as problem:
            self.close()
            if problem.code not in _OURS or not self.cans(problem.code, problem.detail):
                raise

    def cans(self, code: str, why: str) -> bool:
        """Make the canned line the whole answer; False if the version has none."""
        line = self.model.plan.canned
        if line is None or self.text:
            return False
        self.text, self.finish_reason = line, CANNED
        self.warnings.note(_REASONS.get(code, code), why)
        return True

    def pieces(self) -> Iterator[str]:
        """Yield the pieces; raises `Problem` if it breaks off after the first one."""
        if self.finish_reason == CANNED:
            yield self.text
            return
        answering = self._answering
        assert answering is not None
        try:
            for piece in self._checked(self._written(answering)):
                self.text += piece
                yield piece
        except Problem as problem:
            if problem.code not in _OURS:
                raise
            yield from self._after_failure(problem)
        finally:
            self.close()
        yield from self._finish(answering)

    def whole(self) -> None:
        """Write the answer to its end; raises `Problem`."""
        for _ in self.pieces():
            pass

    def close(self) -> None:
        """Free the model, and count the tokens; a second call does nothing."""
        if self._answering is not None:
            self._answering.close()
            self.usage = self._answering.usage()
        if not self._ended:
            self._ended = True
            self.on_end(self.usage["completion_tokens"])

    def _written(self, answering: Answering) -> Iterator[str]:
        yield self._first
        yield from answering

    def _checked(self, pieces: Iterator[str]) -> Iterator[str]:
        """Yield pieces that are not empty; with a filter, sentences that pass."""
        if self.passes is None and not self.holds_back:
            yield from filter(None, pieces)
            return
        waiting = ""
        for piece in pieces:
            waiting += piece
            sentences, waiting = split_sentences(waiting)
            # a sentence may go on behind its full stop until the next word has begun
            if sentences and waiting:
                if not self._passes(sentences):
                    return
                yield sentences
            else:
                waiting = sentences + waiting
        answering = self._answering
        if answering is not None and answering.finish_reason == DEADLINE:
            end = last_sentence_end(waiting)
            waiting = waiting[:end] if end or self.text else waiting
        if waiting and self._passes(waiting):
            yield waiting

    def _passes(self, sentences: str) -> bool:
        if self.passes is None or self.passes(sentences):
            return True
        self.finish_reason = FILTERED
        return False

    def _after_failure(self, problem: Problem) -> Iterator[str]:
        """End the answer in place of an error: with what there is, or the line."""
        if problem.code == "deadline_exceeded" and self.text:
            self.finish_reason = DEADLINE
        elif self.cans(problem.code, problem.detail):
            yield self.text
        else:
            raise problem

    def _finish(self, answering: Answering) -> Iterator[str]:
        nothing_passed = self.finish_reason == FILTERED and not self.text
        if nothing_passed and self.cans(FILTERED, "the filter let nothing pass"):
            yield self.text
        self.finish_reason = self.finish_reason or answering.finish_reason
        if self.request.schema is None or self.finish_reason == CANNED:
            return
        if self.finish_reason == STOP:
            self.value, self.has_value = orjson.loads(self.text), True
            return
        self.warnings.add(
            "schema_incomplete",
            f"the answer ended early ({self.finish_reason}) and does not fulfil the "
            "schema: allow more tokens or time",
            "/options/schema",
        )


_REASONS = {
    "unavailable": "busy",
    "deadline_exceeded": "deadline",
    "internal": "failed",
    "throttled": "token_budget",
}

"""An open language model: its tokenizer, its decoder, one answer at a time."""

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from hotseat_registry.dataclass import dataclass, field
from hotseat_registry.errors import IntegrityError
from hotseat_registry.text_plan import TextPlan
from hotseat_serve.codec.input_warnings import Warnings
from hotseat_serve.problems import Problem
from hotseat_serve.runtime.decoder import MEASURED, Decoder
from hotseat_serve.runtime.session import Session
from hotseat_serve.text.constraint import Constraint
from hotseat_serve.text.pieces import Pieces
from hotseat_serve.text.prompt import write_prompt
from hotseat_serve.text.sampling import Sampler
from hotseat_serve.text.text_request import MAX_SEED, TextRequest, limited
from hotseat_serve.text.vocabulary import Vocabulary
from hotseat_serve.text.writer import Writer
from hotseat_serve.wording import invalid

BUSY = "the model writes another answer; try again"
PAUSED = "the text was not read for a while, and another answer has begun"
_PAUSE_SECONDS = 2.0
"""How long an answer may rest unread while another one waits for the decoder."""
_LOOK_SECONDS = 0.25
"""How often an answer that waits looks for one that rests."""
_SECONDS = 60.0
"""Seconds that an answer may take without a deadline, and that another one waits."""


@dataclass(slots=True)
class Answering:
    """One answer in progress: an iterator of its pieces, which holds the decoder.

    `close` frees the decoder, at whatever point; `end_if_unread` does so for another
    answer where nobody has asked for the next piece for a while.
    """

    writer: Writer
    prompt_tokens: int
    _release: Callable[[], None]
    _pieces: Iterator[str]
    _clock: Callable[[], int]
    _once: threading.Lock = field(default_factory=threading.Lock)
    """Taken by whoever closes it, and kept."""
    _turn: threading.Lock = field(default_factory=threading.Lock)
    """Held while a piece is written."""
    _read: int = 0
    """When the last piece was taken, on the clock."""
    _is_paused: bool = False

    @property
    def text(self) -> str:
        """The answer so far."""
        return self.writer.pieces.text

    @property
    def finish_reason(self) -> str:
        """Why it ended; empty before."""
        return self.writer.finish_reason

    def usage(self) -> dict[str, int]:
        """Return the tokens of prompt and answer."""
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.writer.pieces.tokens,
        }

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        """Return the next piece, possibly empty; raises `Problem`."""
        with self._turn:
            if self._is_paused:
                raise Problem("unavailable", PAUSED, retry_after=1)
            if self._once.locked():
                raise StopIteration
            try:
                return next(self._pieces)
            except BaseException:
                self.close()
                raise
            finally:
                self._read = self._clock()

    def end_if_unread(self, seconds: float) -> None:
        """Free the decoder if no piece was taken for so long; may be called anywhere.

        Whoever takes a piece later gets a `Problem` (unavailable).
        """
        if not self._turn.acquire(blocking=False):
            return  # a piece is being written
        try:
            rests = self._read and self._clock() - self._read > seconds * 1e9
            if rests and not self._once.locked():
                self._is_paused = True
                self.close()
        finally:
            self._turn.release()

    def close(self) -> None:
        """Free the decoder for the next answer."""
        if self._once.acquire(blocking=False):
            self._release()


@dataclass(slots=True, eq=False)
class TextModel:
    """Writes texts with one version, one at a time: others wait for the decoder."""

    name: str
    """The version's, ``model@3``, for errors."""
    plan: TextPlan
    """How the version writes."""
    session: Session
    vocabulary: Vocabulary
    clock: Callable[[], int] = time.perf_counter_ns
    decoder: Decoder = field(init=False)
    pause_seconds: float = _PAUSE_SECONDS
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _holder: Answering | None = None
    """The answer that has the decoder, or had it last."""

    def __post_init__(self) -> None:
        """Create the decoder's cache."""
        self.decoder = Decoder(self.session, self.plan)

    def answer(
        self, request: TextRequest, warnings: Warnings, deadline: int | None = None
    ) -> Answering:
        """Start an answer; its first piece runs the prompt.

        `deadline` is a time on the clock. Of the prompt, what the cache has from the
        answer before (the version's template, an earlier part of a conversation) is
        not run again. Raises `Problem`: invalid_input, too_large, unavailable if the
        decoder was not free in time.
        """
        plan, began = self.plan, self.clock()
        if request.deadline_ms is not None:
            own = began + int(request.deadline_ms * 1e6)
            deadline = own if deadline is None else min(own, deadline)
        limit = began + int(_SECONDS * 1e9)
        deadline = limit if deadline is None else min(deadline, limit)
        text = write_prompt(plan, request, self.vocabulary.special, warnings)
        tokens = self.vocabulary.encode(text)
        if not tokens:
            raise invalid("the prompt is empty", "/input")
        if len(tokens) >= plan.context_tokens:
            raise Problem(
                "too_large",
                f"the prompt has {len(tokens)} tokens; this version reads "
                f"{plan.context_tokens - 1}, and an answer follows",
                "/input",
            )
        constraint = self._constraint(request)
        self._take_decoder(deadline)
        seed = request.seed
        writer = Writer(
            self.decoder,
            Sampler(
                _chosen(request.temperature, plan.temperature),
                _chosen(request.top_p, plan.top_p),
                secrets.randbelow(MAX_SEED) if seed is None else seed,
                plan.repetition_penalty,
                self.vocabulary.never,
            ),
            Pieces(self.vocabulary.decode, (*(plan.stop or ()), *request.stop)),
            frozenset(plan.stop_tokens),
            limited(request, plan, warnings),
            constraint,
            began,
            deadline,
            self.clock,
        )
        new = tokens[self.decoder.reuse(tokens) :]
        self._holder = Answering(
            writer, len(tokens), self._lock.release, writer.write(new), self.clock
        )
        return self._holder

    def _take_decoder(self, deadline: int) -> None:
        """Wait for the decoder; raises `Problem` (unavailable) after `deadline`."""
        while True:
            left = max(0.0, (deadline - self.clock()) / 1e9)
            if self._lock.acquire(timeout=min(left, _LOOK_SECONDS)):
                return
            if self._holder is not None:
                self._holder.end_if_unread(self.pause_seconds)
            if left <= _LOOK_SECONDS:  # that was the rest of the time
                if self._lock.acquire(blocking=False):
                    return
                raise Problem("unavailable", BUSY, retry_after=1)

    def _constraint(self, request: TextRequest) -> Constraint | None:
        if request.schema is None and request.grammar is None:
            return None
        try:
            return Constraint(
                self.vocabulary,
                self.plan.stop_tokens,
                schema=request.schema,
                grammar=request.grammar,
            )
        except IntegrityError as error:
            raise Problem("unavailable", str(error)) from None

    def run_tokens(self, tokens: Sequence[int]) -> np.ndarray[Any, Any]:
        """Return the logits [tokens, vocabulary] of a text from its beginning."""
        with self._lock:
            self.decoder.reuse([])
            try:
                return self.decoder.run_all(tokens, block=MEASURED)
            finally:
                self.decoder.reuse([])

    def warm(self) -> None:
        """Fill the cache with what all prompts of the version's template begin with."""
        plan = self.plan
        if not plan.messages or plan.roles is None:
            return
        beginning = plan.start
        for message in plan.messages:
            before, after = plan.roles[message.role]
            fixed, brace, _ = message.content.partition("{")
            beginning += before + fixed + ("" if brace else after)
            if brace:
                break
        tokens = self.vocabulary.encode(beginning)[
            :-1
        ]  # the last may join what follows
        if tokens:
            with self._lock:
                self.decoder.run(tokens[self.decoder.reuse([*tokens, -1]) :])


def check_golden(model: TextModel, data: bytes, variant: str) -> None:
    """Check that each token of the golden answers is the likeliest next one.

    `data` is ``{"rows": [{"prompt": [tokens], "answer": [tokens]}], "tolerance":
    {variant: number}}``: greedy answers, and by how much the logit of a token may lie
    below the highest one. The tokens are given to the model, not drawn, so that one
    token that differs on another CPU does not change all that follow. Raises
    `IntegrityError`.
    """
    what = model.name
    try:
        golden = json.loads(data)
        tolerance = float(golden["tolerance"].get(variant, 0.0))
        rows = [(list(row["prompt"]), list(row["answer"])) for row in golden["rows"]]
        lacks = [shortfall(model, *row) for row in rows]
    except Problem as problem:
        raise IntegrityError(f"{what}: golden rows: {problem}") from None
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise IntegrityError(
            f"{what}: golden rows cannot be read: {type(error).__name__}: {error}"
        ) from None
    for number, lack in enumerate(lacks):
        if not lack <= tolerance:
            raise IntegrityError(
                f"{what}: golden row {number}: a token is {lack:.3g} below the "
                f"likeliest one (at most {tolerance:.3g})"
            )


def shortfall(model: TextModel, prompt: Sequence[int], answer: Sequence[int]) -> float:
    """Return how far an answer's logits lie below the highest ones, at most."""
    logits = model.run_tokens([*prompt, *answer[:-1]])[len(prompt) - 1 :]
    highest = logits.max(1)
    return float((highest - logits[np.arange(len(answer)), list(answer)]).max())


def _chosen(wanted: float | None, default: float) -> float:
    return default if wanted is None else wanted

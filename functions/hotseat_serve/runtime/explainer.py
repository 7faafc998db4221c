"""Explains the answers of an open version: chooses the method."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hotseat_registry.errors import IntegrityError
from hotseat_serve.codec import game_json
from hotseat_serve.kinds import explain as occlusion
from hotseat_serve.kinds import explained_scores, move_reasons, text_reasons
from hotseat_serve.kinds.explain_options import ExplainOptions
from hotseat_serve.kinds.options import Options
from hotseat_serve.kinds.request_context import RequestContext
from hotseat_serve.kinds.rule_reasons import Refusals
from hotseat_serve.limits import MAX_PARTS
from hotseat_serve.problems import Problem
from hotseat_serve.runtime.column_reader import ColumnReader
from hotseat_serve.runtime.explained_version import ExplainedVersion
from hotseat_serve.shapley.graph_nodes import UnsuitableError
from hotseat_serve.wording import invalid, listed, quoted

if TYPE_CHECKING:
    from hotseat_serve.runtime.loaded_model import LoadedModel

Array = np.ndarray[Any, Any]


class Explainer:
    """Explains the answers of one open version, and keeps what it read for that."""

    def __init__(self, model: "LoadedModel") -> None:
        self._model = model
        self._signature = model.manifest.signature
        self._version = ExplainedVersion(model)
        self._unsuitable: dict[str, str] = {}
        """Why a method does not suit the version."""

    def explain(
        self, given: Any, pointer: str, options: Options, context: RequestContext
    ) -> dict[str, Any]:
        """Return the answer to one input with its explanation; raises `Problem`."""
        asked = options.explain or ExplainOptions()
        try:
            found = self._explained(given, pointer, options, context, asked)
        finally:
            context.warnings.closed = False
        return self._with_reasons(found, asked, context)

    def _explained(
        self,
        given: Any,
        pointer: str,
        options: Options,
        context: RequestContext,
        asked: ExplainOptions,
    ) -> dict[str, Any]:
        if self._model.manifest.kind == "generation":
            if asked.method not in {None, "rules"}:
                raise _unsuitable(asked.method, "it is for answers, not for items")
            return self._of_generation(given, pointer, options, context)
        return self._of_answer(given, pointer, options, context, asked)

    def _of_answer(
        self,
        given: Any,
        pointer: str,
        options: Options,
        context: RequestContext,
        asked: ExplainOptions,
    ) -> dict[str, Any]:
        (answer,) = self._predict([given], pointer, options, context)
        # the caller's own input is answered; what follows are variants of it
        context.warnings.closed = True
        request = _Request(given, pointer, options, context, answer, asked)
        notes: list[str] = []
        for method in self._methods(asked):
            why = self._unsuitable.get(method)
            if why is None:
                try:
                    found = _METHODS[method](self, request)
                except (UnsuitableError, IntegrityError) as error:
                    why = self._unsuitable[method] = str(error)
                else:
                    note = {"note": "; ".join(notes)} if notes else {}
                    return {**answer, **found, **note}
            notes.append(f"no {_NAMES.get(method, method)}: {why}")
        raise _unsuitable(asked.method, "; ".join(notes))

    def _methods(self, asked: ExplainOptions) -> Sequence[str]:
        """Return the methods to try; the first that suits is taken."""
        if asked.method is not None:
            return (asked.method,)
        if self._model.manifest.kind == "policy":
            return ("moves", "occlusion")
        if text_reasons.key(self._signature) is not None:
            return ("spans",)
        if {item.form for item in self._signature.inputs} <= {"features", "tensor"}:
            return ("trees", "linear", "coalitions", "occlusion")
        return ("occlusion",)

    def _predict(
        self,
        inputs: list[Any],
        pointer: str,
        options: Options,
        context: RequestContext,
    ) -> list[dict[str, Any]]:
        return self._model.predict(inputs, [pointer] * len(inputs), options, context)

    def _of_generation(
        self, given: Any, pointer: str, options: Options, context: RequestContext
    ) -> dict[str, Any]:
        if self._signature.rules is None:
            raise _unsuitable(None, "its items pass no rules that could refuse one")
        refused = context.on_refused = Refusals(self._signature.rules)
        try:
            (answer,) = self._predict([given], pointer, options, context)
        except Problem as problem:
            if problem.code != "not_generated" or not refused.total:
                raise
            # why there is no item is what the caller wants to know
            answer = {"item": [], "note": problem.detail}
        finally:
            context.on_refused = None
        return {**answer, **refused.to_json(answer.get("tried", refused.total))}

    # One method each. UnsuitableError: it does not suit the version.

    def trees(self, request: "_Request") -> dict[str, Any]:
        """Explain by the exact values of an ensemble of trees."""
        reasons, reader = self._version.tree_reasons
        columns = self._columns(reader, request)
        return reasons.explain(columns, request.answer)

    def linear(self, request: "_Request") -> dict[str, Any]:
        """Explain by the exact values of a linear model."""
        reasons, reader = self._version.linear_reasons
        columns = self._columns(reader, request)
        return reasons.explain(columns, request.answer)

    def coalitions(self, request: "_Request") -> dict[str, Any]:
        """Explain by all coalitions of fields, or by random orders of them."""
        reasons = self._version.field_reasons
        context = request.context

        def scores(tensors: Mapping[str, Array]) -> Array:
            context.check_deadline()
            return self._version.scores(tensors, context.remaining)

        return reasons.explain(
            self._tensors(request), request.answer, scores, request.asked
        )

    def spans(self, request: "_Request") -> dict[str, Any]:
        """Explain by the words of a text."""
        key, given, context = (
            text_reasons.key(self._signature),
            request.given,
            request.context,
        )
        if key is None:
            raise UnsuitableError("its input is not one text")
        text = given[key] if isinstance(given, Mapping) else given

        def predict(texts: list[Any]) -> list[dict[str, Any]]:
            inputs = [
                {**given, key: one} if isinstance(given, Mapping) else one
                for one in texts
            ]
            return self._predict(inputs, request.pointer, request.options, context)

        began = context.clock()
        predict([text])
        # the least pairs of orders take four texts for each span
        affordable = int(text_reasons.SECONDS * 1e9 / 4 / (context.clock() - began + 1))
        most = max(text_reasons.SLOW_SPANS, min(affordable, text_reasons.MAX_SPANS))
        turns = [context.clock()]
        end = turns[0] + text_reasons.SECONDS * 1e9

        def go_on() -> bool:
            """Whether there is time for one more pair, as long as the last one."""
            turns.append(context.clock())
            return 2 * turns[-1] - turns[-2] < end

        score = occlusion.score_of(request.answer)
        return {
            **text_reasons.explain(
                text, predict, score, go_on, self._rows, score(request.answer), most
            ),
            "scale": explained_scores.scale(request.answer),
        }

    def moves(self, request: "_Request") -> dict[str, Any]:
        """Explain by the value of each legal move."""
        if "action" not in request.answer:
            raise UnsuitableError("its answer is no action")
        context = request.context

        def run(tensors: Mapping[str, Array]) -> Mapping[str, Array]:
            return self._model.session.run(tensors, seconds=context.remaining)

        return move_reasons.explain(
            self._signature, request.given, request.pointer, request.answer, run
        )

    def rules(self, _request: "_Request") -> dict[str, Any]:
        """Refuse: answers of other kinds than generation pass no rules."""
        raise UnsuitableError("it is for generated items")

    def occlusion(self, request: "_Request") -> dict[str, Any]:
        """Explain by leaving out each part of the input in turn."""

        def predict(inputs: list[Any]) -> list[dict[str, Any]]:
            return self._predict(
                inputs, request.pointer, request.options, request.context
            )

        return occlusion.explain(self._signature, request.given, predict)

    @property
    def _rows(self) -> int:
        return min(self._signature.max_rows or MAX_PARTS, MAX_PARTS)

    def _tensors(self, request: "_Request") -> Mapping[str, Array]:
        given = [request.given]
        if self._model.masks:
            from hotseat_serve.privacy.masking import mask_inputs

            given = mask_inputs(self._signature, given)
        return game_json.encode(
            self._signature, given, [request.pointer], files=self._model.files
        )

    def _columns(self, reader: ColumnReader, request: "_Request") -> Array:
        columns = reader.columns(self._tensors(request), request.context.remaining)
        return columns.reshape(-1)

    def _with_reasons(
        self, found: dict[str, Any], asked: ExplainOptions, context: RequestContext
    ) -> dict[str, Any]:
        """Return an explanation with the version's reason codes, if it has some."""
        try:
            reasons = self._version.reasons
        except IntegrityError as error:
            note = "; ".join(filter(None, (found.get("note", ""), str(error))))
            return {**found, "note": note}
        if reasons is None:
            return found
        known = reasons.languages()
        if asked.language is not None and asked.language not in known:
            context.warnings.add(
                "unknown_language",
                f"no reason is written in {quoted(asked.language)}; there are "
                f"{listed(known)}",
                "/options/explain/language",
            )
        answer = str(found.get("label", found.get("action", "")))
        parts = reasons.described(found["parts"], answer, asked.language)
        return {**found, "parts": parts}


class _Request(NamedTuple):
    """One answer to explain."""

    given: Any
    pointer: str
    options: Options
    context: RequestContext
    answer: Mapping[str, Any]
    asked: ExplainOptions


_METHODS: Mapping[str, Callable[[Explainer, _Request], dict[str, Any]]] = {
    "trees": Explainer.trees, "linear": Explainer.linear,
    "coalitions": Explainer.coalitions, "sampling": Explainer.coalitions,
    "spans": Explainer.spans, "moves": Explainer.moves, "rules": Explainer.rules,
    "occlusion": Explainer.occlusion,
}  # fmt: skip
_NAMES = {
    "trees": "exact values of trees", "linear": "exact values of a linear model",
    "moves": "values of moves",
}  # fmt: skip


def _unsuitable(method: str | None, why: str) -> Problem:
    if method is None:
        return invalid(f"this model's answers cannot be explained: {why}", "")
    return invalid(
        f"the method {method} does not suit this model: {why}",
        "/options/explain/method",
    )

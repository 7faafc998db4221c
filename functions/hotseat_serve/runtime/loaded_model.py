"""An open version: it answers, and explains its answers."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hotseat_registry import Manifest
from hotseat_registry.dataclass import dataclass, field
from hotseat_registry.signature import Input, Signature
from hotseat_serve.codec import long_texts
from hotseat_serve.codec.tensors import Array
from hotseat_serve.kinds import dispatch
from hotseat_serve.kinds.inference_request import InferenceRequest, OpenStep
from hotseat_serve.kinds.options import Options
from hotseat_serve.kinds.request_context import RequestContext
from hotseat_serve.limits import MAX_ROWS, check_rows
from hotseat_serve.problems import Problem
from hotseat_serve.runtime import batching

if TYPE_CHECKING:
    from pathlib import Path

    from hotseat_registry.encrypted_file import EncryptedFile
    from hotseat_registry.encrypted_version import Decrypted
    from hotseat_serve.runtime.batch_rule import GraphRunner
    from hotseat_serve.runtime.text_model import TextModel

    VersionFile = Path | EncryptedFile


@dataclass(slots=True, eq=False)
class LoadedModel:
    """An open version."""

    manifest: Manifest
    variant: str
    session: "GraphRunner"
    decrypted: "Decrypted | None" = None
    """What the decryption of its files cost, if they are encrypted."""
    bytes: int = 0
    """Its estimated memory."""
    slots: Any = None
    """The inputs, from `inference_inputs.slots` at the first request."""
    templates: tuple[Any, ...] = ()
    """Each a `RequestTemplate` of earlier requests, the newest first."""
    unlike: int = 0
    """Requests that were of no template's form."""
    files: Mapping[str, Any] = field(default_factory=dict)
    """The opened files of the signature: tokenizers, documents to search."""
    texts: tuple[Input, ...] | None = None
    """Its inputs, if all are of one text; set at the first request."""
    graph: "VersionFile | None" = None
    """The graph's file, which explanations read."""
    threads: int = 1
    masks: bool = False
    """Whether texts are masked before the graph reads them."""
    explainer: Any = None
    """An `Explainer`, after the first explanation."""
    fetch: "Callable[[str], VersionFile] | None" = None
    """Fetches a file of the version that only explanations read."""
    sample_input: Any = None
    """An input that it answers: of its first golden row, if it has one."""
    steps: tuple[OpenStep, ...] = ()
    """The open steps of a pipeline."""
    text: "TextModel | None" = None
    """What writes, if the version is a language model."""
    last_used: float = 0.0
    """Time of the last request, on the clock of `ModelCache`."""

    def predict(
        self,
        inputs: Sequence[Any],
        pointers: Sequence[str] | None = None,
        options: Options | None = None,
        context: RequestContext | None = None,
    ) -> list[dict[str, Any]]:
        """Return one answer for each input; raises `Problem` for a bad input."""
        context, signature = context or RequestContext(), self.manifest.signature
        check_rows(signature, len(inputs))
        if self.text is not None:
            from hotseat_serve.runtime.text_rows import write_rows

            return write_rows(self.text, inputs, options or Options(), context)
        pointers = pointers or [f"/{row}" for row in range(len(inputs))]
        if signature.decision is None and (
            options is None or options.operating_point is None
        ):
            return self._whole(inputs, pointers, options, context)
        return self._decided(inputs, pointers, options or Options(), context)

    def _decided(
        self,
        inputs: Sequence[Any],
        pointers: Sequence[str],
        options: Options,
        context: RequestContext,
    ) -> list[dict[str, Any]]:
        """Return answers with a decision; earlier lines are judged as well."""
        # late: most versions have no operating points
        from hotseat_serve.codec import conversations
        from hotseat_serve.kinds import decisions

        decision = self.manifest.signature.decision
        name = decisions.operating_point(decision, options.operating_point)
        assert decision is not None
        assert name is not None
        texts = long_texts.texts_of(self.manifest.signature, inputs)
        rule = decision.conversation
        lines = conversations.separated(rule, inputs, pointers) if rule else None
        if lines is None:
            answers = self._whole(inputs, pointers, options, context)
            return decisions.decided(decision, name, texts, answers, None)
        answers = self._whole(lines.inputs, pointers, options, context)
        earlier = self._in_parts(
            self._whole, lines.lines, lines.pointers, options, context
        )
        return decisions.decided(decision, name, texts, answers, (lines, earlier))

    def _whole(
        self,
        inputs: Sequence[Any],
        pointers: Sequence[str],
        options: Options | None,
        context: RequestContext,
    ) -> list[dict[str, Any]]:
        """Return answers; of a text that is judged in parts, the worst part's."""
        signature = self.manifest.signature
        if self.masks:
            from hotseat_serve.privacy.masking import mask_inputs

            inputs = mask_inputs(signature, inputs)
        item = long_texts.rule(signature)
        if item is None:
            return self._answers(inputs, pointers, options, context)
        expanded = long_texts.expand(item, inputs, pointers, context.warnings)
        if expanded is None:
            return self._answers(inputs, pointers, options, context)
        answers = self._in_parts(
            self._answers, expanded.inputs, expanded.pointers, options, context
        )
        return long_texts.fold(signature, expanded, answers)

    def _in_parts(
        self,
        answer: Callable[..., list[dict[str, Any]]],
        inputs: Sequence[Any],
        pointers: Sequence[str],
        options: Options | None,
        context: RequestContext,
    ) -> list[dict[str, Any]]:
        """Return the answers to more inputs than a request may have."""
        rows = self.manifest.signature.max_rows or MAX_ROWS
        return [
            one
            for at in range(0, len(inputs), rows)
            for one in answer(
                inputs[at : at + rows], pointers[at : at + rows], options, context
            )
        ]

    def _answers(
        self,
        inputs: Sequence[Any],
        pointers: Sequence[str],
        options: Options | None,
        context: RequestContext,
    ) -> list[dict[str, Any]]:
        def run(tensors: Mapping[str, Array]) -> Mapping[str, Array]:
            return self.run(tensors, context)

        signature, answer = self.manifest.signature, dispatch.KINDS[self.manifest.kind]
        calls = (
            [([given], [at]) for given, at in zip(inputs, pointers, strict=True)]
            if len(inputs) > 1 and one_by_one(signature)
            else [(inputs, pointers)]
        )
        options = options or Options()
        requests = (
            InferenceRequest(
                signature, run, some, places, options, context, self.files, self.steps
            )
            for some, places in calls
        )
        return [one for request in requests for one in answer(request)]

    def run(
        self,
        tensors: Mapping[str, Array],
        context: RequestContext,
        outputs: Sequence[str] | None = None,
    ) -> Mapping[str, Array]:
        """Run the graph, texts in batches of like length; raises `Problem`."""

        def one(some: Mapping[str, Array]) -> Mapping[str, Array]:
            context.check_deadline()
            return self.session.run(some, outputs, seconds=context.remaining)

        items = self._texts()
        if not items or len(tensors[items[0].name]) < 2:
            return self.session.run(tensors, outputs, seconds=context.remaining)
        return batching.run(items, tensors, one)

    def check_is_graph(self) -> None:
        """Raise `Problem` for a language model: it has a route of its own.

        Its filter and its budgets must not be passed by.
        """
        if self.text is not None:
            raise Problem(
                "invalid_input",
                f"{self.manifest.model} is a language model: ask it at "
                f"/v1/models/{self.manifest.model}/generate",
            )

    def _texts(self) -> tuple[Input, ...]:
        """Return the inputs, if the graph reads each text independently."""
        if self.texts is None:
            inputs = self.manifest.signature.inputs
            # another length may be that of the tokens
            by_token = any(item.tokens for item in inputs)
            rows = all(
                shape[:1] == (-1,) and not (by_token and -1 in shape[1:])
                for _, shape in self.session.output_types.values()
            )
            texts = len({item.key for item in inputs}) == 1 and all(
                (item.form, item.shape) in _TEXTS for item in inputs
            )
            is_rowwise = self.manifest.kind in {"classification", "regression"}
            self.texts = inputs if texts and rows and is_rowwise else ()
        return self.texts

    def explain(
        self,
        row_input: Any,
        pointer: str,
        options: Options | None = None,
        context: RequestContext | None = None,
    ) -> dict[str, Any]:
        """Return the answer to one input and the weight of each part.

        See `runtime.explainer`. Raises `Problem`.
        """
        if self.steps:
            from hotseat_serve.kinds import pipeline_reasons  # late: rare

            return pipeline_reasons.explain(
                InferenceRequest(
                    self.manifest.signature,
                    self.session.run,
                    [row_input],
                    [pointer],
                    options or Options(),
                    context or RequestContext(),
                    steps=self.steps,
                )
            )
        if self.explainer is None:
            # late: most functions never explain
            from hotseat_serve.runtime.explainer import Explainer

            self.explainer = Explainer(self)
        explained: dict[str, Any] = self.explainer.explain(
            row_input, pointer, options or Options(), context or RequestContext()
        )
        return explained


_TEXTS = {("text", (-1,)), ("tokens", (-1, -1))}
"""Forms and shapes of inputs whose rows are padded to the longest."""


def one_by_one(signature: Signature) -> bool:
    """Whether a graph takes one input at a time: its batch is fixed at 1."""
    return any(
        item.form == "array" or item.shape[:1] == (1,) for item in signature.inputs
    )

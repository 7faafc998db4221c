"""Fetch, check and open a version."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hotseat_registry import Manifest, Reference, Registry, signature_check
from hotseat_registry.cache import Cache
from hotseat_registry.graph_types import Tensor
from hotseat_registry.manifest import Variant
from hotseat_registry.signature import Signature
from hotseat_serve.codec import long_texts
from hotseat_serve.codec.tensors import Array
from hotseat_serve.kinds import dispatch
from hotseat_serve.kinds.inference_request import InferenceRequest, OpenStep
from hotseat_serve.kinds.options import Options
from hotseat_serve.kinds.request_context import RequestContext
from hotseat_serve.limits import MAX_ROWS, check_rows
from hotseat_serve.problems import Problem
from hotseat_serve.runtime import batching, golden_rows, probe
from hotseat_serve.runtime.codec_files import open_files
from hotseat_serve.runtime.files_to_open import decrypt, files_to_open
from hotseat_serve.runtime.session import open_session
from hotseat_serve.settings import Settings

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
    texts: str | None = None
    """The name of its only input of texts, set at the first request."""
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
        chosen = decisions.operating_point(decision, options.operating_point)
        assert decision is not None
        assert chosen is not None
        rule = decision.conversation
        lines = conversations.separated(rule, inputs, pointers) if rule else None
        if lines is None:
            answers = self._whole(inputs, pointers, options, context)
            return decisions.decided(decision, chosen, answers, None)
        answers = self._whole(lines.inputs, pointers, options, context)
        rows = self.manifest.signature.max_rows or MAX_ROWS
        earlier: list[dict[str, Any]] = []
        for at in range(0, len(lines.lines), rows):
            some, places = (
                part[at : at + rows] for part in (lines.lines, lines.pointers)
            )
            earlier += self._whole(some, places, options, context)
        return decisions.decided(decision, chosen, answers, (lines, earlier))

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
        answers: list[dict[str, Any]] = []
        rows = signature.max_rows or MAX_ROWS
        for at in range(0, len(expanded.inputs), rows):
            some, places = (
                part[at : at + rows] for part in (expanded.inputs, expanded.pointers)
            )
            answers += self._answers(some, places, options, context)
        return long_texts.fold(signature, expanded, answers)

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

        name = self._texts()
        if name is None or len(tensors[name]) < 2:
            return self.session.run(tensors, outputs, seconds=context.remaining)
        return batching.run(name, tensors, one)

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

    def _texts(self) -> str | None:
        """Return the only input, if the graph reads each text independently."""
        if self.texts is None:
            inputs = self.manifest.signature.inputs
            rows = all(
                shape[:1] == (-1,) for _, shape in self.session.output_types.values()
            )
            alone = len(inputs) == 1 and (inputs[0].form, inputs[0].shape) == (
                "text",
                (-1,),
            )
            is_rowwise = self.manifest.kind in {"classification", "regression"}
            self.texts = inputs[0].name if alone and rows and is_rowwise else ""
        return self.texts or None

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


def one_by_one(signature: Signature) -> bool:
    """Whether a graph takes one input at a time: its batch is fixed at 1."""
    return any(
        item.form == "array" or item.shape[:1] == (1,) for item in signature.inputs
    )


def load(
    registry: Registry,
    reference: Reference,
    settings: Settings,
    reserve_memory: Callable[[str, int], bool] = lambda _model, _bytes: False,
    *,
    in_subprocess: bool = False,
) -> LoadedModel:
    """Fetch a version, check its digests and golden rows, and return it warm.

    `reserve_memory` receives the model and its memory before the fetch. It may refuse,
    and returns whether the memory also allows to open the version `in_subprocess`
    first. Raises `RegistryError`.
    """
    cache = Cache.private(settings.cache_folder, settings.cache_bytes)
    manifest = registry.resolve(reference, cache)
    dispatch.check(manifest)
    variant = manifest.variant(settings.variant or manifest.default_variant)
    size = manifest.memory_bytes(variant)
    has_spare_memory = reserve_memory(manifest.model, size)
    registry.check_trust(manifest)
    names = [
        *variant.files,
        *([manifest.golden] if manifest.golden else []),
        *manifest.needed_files,
    ]
    paths = registry.fetch(manifest, cache, names, in_place=True)
    decrypted = decrypt(manifest, paths, settings)
    paths_to_open = files_to_open(manifest, variant, paths, decrypted, cache.folder)
    seconds = settings.open_seconds
    if in_subprocess and has_spare_memory:
        # late: a cold start never opens a version in a subprocess
        from hotseat_serve.runtime import trial

        trial.run(
            manifest,
            variant.name,
            paths_to_open,
            seconds=seconds,
            threads=settings.threads,
            memory=2 * size + trial.MEMORY,
        )
    loaded = open_variant(
        manifest, variant.name, paths_to_open, settings.threads, seconds
    )
    for name, path in paths.items():
        cache.check(path, manifest.files[name])  # the hashed files are the opened files
    loaded.bytes = size
    loaded.decrypted = decrypted
    if decrypted is not None:
        decrypted.release()  # the session has its own copy

    def fetch(name: str) -> "VersionFile":
        path = registry.fetch(manifest, cache, [name], in_place=True)[name]
        return path if decrypted is None else decrypted.file(name, path)

    loaded.fetch = fetch
    _mask(loaded, settings)
    return loaded


def _mask(loaded: LoadedModel, settings: Settings) -> None:
    """Let a version's texts be masked, if the settings name its model."""
    if settings.mask:
        from hotseat_serve.privacy.masking import is_masked

        loaded.masks = is_masked(loaded.manifest.model, settings.mask)
        for step in loaded.steps:
            if step.model is not None:
                step.model.masks = loaded.masks


def open_variant(
    manifest: Manifest,
    name: str,
    paths: Mapping[str, "VersionFile"],
    threads: int,
    seconds: float,
) -> LoadedModel:
    """Open a variant and check it against signature and golden rows.

    `paths` are ``graph``, ``golden`` rows if there are any, and by their names the
    signature's files, the graphs of a pipeline, and of an encrypted version the weights
    beside them. Raises `IntegrityError`, also if an answer takes longer than `seconds`.
    """
    variant = manifest.variant(name)
    loaded = _opened(manifest, variant, paths, threads)
    session = loaded.session
    if manifest.kind == "text":
        # late: few functions have a language model
        from hotseat_serve.runtime import text_model

        loaded.text = text_model.open_text_model(manifest, session, paths, name)
        return loaded
    context = RequestContext()
    context.deadline = context.started + int(seconds * 1e9)

    def run(tensors: Mapping[str, Array]) -> Mapping[str, Array]:
        return session.run(tensors, seconds=context.remaining)

    def predict(inputs: list[Any], options: Options) -> list[dict[str, Any]]:
        answers = loaded.predict(inputs, options=options, context=context)
        probe.check_answers(manifest, answers, len(inputs))
        return answers

    if "golden" in paths:
        data = paths["golden"].read_bytes()
        golden_rows.check(data, variant.name, predict, run, manifest.reference)
        loaded.sample_input = golden_rows.first_input(data)
    elif manifest.steps is None:
        probe.check(manifest, run)
    return loaded


def _opened(
    manifest: Manifest,
    variant: Variant,
    paths: Mapping[str, "VersionFile"],
    threads: int,
) -> LoadedModel:
    """Open the graph of a variant, or those of a pipeline's steps."""
    files = open_files(manifest.signature, paths)
    if manifest.steps is not None:
        # late: most versions have one graph
        from hotseat_serve.runtime import pipeline

        steps = tuple(pipeline.open_steps(manifest, variant, paths, threads))
        return LoadedModel(
            manifest, variant.name, pipeline.NoGraph(), files=files, steps=steps
        )
    session = open_session(paths["graph"], variant, paths, threads)
    signature_check.check(
        manifest, _tensors(session.inputs), _tensors(session.output_types)
    )
    return LoadedModel(
        manifest,
        variant.name,
        session,
        files=files,
        graph=paths["graph"],
        threads=threads,
    )


def _tensors(items: Mapping[str, tuple[str, tuple[int, ...]]]) -> dict[str, Tensor]:
    return {name: Tensor(*item) for name, item in items.items()}

"""What answers the rows of a table: a version opened here, or a service."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from hotseat_registry import Manifest, Reference, Registry, Signature
from hotseat_serve.kinds.request_context import RequestContext
from hotseat_serve.limits import MAX_ROWS
from hotseat_serve.problems import Problem
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_serve.runtime.loader import load
from hotseat_serve.settings import Settings
from hotseat_train.errors import RunError
from hotseat_train.evaluation.run_model import open_variant
from hotseat_train.run import Run

Answer = Mapping[str, Any]
"""One answer as the service's JSON has it: label, scores, value ..., and warnings."""


_IN_CALL = re.compile(r"(?<=at )/(?:inputs/)?0/")
_MOST_REMOTE = 500
"""Inputs of one request: an answer in well under a second."""


class RefusedError(Exception):
    """The predictor refuses inputs: at least one of them does not fit the model."""


class Predictor(Protocol):
    """Answers inputs with one version of a model."""

    @property
    def signature(self) -> Signature:
        """The model's signature."""

    @property
    def version(self) -> str:
        """Such as ``churn@3``; the run's folder for a model that is not published."""

    @property
    def most_rows(self) -> int:
        """Inputs of one call."""

    def __call__(self, inputs: Sequence[Any]) -> Sequence[Answer]:
        """Return one answer for each input; raises `RefusedError`."""


@dataclass(frozen=True, slots=True)
class LocalPredictor:
    """A version opened in this process, with the service's own code."""

    model: LoadedModel
    version: str

    @property
    def signature(self) -> Signature:
        """The model's signature."""
        return self.model.manifest.signature

    @property
    def most_rows(self) -> int:
        """Inputs of one call."""
        return self.signature.max_rows or MAX_ROWS

    def __call__(self, inputs: Sequence[Any]) -> Sequence[Answer]:
        """See `Predictor`."""
        context = RequestContext()
        try:
            answers = self.model.predict(inputs, context=context)
        except Problem as problem:
            raise RefusedError(problem.detail) from None
        if warnings := context.warnings.to_json():
            # a warning's row does not matter: `score` counts them for the whole file
            answers[0] = {**answers[0], "warnings": warnings}
        return answers


def of_registry(
    registry: Registry, reference: Reference, settings: Settings
) -> LocalPredictor:
    """Open a published version; raises `RegistryError`."""
    loaded = load(registry, reference, settings)
    return LocalPredictor(loaded, str(loaded.manifest.reference))


def of_run(run: Run) -> LocalPredictor:
    """Open the first variant of an evaluated run; raises `RunError`."""
    run.needs(run.manifest, "evaluate")
    manifest: Manifest = run.measured()
    variant = manifest.variant(manifest.default_variant)
    path = run.folder / variant.file
    if not path.exists():
        raise RunError(f"{path} is missing: hotseat evaluate {run.folder}")
    return LocalPredictor(open_variant(run, manifest, variant), str(run.folder))


class Service(Protocol):
    """Asks a service; the SDK is what does it."""

    @property
    def version(self) -> int:
        """Every call asks for this one, also if an alias moves meanwhile."""

    def ask(self, inputs: Sequence[Any], version: int) -> Sequence[Answer]:
        """Return the answers; raises ValueError if an input does not fit."""


@dataclass(frozen=True, slots=True)
class RemotePredictor:
    """A version that a service runs."""

    signature: Signature
    version: str
    service: Service

    @property
    def most_rows(self) -> int:
        """Inputs of one call."""
        return min(_MOST_REMOTE, self.signature.max_rows or MAX_ROWS)

    def __call__(self, inputs: Sequence[Any]) -> Sequence[Answer]:
        """See `Predictor`."""
        try:
            return self.service.ask(inputs, self.service.version)
        except ValueError as error:
            raise RefusedError(str(error)) from None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to one row, or why there is none."""

    answer: Answer
    error: str | None = None


def outcomes(predictor: Predictor, inputs: Sequence[Any]) -> list[Outcome]:
    """Return the outcome of each input.

    A refused call is split in halves until the refused inputs stand alone, so that one
    bad row costs its own answer only.
    """
    results: list[Outcome] = []
    waiting = [
        inputs[start : start + predictor.most_rows]
        for start in range(0, len(inputs), predictor.most_rows)
    ][::-1]
    while waiting:
        some = waiting.pop()
        try:
            results += [Outcome(answer) for answer in predictor(some)]
        except RefusedError as error:
            if len(some) == 1:
                # the place inside the row: its number in the call means nothing here
                results.append(Outcome({}, _IN_CALL.sub("/", str(error))))
                continue
            half = len(some) // 2
            waiting += [some[half:], some[:half]]
    return results

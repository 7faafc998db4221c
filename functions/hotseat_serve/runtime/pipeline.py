"""Open the graphs of a pipeline, one for each step."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hotseat_registry import Manifest, signature_check
from hotseat_registry.errors import IntegrityError
from hotseat_registry.graph_types import Tensor
from hotseat_registry.manifest import Variant
from hotseat_registry.steps import ANSWERS, Step
from hotseat_serve.codec.tensors import Array
from hotseat_serve.kinds.inference_request import OpenStep
from hotseat_serve.kinds.request_context import RequestContext
from hotseat_serve.problems import Problem
from hotseat_serve.runtime.codec_files import open_files
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_serve.runtime.session import Session, open_session

if TYPE_CHECKING:
    from pathlib import Path

    from hotseat_registry.encrypted_file import EncryptedFile


class NoGraph:
    """Stands where a version of one graph has its session."""

    def __init__(self) -> None:
        self.inputs: dict[str, tuple[str, tuple[int, ...]]] = {}
        self.output_types: dict[str, tuple[str, tuple[int, ...]]] = {}

    def run(
        self,
        tensors: Mapping[str, Array],
        outputs: Sequence[str] | None = None,
        *,
        seconds: float | None = None,
    ) -> dict[str, Array]:
        """Raise `Problem`: a pipeline takes no tensors."""
        del tensors, outputs, seconds
        raise Problem(
            "invalid_input",
            "this version is a pipeline of several graphs and takes no tensors: "
            "POST /v1/models/{model}/predict",
        )


def open_steps(
    manifest: Manifest,
    variant: Variant,
    paths: Mapping[str, "Path | EncryptedFile"],
    threads: int,
) -> Iterator[OpenStep]:
    """Yield each step with its graph open, and checked against its signature.

    `paths` are the files of the graphs and those that they need, by name. Raises
    `IntegrityError`.
    """
    parts = signature_check.parts(manifest, variant)
    for step, (file, part) in zip(manifest.steps or (), parts, strict=True):
        session = open_session(paths[file], variant, paths, threads)
        signature_check.check(
            part,
            {name: Tensor(*item) for name, item in session.inputs.items()},
            {name: Tensor(*item) for name, item in session.output_types.items()},
        )
        if step.kind in ANSWERS:
            yield OpenStep(step, model=_model(manifest, step, session, paths))
            continue
        characters: tuple[str, ...] = ()
        if step.transcription is not None:
            characters = _characters(paths[step.transcription.characters], step)
        yield OpenStep(step, run=_runner(session), characters=characters)


def _model(
    manifest: Manifest,
    step: Step,
    session: Session,
    paths: Mapping[str, "Path | EncryptedFile"],
) -> LoadedModel:
    """Return a step as a version of its own, which answers as that would."""
    alone = replace(
        manifest,
        kind=step.kind,
        signature=step.signature,
        steps=None,
        variants=(Variant(step.name, "step.onnx"),),
        default_variant=step.name,
        golden=None,
        files={},
        version=0,
        format=1,
    )
    return LoadedModel(
        alone, step.name, session, files=open_files(step.signature, paths)
    )


def _runner(session: Session) -> Any:
    def run(
        tensors: Mapping[str, Array], context: RequestContext
    ) -> Mapping[str, Array]:
        context.check_deadline()
        return session.run(tensors, seconds=context.remaining)

    return run


def _characters(path: "Path | EncryptedFile", step: Step) -> tuple[str, ...]:
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise IntegrityError(f"step {step.name!r}: {path.name}: {error}") from None
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise IntegrityError(
            f"step {step.name!r}: {path.name} has to be a list of characters"
        )
    return tuple(found)

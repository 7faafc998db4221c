"""Smaller variants of a model's file, and how far they agree with it."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from hotseat_registry.signature import Signature
from hotseat_serve.codec import game_json
from hotseat_serve.runtime import loader
from hotseat_serve.runtime.session import Session
from hotseat_train.compression import quantize
from hotseat_train.errors import RunError
from hotseat_train.evaluation.paired_bootstrap import wilson
from hotseat_train.external import description, examples, publish, source
from hotseat_train.external.errors import SourceError
from hotseat_train.external.wishes import Wishes

Array = np.ndarray[Any, Any]
Tensors = Mapping[str, Array]
METHODS = ("dynamic", "static", "fp16")
_NAMES = {"dynamic": "int8-dynamic", "static": "int8-static", "fp16": "fp16"}


@dataclass(frozen=True, slots=True)
class Compressed:
    """A variant of a file, as it was measured; the first is the file itself."""

    name: str
    path: Path
    bytes: int
    milliseconds: float
    """Median of a run of one input."""
    agreement: float
    """Share of inputs with the same label; where there is none, 1 less the relative
    difference (L2) of the outputs, at least 0."""
    interval: tuple[float, float]
    """Of the agreement, 95 %."""
    rows: int


def compress(
    path: Path,
    wishes: Wishes,
    folder: Path,
    example: Path,
    methods: Sequence[str] = METHODS,
) -> list[Compressed]:
    """Write variants beside the file, and return how they compare with it.

    `example` are inputs that the ranges of static int8 are taken from and that all
    variants answer; `folder` takes what is written on the way. A method that the graph
    does not suit is left out, unless all are.

    Raises `SourceError`, and `UnclearError` for inputs that do not fit.
    """
    found = source.find(path)
    cut, session = publish.open_graph(found, folder)
    described = description.describe(session, found, wishes, cut.outputs)
    signature = described.signature
    paths = {name: found.tokenizer for name in signature.files if found.tokenizer}
    given = publish.named(examples.read(example, signature), signature)
    files = loader.open_files(signature, paths)
    calls = [game_json.encode(signature, [one], files=files) for one in given]
    written = {"original": found.graph}
    reasons = []
    for method in methods:
        name = _NAMES[method]
        target = found.graph.with_name(f"{found.graph.stem}.{name}.onnx")
        try:
            written[name] = _MAKERS[method](cut.graph, target, calls)
        except (RunError, ValueError, RuntimeError, KeyError) as error:
            reasons.append(f"{name}: {str(error)[:200]}")
    if len(written) == 1:
        raise SourceError(f"{path.name} was not made smaller: {'; '.join(reasons)}")
    sessions = {name: Session(at) for name, at in written.items()}
    answers = {
        name: [one.run(call) for call in calls] for name, one in sessions.items()
    }
    return [
        _compared(name, written[name], sessions[name], calls, answers, signature)
        for name in written
    ]


def _fp16(graph: Path, target: Path, calls: Sequence[Tensors]) -> Path:
    """Write the graph with half floats inside; inputs and outputs stay as they are."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    del calls
    onnx.save(
        convert_float_to_float16(onnx.load(str(graph)), keep_io_types=True), str(target)
    )
    return target


_MAKERS: Mapping[str, Callable[[Path, Path, Sequence[Tensors]], Path]] = {
    "dynamic": lambda graph, target, _: quantize.dynamic(graph, target),
    "static": lambda graph, target, calls: quantize.static(
        graph, target, "minmax", calls
    ),
    "fp16": _fp16,
}


def _compared(
    name: str,
    path: Path,
    session: Session,
    calls: Sequence[Tensors],
    answers: Mapping[str, Sequence[Tensors]],
    signature: Signature,
) -> Compressed:
    agreed = [
        _agreement(mine, first, signature)
        for mine, first in zip(answers[name], answers["original"], strict=True)
    ]
    share = sum(agreed) / len(agreed)
    return Compressed(
        name,
        path,
        path.stat().st_size,
        round(_milliseconds(session, calls), 4),
        share,
        wilson(sum(agreed), len(agreed)),
        len(agreed),
    )


def _agreement(mine: Tensors, first: Tensors, signature: Signature) -> float:
    scores = signature.output("scores")
    if scores is not None and mine[scores.name].shape[-1:] != (1,):
        same = mine[scores.name].argmax(-1) == first[scores.name].argmax(-1)
        return float(np.mean(same))
    numbers = [name for name, array in first.items() if array.dtype.kind == "f"]
    far = near = 0.0
    for name in numbers:
        wanted = first[name].astype(np.float64)
        far += float(((mine[name].astype(np.float64) - wanted) ** 2).sum())
        near += float((wanted**2).sum())
    return max(0.0, 1 - (far / near) ** 0.5) if near else float(far == 0)


def _milliseconds(session: Session, calls: Sequence[Tensors]) -> float:
    times = []
    for call in calls:
        start = time.perf_counter()
        session.run(call)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)

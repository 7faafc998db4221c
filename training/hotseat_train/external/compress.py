"""Writes smaller variants of a graph and measures their agreement with it."""

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
from hotseat_train.external.overrides import Overrides

Array = np.ndarray[Any, Any]
Tensors = Mapping[str, Array]
METHODS = ("dynamic", "static", "fp16")
_NAMES = {"dynamic": "int8-dynamic", "static": "int8-static", "fp16": "fp16"}


@dataclass(frozen=True, slots=True)
class Compressed:
    """The measurements of a variant; the first variant is the original graph."""

    name: str
    path: Path
    bytes: int
    milliseconds: float
    """Median time of a run with one input."""
    agreement: float
    """Share of inputs with the same label as the original; without labels, 1 minus the
    relative difference (L2) of the outputs, at least 0."""
    interval: tuple[float, float]
    """The 95 % interval of the agreement."""
    rows: int


def compress(
    path: Path,
    overrides: Overrides,
    folder: Path,
    example: Path,
    methods: Sequence[str] = METHODS,
) -> list[Compressed]:
    """Write variants next to the graph; return their comparison with the original.

    The inputs in `example` calibrate static int8 and measure all variants; `folder`
    holds temporary files. A method that fails for this graph is skipped.

    Raises `SourceError` if all methods fail, and `UnclearError` for inputs that do not
    fit.
    """
    origin = source.find(path)
    cut, session = publish.open_graph(origin, folder)
    described = description.describe(session, origin, overrides, cut.outputs)
    signature = described.signature
    paths = {name: origin.tokenizer for name in signature.files if origin.tokenizer}
    inputs = publish.named(examples.read(example, signature), signature)
    files = loader.open_files(signature, paths)
    calls = [game_json.encode(signature, [item], files=files) for item in inputs]
    written = {"original": origin.graph}
    reasons = []
    for method in methods:
        name = _NAMES[method]
        target = origin.graph.with_name(f"{origin.graph.stem}.{name}.onnx")
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
    milliseconds = _milliseconds(sessions, calls)
    return [
        _compared(name, written[name], milliseconds[name], answers, signature)
        for name in written
    ]


def _fp16(graph: Path, target: Path, calls: Sequence[Tensors]) -> Path:
    """Write the graph in half precision; inputs and outputs keep their types."""
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
    milliseconds: float,
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
        round(milliseconds, 4),
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
    difference = norm = 0.0
    for name in numbers:
        expected = first[name].astype(np.float64)
        difference += float(((mine[name].astype(np.float64) - expected) ** 2).sum())
        norm += float((expected**2).sum())
    return max(0.0, 1 - (difference / norm) ** 0.5) if norm else float(difference == 0)


def _milliseconds(
    sessions: Mapping[str, Session], calls: Sequence[Tensors]
) -> dict[str, float]:
    """Return each median; in turns, so that the machine's drift changes no ratio."""
    times: dict[str, list[float]] = {name: [] for name in sessions}
    for call in calls:
        for name, session in sessions.items():
            start = time.perf_counter()
            session.run(call)
            times[name].append(time.perf_counter() - start)
    return {name: 1000 * statistics.median(t) for name, t in times.items()}

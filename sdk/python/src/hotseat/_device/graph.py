"""A version's open ONNX graph, checked against its golden rows.

The only module of the package that imports onnxruntime.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import inf
from pathlib import Path
from typing import Any

import onnxruntime

from hotseat._device import kinds
from hotseat._device.bundle import Bundle
from hotseat._device.codec import Json
from hotseat._device.elements import Array
from hotseat._device.warnings import Warnings
from hotseat.errors import ConfigError, HotseatError, StatusError, TransportError

OLDEST = (1, 24)
"""The first onnxruntime that reads a graph's weights only from the graph's folder. 1.23
opens any path in the graph, and the graph comes over the network."""


@dataclass(slots=True)
class Graph:
    """A graph with the answers of the service. Safe for several threads."""

    bundle: Bundle
    session: Any
    clock: Callable[[], float]
    seconds: float = 0.0
    """Duration of the last answer in seconds."""

    @classmethod
    def open(cls, bundle: Bundle, folder: Path, clock: Callable[[], float]) -> "Graph":
        """Open a graph and check its golden rows.

        Raises `TransportError`, and `ConfigError` for a runtime that is too old.
        """
        check_runtime(onnxruntime.__version__)
        options = onnxruntime.SessionOptions()
        if bundle.optimized:
            options.graph_optimization_level = (
                onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
            )
        options.intra_op_num_threads = 1  # leave the other cores to the game
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            session = onnxruntime.InferenceSession(
                str(folder / bundle.graph), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # noqa: BLE001 (onnxruntime has no base class)
            raise TransportError(f"{bundle.name} does not load: {error}") from None
        graph = cls(bundle, session, clock)
        if bundle.golden:
            graph.check((folder / bundle.golden).read_bytes())
        return graph

    def answer(
        self,
        inputs: Sequence[Any],
        pointers: Sequence[str],
        options: Mapping[str, Any],
        warnings: Warnings | None = None,
    ) -> list[dict[str, Any]]:
        """Return an answer for each input; raises `BadInputError`, `TooLargeError`.

        `warnings` collects possible mistakes in the inputs.
        """
        began = self.clock()
        request = kinds.Request(inputs, pointers, options, warnings or Warnings())
        bundle = self.bundle
        answers = kinds.answer(bundle.kind, bundle.signature, self._run, request)
        self.seconds = self.clock() - began
        return answers

    def check(self, golden: bytes) -> None:
        """Raise `TransportError` unless the answers match the golden rows.

        Skips rows at levels with a search: their answers depend on the service's time.

        """
        name = self.bundle.name
        levels = self.bundle.signature.get("levels") or {}
        try:
            document = json.loads(golden)
            tolerance = document["tolerance"].get(self.bundle.variant, 0.0)
            rows = [
                row for row in document["rows"]
                if not levels.get((row.get("options") or {}).get("level"), {})
                .get("simulations")
            ]  # fmt: skip
            for options, group in groupby(rows, lambda row: row.get("options")):
                some = list(group)
                inputs = [row["input"] for row in some]
                places = [f"/{n}" for n in range(len(inputs))]
                answers = self.answer(inputs, places, options or {})
                for got, row in zip(answers, some, strict=True):
                    _check_row(name, got, row["expected"], tolerance)
            if rows:  # a single warm answer measures the time of a game's call
                self.answer(inputs[:1], places[:1], options or {})
        except StatusError as error:
            raise TransportError(f"{name}: golden rows: {error}") from None
        except HotseatError:
            raise
        except Exception as error:  # noqa: BLE001 (faults of the file or the runtime)
            raise TransportError(f"{name}: golden rows: {error}") from None

    def _run(self, tensors: Mapping[str, Array]) -> Mapping[str, Array]:
        names = [output.name for output in self.session.get_outputs()]
        return dict(zip(names, self.session.run(names, tensors), strict=True))


def check_runtime(version: str) -> None:
    """Raise `ConfigError` if onnxruntime may open files outside a version."""
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < OLDEST:
        raise ConfigError(
            f"onnxruntime {version} lets a graph read any file of this device: "
            "pip install 'onnxruntime>=1.24' (requires Python 3.11 or newer)"
        )


def _check_row(name: str, got: Json, expected: Json, tolerance: float) -> None:
    off = _distance(got, expected)
    if not off <= tolerance:  # also for NaN
        raise TransportError(
            f"{name}: the answer to a golden row is off by {off:.3g} "
            f"(at most {tolerance:.3g})"
        )


def _distance(got: Json, want: Json) -> float:
    """Return the largest difference to an expected number."""
    largest = 0.0
    for key, value in want.items():
        if isinstance(value, Mapping):
            largest = max(largest, _distance(got[key], value))
        elif isinstance(value, list) and got[key] != value:
            return inf
        elif isinstance(value, int | float):
            largest = max(largest, abs(float(got[key]) - value))
    return largest

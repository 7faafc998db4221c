"""A version's ONNX graph, open and checked against its golden rows.

The only module here that imports onnxruntime.
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
"""The first onnxruntime that reads a graph's weights from its own folder alone: 1.23
opens any path that the graph names, and a graph comes over the network."""


@dataclass(slots=True)
class Graph:
    """Answers as the service does. Safe for several threads."""

    bundle: Bundle
    session: Any
    clock: Callable[[], float]
    seconds: float = 0.0
    """Seconds that the last answer took."""

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

        `warnings` takes what is answered and may still be a mistake.
        """
        began = self.clock()
        asked = kinds.Request(inputs, pointers, options, warnings or Warnings())
        bundle = self.bundle
        found = kinds.answer(bundle.kind, bundle.signature, self._run, asked)
        self.seconds = self.clock() - began
        return found

    def check(self, golden: bytes) -> None:
        """Raise `TransportError` unless the golden rows are answered as was measured.

        Rows at a level that searches are left out: what a search finds in its time is
        the service's own.
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
                asked = list(group)
                inputs = [row["input"] for row in asked]
                places = [f"/{n}" for n in range(len(inputs))]
                found = self.answer(inputs, places, options or {})
                for got, row in zip(found, asked, strict=True):
                    _check_row(name, got, row["expected"], tolerance)
            if rows:  # one alone, warm: what a game's question will take
                self.answer(inputs[:1], places[:1], options or {})
        except StatusError as error:
            raise TransportError(f"{name}: golden rows: {error}") from None
        except HotseatError:
            raise
        except Exception as error:  # noqa: BLE001 (the file's faults, the runtime's)
            raise TransportError(f"{name}: golden rows: {error}") from None

    def _run(self, tensors: Mapping[str, Array]) -> Mapping[str, Array]:
        names = [output.name for output in self.session.get_outputs()]
        return dict(zip(names, self.session.run(names, tensors), strict=True))


def check_runtime(version: str) -> None:
    """Raise `ConfigError` for an onnxruntime that opens files outside a version."""
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < OLDEST:
        raise ConfigError(
            f"onnxruntime {version} lets a graph read any file of this device: "
            "pip install 'onnxruntime>=1.24' (it takes Python 3.11 or newer)"
        )


def _check_row(name: str, got: Json, expected: Json, tolerance: float) -> None:
    off = _distance(got, expected)
    if not off <= tolerance:  # NaN is not
        raise TransportError(
            f"{name}: a golden row is {off:.3g} off what was measured "
            f"(at most {tolerance:.3g})"
        )


def _distance(got: Json, want: Json) -> float:
    """Return the largest difference of any number that is expected."""
    largest = 0.0
    for key, value in want.items():
        if isinstance(value, Mapping):
            largest = max(largest, _distance(got[key], value))
        elif isinstance(value, list) and got[key] != value:
            return inf
        elif isinstance(value, int | float):
            largest = max(largest, abs(float(got[key]) - value))
    return largest

"""A version's open ONNX graph, checked against its golden rows.

Beside `hotseat._device.text.session`, the only module that imports onnxruntime.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
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
    files: Mapping[str, Any] = field(default_factory=dict)
    """The opened tokenizers, by the names of their files."""

    @classmethod
    def open(cls, bundle: Bundle, folder: Path, clock: Callable[[], float]) -> "Graph":
        """Open a graph and check its golden rows.

        Raises `TransportError`, and `ConfigError` for a runtime that is too old.
        """
        session = open_session(bundle, folder)
        graph = cls(bundle, session, clock, files=_files(bundle, folder))
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
        request = kinds.Request(
            inputs, pointers, options, warnings or Warnings(), self.files
        )
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


def open_session(bundle: Bundle, folder: Path) -> Any:
    """Open a version's graph in onnxruntime.

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
        return onnxruntime.InferenceSession(
            str(folder / bundle.graph), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # noqa: BLE001 (onnxruntime has no base class)
        raise TransportError(f"{bundle.name} does not load: {error}") from None


def _files(bundle: Bundle, folder: Path) -> dict[str, Any]:
    """Open what reading the inputs takes; raises `ConfigError`, `TransportError`."""
    items = bundle.signature["inputs"]
    if any(item["form"] == "image" for item in items):
        from hotseat._device.images import check_decoder

        check_decoder(bundle.name)
    found: dict[str, Any] = {}
    for item in items:
        if item["form"] == "tokens":
            from hotseat._device.tokens import open_tokenizer

            file = item["tokens"]["file"]
            found[file] = open_tokenizer(folder / file, item, bundle.name)
    return found


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
        elif isinstance(value, list):
            largest = max(largest, _apart(got[key], value))
        elif isinstance(value, int | float):
            largest = max(largest, abs(float(got[key]) - value))
    return largest


def _apart(got: Any, want: Any) -> float:
    """Return the largest difference of numbers in nested lists."""
    if isinstance(want, list):
        if not isinstance(got, list) or len(got) != len(want):
            return inf
        return max(map(_apart, got, want), default=0.0)
    if isinstance(want, int | float) and isinstance(got, int | float):
        return abs(got - want)
    return 0.0 if got == want else inf

"""Which runs of a graph may be joined into one, and how.

A run takes [rows, ...]; the rows of several requests become the rows of one run if the
graph treats each row by itself. Token tensors are padded to the longest, as within one
request (the mask is 0 there).
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from hotseat_registry import graph_tree
from hotseat_registry.dataclass import dataclass, field
from hotseat_registry.graph import view
from hotseat_registry.graph_tree import Node
from hotseat_registry.manifest import Manifest
from hotseat_registry.signature import Input, Signature
from hotseat_serve.codec.tensors import Array
from hotseat_serve.runtime.batching import CELLS

if TYPE_CHECKING:
    from pathlib import Path

    from hotseat_registry.encrypted_file import EncryptedFile

_KINDS = frozenset(
    {"classification", "multilabel", "regression", "embedding", "retrieval", "tensor"}
)
"""Policies and generators repeat an answer to a seed exactly, which a run of another
size does not."""
_PADDED = 1.25
"""Cells of a joined run with padding, per cell without; beyond that, each run may be
padded by less than the fixed cost of a run of its own (`make bench-server`):"""
_TOKENS, _CHARACTERS = 4, 64


class GraphRunner(Protocol):
    """A graph in memory; see `Session`."""

    inputs: dict[str, tuple[str, tuple[int, ...]]]
    output_types: dict[str, tuple[str, tuple[int, ...]]]

    def run(
        self,
        tensors: Mapping[str, Array],
        outputs: Sequence[str] | None = None,
        *,
        seconds: float | None = None,
    ) -> dict[str, Array]:
        """Return outputs by name; raises `Problem`."""


class NotBatchableError(Exception):
    """Runs of this version cannot be joined; the message says why."""


@dataclass(frozen=True, slots=True)
class Part:
    """The size of one run among joined ones."""

    rows: int
    length: int
    """Tokens or characters of its longest row; 0: rows of equal size."""


@dataclass(frozen=True, slots=True)
class BatchRule:
    """How runs of one version are joined. `padding` is by the name of a token input."""

    max_rows: int
    max_cells: int | None = None
    """Characters of a joined run, padding included, of a graph that reads texts."""
    padding: Mapping[str, int] = field(default_factory=dict)
    per_token: frozenset[str] = frozenset()
    """Outputs whose second dimension is the tokens'."""

    def key(
        self, tensors: Mapping[str, Array], outputs: Sequence[str] | None
    ) -> Hashable | None:
        """Return a value that is equal for runs that may be joined; None for none."""
        part = self.part(tensors)
        if part is None or part.rows >= self.max_rows:
            return None
        shapes = tuple(
            (name, array.dtype, array.shape[2 if name in self.padding else 1 :])
            for name, array in tensors.items()
        )
        return shapes, None if outputs is None else tuple(outputs)

    def part(self, tensors: Mapping[str, Array]) -> Part | None:
        """Return the size of a run; None if its tensors do not have the same rows."""
        counts = {array.shape[:1] for array in tensors.values()}
        if len(counts) != 1 or counts == {()}:
            return None
        rows = counts.pop()[0]
        if self.max_cells is not None:
            (texts,) = tensors.values()
            return Part(rows, max(map(len, texts.flat), default=0))
        lengths = {tensors[name].shape[1] for name in self.padding if name in tensors}
        if len(lengths) > 1:
            return None
        return Part(rows, lengths.pop() if lengths else 0)

    def fits(self, parts: Sequence[Part]) -> bool:
        """Whether runs of these sizes are few and similar enough to be joined."""
        rows = sum(part.rows for part in parts)
        cells = rows * max(part.length for part in parts)
        if rows > self.max_rows or (self.max_cells and cells > self.max_cells):
            return False
        free = len(parts) * (_TOKENS if self.max_cells is None else _CHARACTERS)
        return cells <= free + _PADDED * sum(part.rows * part.length for part in parts)

    def join(self, runs: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
        """Return the tensors of all runs, one after the other."""
        joined = {}
        for name in runs[0]:
            arrays = [run[name] for run in runs]
            if name in self.padding:
                longest = max(array.shape[1] for array in arrays)
                arrays = [
                    np.pad(
                        array,
                        ((0, 0), (0, longest - array.shape[1])),
                        constant_values=self.padding[name],
                    )
                    for array in arrays
                ]
            joined[name] = np.concatenate(arrays)
        return joined

    def split(
        self, outputs: Mapping[str, Array], parts: Sequence[Part]
    ) -> list[dict[str, Array]]:
        """Return each run's outputs; raises `NotBatchableError` for other rows."""
        rows = sum(part.rows for part in parts)
        if any(array.shape[:1] != (rows,) for array in outputs.values()):
            raise NotBatchableError("its outputs do not have the rows of its inputs")
        longest = max(part.length for part in parts)
        split, start = [], 0
        for part in parts:
            own = {}
            for name, array in outputs.items():
                own[name] = array[start : start + part.rows]
                if name in self.per_token and array.shape[1] == longest:
                    own[name] = own[name][:, : part.length]
            split.append(own)
            start += part.rows
        return split


def rule_of(
    manifest: Manifest,
    session: GraphRunner,
    files: Mapping[str, Any],
    graph: "Path | EncryptedFile | None",
    max_rows: int,
) -> BatchRule:
    """Return how runs of a version are joined; raises `NotBatchableError`."""
    signature = manifest.signature
    if manifest.kind not in _KINDS:
        raise NotBatchableError(f"a {manifest.kind} model repeats its answers exactly")
    shapes = [shape for _, shape in session.output_types.values()]
    if graph is not None and not all(shape[:1] == (-1,) for shape in shapes):
        raise NotBatchableError("its outputs have no rows")
    if not all(_has_rows(item, signature) for item in signature.inputs):
        raise NotBatchableError("its inputs have no rows")
    if graph is not None:
        _check_operators(graph)
    rows = min(max_rows, signature.max_rows or max_rows)
    texts = [item for item in signature.inputs if item.form == "text"]
    if any(item.tokens is None and item.shape == (-1,) for item in texts):
        if len(signature.inputs) > 1:
            raise NotBatchableError("it reads texts beside other inputs")
        return BatchRule(rows, max_cells=CELLS)
    padding = _padding(signature, files)
    per_token = {
        name
        for name, (_, shape) in session.output_types.items()
        if padding and shape[1:2] == (-1,)
    }
    return BatchRule(rows, None, padding, frozenset(per_token))


def _has_rows(item: Input, signature: Signature) -> bool:
    """Whether the first dimension counts rows, as in `inference_inputs`."""
    if item.form == "array" or item.shape[:1] != (-1,):
        return False
    is_text = item.datatype == "BYTES"
    return len(item.shape) > 1 or is_text or bool(signature.max_rows)


def _padding(signature: Signature, files: Mapping[str, Any]) -> dict[str, int]:
    """Return the padding of each token input; empty if lengths have to be equal."""
    padding = {}
    for item in signature.inputs:
        if item.tokens is None:
            continue
        used = files[item.tokens.file].padding or {}
        if used.get("direction", "right") != "right" or item.shape[1] > 0:
            return {}
        values = {"ids": used.get("pad_id", 0), "types": used.get("pad_type_id", 0)}
        padding[item.name] = values.get(item.tokens.part, 0)
    return padding


def _check_operators(path: "Path | EncryptedFile") -> None:
    """Raise `NotBatchableError` for a scale that is computed over all rows.

    The file was checked before it was opened; one in ONNX Runtime's own format shows no
    operators.
    """
    try:
        model = graph_tree.read(view(path))
    except ValueError:
        return
    functions = (node for nodes in model.functions.values() for node in nodes)
    for node in _all_nodes([*model.graph.nodes, *functions]):
        if node.operator.startswith("DynamicQuantize"):
            raise NotBatchableError(
                f"{node.operator} rounds by the largest number of all rows: an answer "
                "would depend on the other requests"
            )


def _all_nodes(nodes: Sequence[Node]) -> Iterator[Node]:
    """Yield nodes and those of their inner graphs."""
    for node in nodes:
        yield node
        for graph in node.graphs:
            yield from _all_nodes(graph.nodes)

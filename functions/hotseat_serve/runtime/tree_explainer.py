"""Explains the answers of an open version whose graph is one ensemble of trees."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hotseat_registry.manifest import File
from hotseat_registry.signature import Signature
from hotseat_serve.kinds.request_context import RequestContext
from hotseat_serve.kinds.tree_reasons import TreeReasons
from hotseat_serve.runtime.session import Session
from hotseat_serve.shapley import ensemble
from hotseat_serve.shapley.ensemble import UnsuitableError

MAX_BYTES = 64_000_000
"""Largest graph that is read a second time for its trees."""


class TreeExplainer:
    """Trees of a graph, and a session that also returns the trees' input.

    Raises `UnsuitableError` for a graph without exact Shapley values.
    """

    def __init__(
        self, path: Path, file: File, signature: Signature, threads: int
    ) -> None:
        if path.suffix != ".onnx" or file.size > MAX_BYTES:
            raise UnsuitableError("the graph's file has no trees that can be read")
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != file.sha256:
            raise UnsuitableError("the graph's file has changed since it was opened")
        trees = ensemble.read(data)
        self._reasons = TreeReasons(trees, signature)
        self._input = trees.input
        self._session: Session | None = None
        if all(item.name != trees.input for item in signature.inputs):
            self._session = Session(ensemble.with_output(data, trees.input), threads)

    def explain(
        self,
        tensors: Mapping[str, np.ndarray[Any, Any]],
        answer: Mapping[str, Any],
        context: RequestContext,
    ) -> dict[str, Any]:
        """Return the explanation of an answer to one row; see `TreeReasons`."""
        if self._session is None:
            columns = tensors[self._input]
        else:
            columns = self._session.run(
                tensors, [self._input], seconds=context.remaining
            )[self._input]
        return self._reasons.explain(columns.reshape(-1), answer)

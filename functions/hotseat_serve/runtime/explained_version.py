"""What explanations read of an open version, each once: graph, background, reasons."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from hotseat_registry.errors import IntegrityError, RegistryError
from hotseat_serve.codec import game_json
from hotseat_serve.kinds import background as backgrounds
from hotseat_serve.kinds import explained_scores, reason_codes
from hotseat_serve.kinds.background import Background
from hotseat_serve.kinds.field_reasons import FieldReasons
from hotseat_serve.kinds.linear_reasons import LinearReasons
from hotseat_serve.kinds.reason_codes import ReasonCodes
from hotseat_serve.kinds.tree_reasons import TreeReasons
from hotseat_serve.problems import Problem, from_registry
from hotseat_serve.runtime import column_reader
from hotseat_serve.runtime.column_reader import ColumnReader
from hotseat_serve.shapley import ensemble, graph_nodes, linear
from hotseat_serve.shapley.graph_nodes import GraphNodes, UnsuitableError

if TYPE_CHECKING:
    from hotseat_serve.runtime.loaded_model import LoadedModel

Array = np.ndarray[Any, Any]
_NO_BACKGROUND = (
    "the version carries no background rows: publish it again with --background FILE"
)


class ExplainedVersion:
    """Each property raises `UnsuitableError` if the version has nothing of the kind."""

    def __init__(self, model: "LoadedModel") -> None:
        self._model = model
        self._signature = model.manifest.signature

    @cached_property
    def tree_reasons(self) -> tuple[TreeReasons, ColumnReader]:
        """The values of an ensemble of trees, and what reads its columns."""
        data, graph = self._graph
        trees = ensemble.read(graph)
        reasons = TreeReasons(trees, self._signature, self._groups)
        reader = ColumnReader(data, trees.input, self._signature, self._model.threads)
        return reasons, reader

    @cached_property
    def linear_reasons(self) -> tuple[LinearReasons, ColumnReader]:
        """The values of a linear model, and what reads its columns."""
        data, graph = self._graph
        found = linear.read(graph)
        tensors = self._background_tensors
        reader = ColumnReader(data, found.input, self._signature, self._model.threads)
        reasons = LinearReasons(
            found,
            self._signature,
            self._groups,
            reader.columns(tensors, None),
            self.scores(tensors, None),
        )
        return reasons, reader

    @cached_property
    def field_reasons(self) -> FieldReasons:
        """The values of fields by coalitions."""
        if self._one_by_one:
            raise UnsuitableError("the graph takes one input at a time")
        return FieldReasons(self._signature, self._groups, self._background_tensors)

    @cached_property
    def _graph(self) -> tuple[bytes, GraphNodes]:
        model = self._model
        if model.graph is None:
            raise UnsuitableError("the graph's file is not known")
        file = model.manifest.files[model.manifest.variant(model.variant).file]
        try:
            data = column_reader.read(model.graph, file)
            return data, graph_nodes.read(data)
        except (OSError, ValueError) as error:
            raise UnsuitableError(f"the graph cannot be read: {error}") from None

    @cached_property
    def _background(self) -> Background:
        data = self._file(backgrounds.FILE)
        if data is None:
            raise UnsuitableError(_NO_BACKGROUND)
        fields = [f.name for item in self._signature.inputs for f in item.fields or ()]
        try:
            return backgrounds.read(data, fields)
        except IntegrityError as error:
            raise UnsuitableError(str(error)) from None

    @cached_property
    def _background_tensors(self) -> Mapping[str, Array]:
        rows = self._background.rows
        signature = replace(self._signature, max_rows=len(rows))
        try:
            return game_json.encode(signature, rows, files=self._model.files)
        except Problem as problem:
            raise UnsuitableError(f"a background row does not fit: {problem}") from None

    @property
    def _groups(self) -> Mapping[str, Sequence[str]]:
        try:
            return self._background.groups
        except UnsuitableError:
            return {}

    @cached_property
    def reasons(self) -> ReasonCodes | None:
        """The reason codes; None without a file. Raises `IntegrityError`."""
        data = self._file(reason_codes.FILE)
        return None if data is None else reason_codes.read(data)

    @property
    def _one_by_one(self) -> bool:
        return any(item.shape[:1] == (1,) for item in self._signature.inputs)

    def _file(self, name: str) -> bytes | None:
        """Return a file of the version, fetched now; None without one."""
        model = self._model
        if name not in model.manifest.files or model.fetch is None:
            return None
        try:
            return model.fetch(name).read_bytes()
        except RegistryError as error:
            raise from_registry(error) from error

    def scores(self, tensors: Mapping[str, Array], seconds: float | None) -> Array:
        """Return the numbers [rows, n] of tensors; may raise `Problem`."""
        outputs = self._model.session.run(tensors, seconds=seconds)
        return explained_scores.of_outputs(self._signature, outputs)

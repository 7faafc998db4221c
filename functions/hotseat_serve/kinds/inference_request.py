"""What is asked of a version: inputs, options, and the graph to run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hotseat_registry.signature import Signature
from hotseat_serve.codec import game_json
from hotseat_serve.codec.tensors import Array
from hotseat_serve.kinds.options import Options
from hotseat_serve.kinds.request_context import Turn

Run = Callable[[Mapping[str, Array]], Mapping[str, Array]]


@dataclass(frozen=True, slots=True)
class Ask:
    """One request for a version, as the kinds see it."""

    signature: Signature
    graph: Run
    inputs: Sequence[Any]
    pointers: Sequence[str]
    options: Options = field(default_factory=Options)
    turn: Turn = field(default_factory=Turn)

    def tensors(self) -> dict[str, Array]:
        """Return the inputs as tensors; raises `Problem`."""
        warnings = self.turn.warnings
        return game_json.encode(self.signature, self.inputs, self.pointers, warnings)

    def run(self, tensors: Mapping[str, Array]) -> Mapping[str, Array]:
        """Run the graph, unless the caller has given up; raises `Problem`."""
        self.turn.check()
        self.turn.mark("read")
        outputs = self.graph(tensors)
        self.turn.mark("run")
        return outputs

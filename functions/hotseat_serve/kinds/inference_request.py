"""One inference request: inputs, options, and the graph to run."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from hotseat_registry.dataclass import dataclass, field
from hotseat_registry.signature import Signature
from hotseat_registry.steps import Step
from hotseat_serve.codec import game_json
from hotseat_serve.codec.tensors import Array
from hotseat_serve.kinds.options import Options
from hotseat_serve.kinds.request_context import RequestContext

Run = Callable[[Mapping[str, Array]], Mapping[str, Array]]


class StepModel(Protocol):
    """What answers for a step as a version of its own would; see `LoadedModel`."""

    masks: bool

    def predict(
        self,
        inputs: Sequence[Any],
        pointers: Sequence[str] | None = None,
        options: Options | None = None,
        context: RequestContext | None = None,
    ) -> list[dict[str, Any]]:
        """Return one answer for each input; raises `Problem`."""


class OpenStep(NamedTuple):
    """One step of a pipeline, with its graph open."""

    step: Step
    run: Callable[[Mapping[str, Array], RequestContext], Mapping[str, Array]] | None = (
        None
    )
    """Runs the graph of a step that finds or reads regions."""
    model: StepModel | None = None
    """Answers for any other step."""
    characters: Sequence[str] = ()
    """What a transcription reads."""


@dataclass(frozen=True, slots=True)
class InferenceRequest:
    """One request for a version, as `kinds` receives it."""

    signature: Signature
    graph: Run
    inputs: Sequence[Any]
    pointers: Sequence[str]
    options: Options = field(default_factory=Options)
    context: RequestContext = field(default_factory=RequestContext)
    files: Mapping[str, Any] = field(default_factory=dict)
    """The opened files of the signature, such as tokenizers."""
    steps: Sequence[OpenStep] = ()
    """Of a pipeline."""

    def tensors(self) -> dict[str, Array]:
        """Return the inputs as tensors; raises `Problem`."""
        warnings = self.context.warnings
        return game_json.encode(
            self.signature, self.inputs, self.pointers, warnings, self.files
        )

    def run(self, tensors: Mapping[str, Array]) -> Mapping[str, Array]:
        """Run the graph, unless the deadline is over; raises `Problem`.

        An output with a role is returned under the role's name as well.
        """
        self.context.check_deadline()
        self.context.mark("read")
        outputs = self.graph(tensors)
        for output in self.signature.outputs:
            if output.role is not None:
                outputs = {**outputs, output.role: outputs[output.name]}
        self.context.mark("run")
        return outputs

"""Records a graph's inputs while it serves, for int8 ranges and golden rows."""

from dataclasses import replace

from hotseat_serve.kinds import dispatch
from hotseat_serve.kinds.inference_request import InferenceRequest
from hotseat_serve.kinds.options import Options
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_train.data.dataset import Requests
from hotseat_train.evaluation.evaluator import Tensors


def record_calls(
    loaded: LoadedModel, requests: Requests, calls: int, rows: int
) -> list[Tensors]:
    """Return at most `calls` calls of the graph, spread over the inputs.

    Each call is cut to its first `rows` rows. A generator's items are not checked, so
    that each input is one batch of candidates, whether any of them passes or not.
    """
    found: list[Tensors] = []

    def run(tensors: Tensors) -> Tensors:
        # the caller reuses its arrays
        found.append({name: x[:rows].copy() for name, x in tensors.items()})
        return loaded.session.run(tensors)

    signature = loaded.manifest.signature
    if signature.generation is not None:
        signature = replace(signature, rules=None)
    answer = dispatch.KINDS[loaded.manifest.kind]
    for value, options in requests:
        answer(InferenceRequest(signature, run, [value], ["/0"], Options(**options)))
    return found[:: -(-len(found) // calls)]

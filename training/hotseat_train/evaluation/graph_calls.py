"""What a graph is asked while it serves: for ranges of int8, and for golden rows."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from hotseat_serve import kinds
from hotseat_serve.ask import Ask
from hotseat_serve.load import Loaded
from hotseat_serve.options import Options
from hotseat_train.data.dataset import Asked

Tensors = Mapping[str, np.ndarray[Any, Any]]


def heard(loaded: Loaded, asked: Asked, calls: int, rows: int) -> list[Tensors]:
    """Return at most so many calls of the graph, from all over what was asked.

    Of each call that is for more, the first `rows` are kept.

    What a generator makes is not checked, so that each wish is one batch of candidates,
    whether any of them passes or not.
    """
    found: list[Tensors] = []

    def run(tensors: Tensors) -> Tensors:
        # the caller goes on to fill what it has given
        found.append({name: x[:rows].copy() for name, x in tensors.items()})
        return loaded.session.run(tensors)

    signature = loaded.manifest.signature
    if signature.generation is not None:
        signature = replace(signature, rules=None)
    answer = kinds.KINDS[loaded.manifest.kind]
    for given, options in asked:
        answer(Ask(signature, run, [given], ["/0"], Options(**options)))
    return found[:: -(-len(found) // calls)]

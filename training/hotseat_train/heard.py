"""What a graph is asked while it serves: for ranges of int8, and for golden rows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hotseat_serve.load import Loaded
from hotseat_serve.options import Options
from hotseat_serve.session import Session
from hotseat_train.dataset import Asked

Tensors = Mapping[str, np.ndarray[Any, Any]]


def heard(loaded: Loaded, asked: Asked, calls: int, rows: int) -> list[Tensors]:
    """Return at most so many calls of the graph, from all over what was asked.

    Of each call that is for more, the first `rows` are kept.

    What a generator makes is not checked, so that each wish is one batch of candidates,
    whether any of them passes or not.
    """
    ear = _Ear(loaded.session, rows)
    signature = loaded.manifest.signature
    if signature.generation is not None:
        signature = replace(signature, rules=None)
    manifest = replace(loaded.manifest, signature=signature)
    listening = Loaded(manifest, loaded.variant, ear)  # type: ignore[arg-type]
    for given, options in asked:
        listening.predict([given], options=Options(**options))
    return ear.calls[:: -(-len(ear.calls) // calls)]


class _Ear:
    """A session that keeps what it is asked."""

    def __init__(self, session: Session, rows: int) -> None:
        self._session, self._rows = session, rows
        self.calls: list[Tensors] = []

    def run(
        self, tensors: Tensors, outputs: Sequence[str] | None = None
    ) -> dict[str, np.ndarray[Any, Any]]:
        # the caller goes on to fill what it has given
        self.calls.append({name: x[: self._rows].copy() for name, x in tensors.items()})
        return self._session.run(tensors, outputs)

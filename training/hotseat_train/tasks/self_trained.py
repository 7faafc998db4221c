"""What a game question brings that is learned by playing, or from whole items."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from hotseat_registry import Signature
from hotseat_serve.load import Loaded


class Maker(Protocol):
    """One game question that has no rows with labels.

    How good its variants are is measured by its kind and the rules that its signature
    names (see `worth`), so that a maker says nothing of it.
    """

    name: str
    kind: str
    """policy or generation."""
    intended_use: str
    limits: str
    data: Mapping[str, Any]
    """``source`` and ``licence`` of what is learned from."""

    def train(
        self, folder: Path, minutes: float, report: Callable[[str], None]
    ) -> Sequence[tuple[float, float]]:
        """Leave ``model.onnx`` in the folder; return (seconds, loss) of each round."""

    def signature(self) -> Signature:
        """Say what the graph eats and answers."""

    def asked(self) -> Sequence[Any]:
        """Return inputs as a game asks them, the same each time, hundreds or more.

        Every variant is asked them, and int8 takes its ranges from some.
        """

    def measure(self, loaded: Loaded) -> dict[str, Any]:
        """Return what else the card shall tell of a variant; nothing is fine."""

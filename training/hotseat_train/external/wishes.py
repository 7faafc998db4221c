"""What the flags of publish and inspect say about a graph."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hotseat_registry.signature import Image

FORMS = ("text", "features", "tensor", "array", "image")
"""What an input may be by flag; tokens are found by the tokenizer beside a graph."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What flags say about a graph."""

    kind: str | None = None
    labels: tuple[str, ...] = ()
    roles: Mapping[str, str] = field(default_factory=dict)
    """Roles to outputs: scores to logits, for example."""
    forms: Mapping[str, str] = field(default_factory=dict)
    """Inputs to their form: text, features, tensor, array, image."""
    features: tuple[str, ...] = ()
    """Names of the columns of the one input of numbers."""
    defaults: Mapping[str, float] = field(default_factory=dict)
    activation: str | None = None
    """softmax, sigmoid or none."""
    threshold: float | None = None
    image: Image | None = None
    pooling: str | None = None
    normalize: bool | None = None

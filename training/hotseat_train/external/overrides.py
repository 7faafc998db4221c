"""The values of publish's and inspect's flags that describe a graph."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hotseat_registry.signature import Image

FORMS = ("text", "features", "tensor", "array", "image")
"""Forms that a flag may set; a tokenizer next to the graph implies tokens."""


@dataclass(frozen=True, slots=True)
class Overrides:
    """The values of the flags that describe a graph; None: not set."""

    kind: str | None = None
    labels: tuple[str, ...] = ()
    roles: Mapping[str, str] = field(default_factory=dict)
    """Outputs by role, for example logits by scores."""
    forms: Mapping[str, str] = field(default_factory=dict)
    """Forms by input: text, features, tensor, array, image."""
    features: tuple[str, ...] = ()
    """Names of the columns of the only numeric input."""
    defaults: Mapping[str, float] = field(default_factory=dict)
    activation: str | None = None
    """softmax, sigmoid or none."""
    threshold: float | None = None
    image: Image | None = None
    pooling: str | None = None
    normalize: bool | None = None
    missing: bool = False
    """Whether numbers may be missing: null in a request is NaN in the graph."""

"""What the service answers, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Source = Literal["service", "cache", "offline", "default"]


@dataclass(frozen=True, slots=True)
class InputWarning:
    """Something in a question that was answered and may still be a mistake."""

    code: str
    """unknown_field, out_of_range, unknown_category, ...; others may follow."""
    detail: str
    pointer: str
    """JSON pointer to it in the request, as ``/input/agee``."""
    suggestion: str | None = None
    """The name that was probably meant."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer to one input.

    Which of the fields a model fills depends on its kind: a classification has
    `label`, `probability` and `scores`, a policy `action` and `actions`, a generation
    `item`. `is_default` says that no model answered: what stands here is the default
    that the caller gave.
    """

    label: str | None = None
    probability: float | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    value: Any = None
    action: str | None = None
    """What a policy chose."""
    actions: Mapping[str, float] = field(default_factory=dict)
    """Every legal action and its probability."""
    item: tuple[str, ...] | None = None
    """What was generated, as its rows."""
    seed: int | None = None
    """Gives the same answer again."""
    parts: tuple[Mapping[str, Any], ...] = ()
    """Of an explanation: each part of the input and its weight."""
    judged_part: Mapping[str, int] | None = None
    """Of a long text that is judged in parts, the worst, which this answer is about:
    ``start`` and ``end`` in characters of the text, and ``of`` how many parts."""
    model: str | None = None
    version: int | None = None
    variant: str | None = None
    request_id: str | None = None
    latency: float = 0.0
    """Seconds from call to answer, retries included."""
    cold: bool = False
    """Whether the service's process was just started for it."""
    warnings: tuple[InputWarning, ...] = ()
    """What was answered and may still be a mistake, as a misspelt field; each is
    logged once, too. ``options={"strict": True}`` makes the first an error."""
    is_default: bool = False
    source: Source = "service"
    """Who answered: the service now or before (cache), the version on this device
    (offline), or nobody (default)."""
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The whole answer, with the fields that this SDK does not know."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model in the service's catalogue."""

    name: str
    kind: str
    version: int
    versions: tuple[int, ...] = ()
    aliases: Mapping[str, int] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The whole entry; of `card`, with signature and card."""


@dataclass(frozen=True, slots=True)
class Download:
    """A version that lies on this device, checked and ready to answer."""

    model: str
    version: int
    variant: str
    folder: Path
    is_current: bool
    """Whether the service was asked just now; else it is the last one that was good."""
    signed_by: str | None = None
    """SHA-256 of the trusted public key (PEM) that vouches for it."""

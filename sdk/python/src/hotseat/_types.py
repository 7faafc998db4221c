"""The service's answers as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Source = Literal["service", "cache", "offline", "default"]


@dataclass(frozen=True, slots=True)
class InputWarning:
    """A possible mistake in a request that was answered."""

    code: str
    """unknown_field, out_of_range, unknown_category, ...; others may follow."""
    detail: str
    pointer: str
    """JSON pointer to the mistake in the request, as ``/input/agee``."""
    suggestion: str | None = None
    """The most similar known name."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer to one input.

    The fields depend on the kind of the model: a classification has `label`,
    `probability` and `scores`, a policy `action` and `actions`, a generation `item`.
    `is_default` means that no model answered: the prediction holds the
    caller's default.
    """

    label: str | None = None
    probability: float | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    value: Any = None
    action: str | None = None
    """The action that a policy chose."""
    actions: Mapping[str, float] = field(default_factory=dict)
    """Every legal action and its probability."""
    item: tuple[str, ...] | None = None
    """The generated item as rows."""
    labels: tuple[str, ...] | None = None
    """The labels that apply, of a model with several labels an input."""
    embedding: tuple[float, ...] | None = None
    """The vector of a text or an image."""
    outputs: Mapping[str, Any] = field(default_factory=dict)
    """The outputs of a tensor model by name, as nested lists."""
    matches: tuple[Mapping[str, Any], ...] = ()
    """The documents nearest to a query, the best first: ``id``, ``score``, ``text``,
    ``metadata``."""
    seed: int | None = None
    """The seed that repeats the answer."""
    parts: tuple[Mapping[str, Any], ...] = ()
    """Parts of the input with their weights, from `explain`."""
    judged_part: Mapping[str, int] | None = None
    """The part of a long text that decided the answer: ``start`` and ``end`` in
    characters, and ``of``, the number of parts."""
    category: str | None = None
    """The most probable category of a flagged row, as ``threat``."""
    severity: int | None = None
    """How grave the category is, from 1 on, as the version rates it."""
    categories: Mapping[str, float] = field(default_factory=dict)
    """The probability of each category."""
    decision: Mapping[str, Any] | None = None
    """Of a version with operating points: ``operating_point``, ``score``,
    ``threshold``, ``flagged``, ``script`` and ``context_lines``."""
    player: Mapping[str, Any] | None = None
    """About the player whose ``history`` was given: ``lines``, ``flagged``,
    ``probability_if_neutral`` and ``review``, whether a person should look."""
    model: str | None = None
    version: int | None = None
    variant: str | None = None
    request_id: str | None = None
    latency: float = 0.0
    """Seconds from call to answer, including retries."""
    cold: bool = False
    """Whether this request caused a cold start."""
    warnings: tuple[InputWarning, ...] = ()
    """Possible mistakes in the input, such as a misspelt field; the client also logs
    each once. ``options={"strict": True}`` turns the first into an error."""
    is_default: bool = False
    source: Source = "service"
    """The source of the answer: the service, the cache, the offline model or the
    default."""
    reason: str | None = None
    """Why the default was used: the error's class and message."""
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The whole answer, including fields unknown to this SDK."""

    @property
    def flagged(self) -> bool | None:
        """Whether the row reaches the operating point; None: the version has none."""
        return None if self.decision is None else self.decision.get("flagged") is True


@dataclass(frozen=True, slots=True)
class Model:
    """A model in the service's catalogue."""

    name: str
    kind: str
    version: int
    versions: tuple[int, ...] = ()
    aliases: Mapping[str, int] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The whole entry; from `card`, with signature and card."""


@dataclass(frozen=True, slots=True)
class Download:
    """A version on this device, verified and ready to answer."""

    model: str
    version: int
    variant: str
    folder: Path
    is_current: bool
    """Whether the service confirmed it now; if not, the last verified download."""
    signed_by: str | None = None
    """SHA-256 of the trusted public key (PEM) that signed it."""

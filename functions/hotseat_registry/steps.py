"""The steps of a pipeline: several graphs that give one answer."""

from collections.abc import Mapping, Sequence

from hotseat_registry.dataclass import dataclass
from hotseat_registry.errors import IntegrityError
from hotseat_registry.json_dataclass import JsonDataclass, set_frozen_field
from hotseat_registry.signature import Signature

REGIONS, TRANSCRIPTION = "regions", "transcription"
ANSWERS = ("classification", "multilabel", "regression", "embedding")
"""Kinds of steps whose answer is part of the pipeline's."""
STEP_KINDS = (REGIONS, TRANSCRIPTION, *ANSWERS)
_MOST = 16
"""Steps of a pipeline."""


@dataclass(frozen=True, slots=True)
class Regions(JsonDataclass):
    """How boxes come of a map of probabilities (Differentiable Binarization)."""

    threshold: float = 0.3
    """Pixels above it belong to a region."""
    box_threshold: float = 0.5
    """The mean probability that a region has at least."""
    growth: float = 1.5
    """A box grows by area * growth / perimeter on every side."""
    most: int = 64
    """Boxes of one picture; the smallest others are left out, with a warning."""


@dataclass(frozen=True, slots=True)
class Transcription(JsonDataclass):
    """How the text of a region is read (CTC)."""

    characters: str
    """The file with the list of characters; class n of the graph is the n-th, 0 is the
    blank."""
    least_width: int = 1
    """Pixels that a narrower region is padded to."""
    least_probability: float = 0.5
    """The mean probability of its characters that a text has at least; below it, the
    region counts as none."""


@dataclass(frozen=True, slots=True)
class Step(JsonDataclass):
    """One graph of a pipeline, and what it reads."""

    name: str
    kind: str
    """One of `STEP_KINDS`."""
    signature: Signature
    source: str = ""
    """The step whose result it reads. Empty: it reads the input of the request."""
    regions: Regions | None = None
    """For the kind regions."""
    transcription: Transcription | None = None
    """For the kind transcription."""
    flags: tuple[str, ...] = ()
    """Of a classification: the labels for which the pipeline answers its second label.
    Empty: it does not depend on this step."""
    threshold: float = 0.5
    """The probability of all these labels together from which it does."""
    origin: str | None = None
    """The published version that its graph and signature are from."""

    def __post_init__(self) -> None:
        """Read the nested records; raises `IntegrityError`."""
        set_frozen_field(self, "flags", tuple(self.flags))
        for name, kind in (
            ("signature", Signature), ("regions", Regions),
            ("transcription", Transcription),
        ):  # fmt: skip
            if isinstance(getattr(self, name), Mapping):
                set_frozen_field(self, name, kind.from_json(getattr(self, name)))

    @property
    def files(self) -> tuple[str, ...]:
        """The version's files that the step needs beside its graph."""
        own = () if self.transcription is None else (self.transcription.characters,)
        return (*self.signature.files, *own)


def check(steps: Sequence[Step], form: str) -> None:
    """Raise `IntegrityError` for steps that cannot follow each other.

    `form` is that of the pipeline's input: image or text.
    """
    if not 1 <= len(steps) <= _MOST:
        raise IntegrityError(f"a pipeline has 1 to {_MOST} steps, not {len(steps)}")
    results = {"": form}
    for step in steps:
        where = f"step {step.name!r}"
        if step.kind not in STEP_KINDS:
            raise IntegrityError(
                f"{where}: kind {step.kind!r} is not one of {', '.join(STEP_KINDS)}"
            )
        if not step.name or step.name in results:
            raise IntegrityError(f"{where}: each step needs a name of its own")
        if step.source not in results:
            raise IntegrityError(
                f"{where} reads {step.source!r}, which is no step before it"
            )
        results[step.name] = _result(step, results[step.source], where)


def _result(step: Step, given: str, where: str) -> str:
    """Return what a step gives to others; raises `IntegrityError`."""
    wanted = {REGIONS: "image", TRANSCRIPTION: REGIONS}.get(step.kind)
    if wanted is None:
        forms = {item.form for item in step.signature.inputs}
        wanted = "image" if forms == {"image"} else "text"
        if wanted == "text" and not forms <= {"text", "tokens"}:
            raise IntegrityError(f"{where} takes neither an image nor a text alone")
    if not 0 <= step.threshold <= 1:
        raise IntegrityError(f"{where}: a threshold is a probability from 0 to 1")
    if step.flags and step.kind != "classification":
        raise IntegrityError(f"{where}: flags are labels of a classification")
    if unknown := set(step.flags) - set(step.signature.labels):
        raise IntegrityError(
            f"{where}: it has no label {min(unknown)!r} to flag; it has "
            f"{', '.join(step.signature.labels)}"
        )
    if given != wanted:
        what = repr(step.source) if step.source else "the input"
        raise IntegrityError(f"{where} reads {wanted}, and {what} is {given}")
    for name, kind in (("regions", REGIONS), ("transcription", TRANSCRIPTION)):
        if (getattr(step, name) is not None) != (step.kind == kind):
            raise IntegrityError(f"{where}: {name!r} is for the kind {kind}")
    return {REGIONS: REGIONS, TRANSCRIPTION: "text"}.get(step.kind, "answer")

"""What a model eats and answers: all that serving knows of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hotseat_registry.errors import IntegrityError
from hotseat_registry.record import Record, put, records


@dataclass(frozen=True, slots=True)
class Field(Record):
    """One named feature: a column of an input of form ``features``."""

    name: str
    type: str = "number"
    """number or category."""
    default: Any = None
    """What a missing feature is; None: it must be given."""
    minimum: float | None = None
    """A number below it is refused; None: any."""
    maximum: float | None = None
    """A number above it is refused; None: any."""
    categories: tuple[str, ...] | None = None
    """All that may be given, others are refused; None: any."""
    observed: tuple[float, float] | None = None
    """The least and the greatest number that training saw; others are answered, with a
    warning. None: not known."""
    known: tuple[str, ...] | None = None
    """The categories that training learned; others are answered, with a warning.
    None: not known."""

    def __post_init__(self) -> None:
        """Take JSON's lists for tuples; raises `IntegrityError` for what is none."""
        for name in ("categories", "observed", "known"):
            if getattr(self, name) is not None:
                put(self, name, tuple(getattr(self, name)))
        for name, words in (("categories", self.categories), ("known", self.known)):
            if not all(isinstance(word, str) for word in words or ()):
                raise IntegrityError(f"field {self.name!r}: {name} are strings")
        for name in ("minimum", "maximum"):
            if not _is_bound(getattr(self, name)):
                raise IntegrityError(f"field {self.name!r}: {name} is a number")
        ends = (0, 0) if self.observed is None else self.observed
        if (
            len(ends) != 2
            or None in ends
            or not all(map(_is_bound, ends))
            or not ends[0] <= ends[1]
        ):
            raise IntegrityError(
                f"field {self.name!r}: observed is the least and the greatest number"
            )


def _is_bound(value: Any) -> bool:
    return value is None or (
        isinstance(value, int | float) and not isinstance(value, bool)
    )


@dataclass(frozen=True, slots=True)
class Input(Record):
    """One tensor that the model eats, and how game-shaped JSON fills it."""

    name: str
    datatype: str
    """Of the Open Inference Protocol: BYTES, FP32, INT64 ..."""
    shape: tuple[int, ...]
    """-1 is any length; the first is the batch."""
    form: str
    """text, features, board or tensor."""
    max_bytes: int | None = None
    """Of one text, in UTF-8."""
    too_long: str | None = None
    """What becomes of a text of more bytes: it is refused (``refuse``, or None), cut
    with a warning (``cut``), or judged in parts (``parts``): then the part counts that
    is the least likely to have the neutral label. Tensors of the Open Inference
    Protocol are refused in any case."""
    fields: tuple[Field, ...] | None = None
    """The columns, for the form ``features``."""
    minimum: float | None = None
    """A number of a board or tensor below it is refused; None: any."""
    maximum: float | None = None
    """A number of a board or tensor above it is refused; None: any."""

    def __post_init__(self) -> None:
        """Take JSON's list for the shape, and read the fields."""
        put(self, "shape", tuple(self.shape))
        if self.fields is not None:
            put(self, "fields", records(Field, self.fields))


@dataclass(frozen=True, slots=True)
class Output(Record):
    """One tensor that the model answers."""

    name: str
    datatype: str
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        """Take JSON's list for the shape."""
        put(self, "shape", tuple(self.shape))


@dataclass(frozen=True, slots=True)
class Level(Record):
    """One strength of a policy."""

    temperature: float = 0.0
    """0 takes the best action; 1 follows the probabilities; more is wilder."""
    simulations: int = 0
    """Of a search through the game's rules; 0: what the network says at once."""


@dataclass(frozen=True, slots=True)
class Generation(Record):
    """How a step model is asked for one item, cell by cell.

    The model's input `grid` is INT64 [rows, height, width] with -1 where nothing
    stands yet; its first output is [rows, len(alphabet)], the logits of the next cell.
    """

    height: int
    width: int
    alphabet: tuple[str, ...]
    """What a cell may be, one character each."""
    grid: str = "grid"
    """The input that holds the cells so far."""
    by: str = "rows"
    """rows: left to right, then down; columns: top to bottom, then right."""
    batch: int = 16
    """Candidates that are sampled side by side."""
    batches: int = 16
    """Tried before it is given up."""
    choices: int = 1
    """That pass the check before the nearest to the wish is returned."""
    near: float = 0.0
    """How far from the wish, over all its numbers together, is near enough at once."""
    temperature: float = 1.0

    def __post_init__(self) -> None:
        """Take JSON's list for the alphabet."""
        put(self, "alphabet", tuple(self.alphabet))


@dataclass(frozen=True, slots=True)
class Signature(Record):
    """What a model eats and answers: all that serving knows of it."""

    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    labels: tuple[str, ...] = ()
    neutral_label: str | None = None
    """The label of what needs no action, as ``ok`` of a moderation, if there is one."""
    max_rows: int | None = None
    """Inputs in one request."""
    non_finite: bool | None = None
    """Whether numbers may be NaN or infinite, as where NaN means missing."""
    rules: str | None = None
    """The game whose rules run beside the model; one of `hotseat_serve.rules`."""
    levels: Mapping[str, Level] | None = None
    """Strengths of a policy that may be asked by name."""
    generation: Generation | None = None
    """For the kind generation."""

    def __post_init__(self) -> None:
        """Read the nested records."""
        put(self, "inputs", records(Input, self.inputs))
        put(self, "outputs", records(Output, self.outputs))
        put(self, "labels", tuple(self.labels))
        if self.levels is not None:
            levels = {
                name: Level.from_json(item) if not isinstance(item, Level) else item
                for name, item in self.levels.items()
            }
            put(self, "levels", levels)
        if isinstance(self.generation, Mapping):
            put(self, "generation", Generation.from_json(self.generation))

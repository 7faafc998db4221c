"""What a version is: a manifest, and the files it names by digest.

Readers keep the fields that they do not know (`extra`), so that a newer publisher
never breaks an older reader or loses anything by way of it.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from hotseat_registry.errors import IntegrityError

FORMAT = 1
_SEAL = "seal"
SUFFIXES = (".onnx", ".ort", ".data", ".json", ".md", ".png", ".html")
"""Of the files a version may hold: none of these formats can carry code."""
KINDS = ("classification", "regression", "policy", "generation")


@dataclass(frozen=True, slots=True)
class Record:
    """A JSON object with known fields, which keeps the ones it does not know."""

    extra: Mapping[str, Any] = field(default_factory=dict, kw_only=True, repr=False)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read one object; raises `IntegrityError` for what is missing."""
        names = {f.name for f in dataclasses.fields(cls)} - {"extra"}
        known = {key: value[key] for key in value if key in names}
        rest = {key: value[key] for key in value if key not in names}
        try:
            return cls(**known, extra=rest)
        except TypeError as error:
            raise IntegrityError(f"{cls.__name__.lower()}: {error}") from None

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads; a field that is None is left out."""
        known = {
            f.name: _plain(getattr(self, f.name))
            for f in dataclasses.fields(self)
            if f.name != "extra" and getattr(self, f.name) is not None
        }
        return {**self.extra, **known}


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        return value.to_json()
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value


R = TypeVar("R", bound="Record")


def _read(record: Record, name: str, value: Any) -> None:
    """Set a field of a frozen record while it is being made."""
    object.__setattr__(record, name, value)


@dataclass(frozen=True, slots=True)
class File(Record):
    """One file of a version."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Field(Record):
    """One named feature: a column of an input of form ``features``."""

    name: str
    type: str = "number"
    """number or category."""
    default: Any = None
    """What a missing feature is; None: it must be given."""
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] | None = None
    """All that may be given; None: any."""

    def __post_init__(self) -> None:
        """Take JSON's list for the categories."""
        if self.categories is not None:
            _read(self, "categories", tuple(self.categories))


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
    fields: tuple[Field, ...] | None = None
    """The columns, for the form ``features``."""
    minimum: float | None = None
    maximum: float | None = None

    def __post_init__(self) -> None:
        """Take JSON's list for the shape, and read the fields."""
        _read(self, "shape", tuple(self.shape))
        if self.fields is not None:
            _read(self, "fields", _records(Field, self.fields))


@dataclass(frozen=True, slots=True)
class Output(Record):
    """One tensor that the model answers."""

    name: str
    datatype: str
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        """Take JSON's list for the shape."""
        _read(self, "shape", tuple(self.shape))


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
    temperature: float = 1.0

    def __post_init__(self) -> None:
        """Take JSON's list for the alphabet."""
        _read(self, "alphabet", tuple(self.alphabet))


@dataclass(frozen=True, slots=True)
class Signature(Record):
    """What a model eats and answers: all that serving knows of it."""

    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    labels: tuple[str, ...] = ()
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
        _read(self, "inputs", _records(Input, self.inputs))
        _read(self, "outputs", _records(Output, self.outputs))
        _read(self, "labels", tuple(self.labels))
        if self.levels is not None:
            levels = {
                name: Level.from_json(item) if not isinstance(item, Level) else item
                for name, item in self.levels.items()
            }
            _read(self, "levels", levels)
        if isinstance(self.generation, Mapping):
            _read(self, "generation", Generation.from_json(self.generation))


@dataclass(frozen=True, slots=True)
class Variant(Record):
    """One ONNX file of a version, with what was measured of it."""

    name: str
    file: str
    metrics: Mapping[str, Any] = field(default_factory=dict)
    data: tuple[str, ...] | None = None
    """Files beside the graph with its weights, which the runtime maps into memory."""
    optimized: bool | None = None
    """Whether the graph was optimised before, so that the start need not do it."""

    def __post_init__(self) -> None:
        """Take JSON's list for the names."""
        if self.data is not None:
            _read(self, "data", tuple(self.data))

    @property
    def files(self) -> tuple[str, ...]:
        """All that has to be there to run it."""
        return (self.file, *(self.data or ()))


@dataclass(frozen=True, slots=True)
class Manifest(Record):
    """One version. `version` is 0 and `files` is empty until it is published."""

    model: str
    kind: str
    signature: Signature
    variants: tuple[Variant, ...]
    default_variant: str
    golden: str | None = None
    """Name of the file with the golden rows."""
    lineage: Mapping[str, Any] = field(default_factory=dict)
    card: str = ""
    """Model card, Markdown."""
    version: int = 0
    files: Mapping[str, File] = field(default_factory=dict)
    published_at: str | None = None
    published_by: str | None = None
    format: int = FORMAT

    def __post_init__(self) -> None:
        """Read the nested records and check that they agree."""
        if self.format > FORMAT:
            raise IntegrityError(
                f"{self.model}@{self.version} has manifest format {self.format}; "
                f"this reader knows up to {FORMAT}: update hotseat-platform"
            )
        if self.kind not in KINDS:
            raise IntegrityError(f"kind {self.kind!r} is not one of {', '.join(KINDS)}")
        if isinstance(self.signature, Mapping):
            _read(self, "signature", Signature.from_json(self.signature))
        _read(self, "variants", _records(Variant, self.variants))
        files = {
            name: File.from_json(item) if isinstance(item, Mapping) else item
            for name, item in self.files.items()
        }
        _read(self, "files", files)
        self.variant(self.default_variant)

    @property
    def reference(self) -> str:
        """The version's name, ``model@number``."""
        return f"{self.model}@{self.version}"

    def variant(self, name: str) -> Variant:
        """Return the variant of that name; raises `IntegrityError`."""
        for variant in self.variants:
            if variant.name == name:
                return variant
        raise IntegrityError(f"{self.reference} has no variant {name!r}")

    @classmethod
    def from_bytes(cls, data: bytes, what: str) -> "Manifest":
        """Read a manifest object called `what`; raises `IntegrityError`."""
        try:
            return cls.from_json(opened(data, what))
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise IntegrityError(f"{what} is no manifest: {error}") from None

    def to_bytes(self) -> bytes:
        """Return the bytes that are stored."""
        return sealed(self.to_json())

    def content(self) -> bytes:
        """Return what is the same in every registry: all but number, when and who."""
        kept = self.to_json()
        for name in ("version", "published_at", "published_by"):
            kept.pop(name, None)
        return to_bytes(kept)


def _records(kind: type[R], values: Any) -> tuple[R, ...]:
    return tuple(
        kind.from_json(item) if isinstance(item, Mapping) else item for item in values
    )


def to_bytes(value: Any) -> bytes:
    """Return the one way in which the registry writes JSON."""
    text = json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True)
    return text.encode() + b"\n"


def sealed(value: Mapping[str, Any]) -> bytes:
    """Return an object as it is stored: with the SHA-256 of the rest of it inside."""
    return to_bytes({**value, _SEAL: hashlib.sha256(to_bytes(value)).hexdigest()})


def opened(data: bytes, what: str) -> dict[str, Any]:
    """Read what `sealed` wrote, without the seal.

    Raises `IntegrityError` naming `what` when it is broken or missing.
    """
    try:
        value = json.loads(data)
        seal = value.pop(_SEAL, None)
    except (ValueError, AttributeError, TypeError) as error:
        raise IntegrityError(f"{what} cannot be read: {error}") from None
    if seal != hashlib.sha256(to_bytes(value)).hexdigest():
        raise IntegrityError(f"{what} was damaged or changed: its seal is broken")
    return dict(value)

"""What a version is: a manifest, and the files it names by digest."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hotseat_registry.errors import IntegrityError
from hotseat_registry.record import Record, put, records
from hotseat_registry.seal import opened, sealed, to_bytes
from hotseat_registry.signature import Signature

FORMAT = 1
SUFFIXES = (".onnx", ".ort", ".data", ".json", ".md", ".png", ".html")
"""Of the files a version may hold: none of these formats can carry code."""
KINDS = ("classification", "regression", "policy", "generation")


@dataclass(frozen=True, slots=True)
class File(Record):
    """One file of a version."""

    sha256: str
    size: int


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
            put(self, "data", tuple(self.data))

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
            put(self, "signature", Signature.from_json(self.signature))
        put(self, "variants", records(Variant, self.variants))
        files = {
            name: File.from_json(item) if isinstance(item, Mapping) else item
            for name, item in self.files.items()
        }
        put(self, "files", files)
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

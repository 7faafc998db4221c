"""What a version is: a manifest, and the files it names by digest."""

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from hotseat_registry import steps as pipelines
from hotseat_registry.checksummed_json import (
    read_checksummed,
    to_bytes,
    write_checksummed,
)
from hotseat_registry.dataclass import dataclass, field
from hotseat_registry.encryption import Encryption
from hotseat_registry.errors import IntegrityError, NoKeyError
from hotseat_registry.json_dataclass import (
    JsonDataclass,
    from_json_list,
    parse_time,
    set_frozen_field,
)
from hotseat_registry.signature import Signature
from hotseat_registry.steps import Step

FORMAT = 5
"""The newest that this reader knows; a version has the least that says it all."""
MAX_START_FILES = 16
"""Files that are requested at once at a start, and signatures."""
GRAPHS = (".onnx", ".ort")
SUFFIXES = (*GRAPHS, ".data", ".json", ".md", ".png", ".html")
"""Of the files a version may hold: none of these formats can carry code."""
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NAME_BYTES = 200
KINDS = (
    "classification", "multilabel", "regression", "embedding", "policy", "generation",
    "tensor", "retrieval", "pipeline", "text",
)  # fmt: skip
_FORMAT_5 = {"retrieval", "pipeline"}
"""Kinds that readers of older formats do not know."""


@dataclass(frozen=True, slots=True)
class File(JsonDataclass):
    """One file of a version."""

    sha256: str
    """64 digits of hex, in lower case: it becomes a path."""
    size: int

    def __post_init__(self) -> None:
        """Check digest and size; raises `IntegrityError`."""
        if not _DIGEST.fullmatch(self.sha256):
            raise IntegrityError(f"{self.sha256[:80]!r} is no SHA-256 in hex")
        if self.size < 0:
            raise IntegrityError(f"{self.size} is no size in bytes")


@dataclass(frozen=True, slots=True)
class Variant(JsonDataclass):
    """One ONNX file of a version, with its measurements."""

    name: str
    file: str
    metrics: Mapping[str, Any] = field(default_factory=dict)
    data: tuple[str, ...] | None = None
    """Files beside the graph with its weights, which the runtime maps into memory."""
    optimized: bool | None = None
    """Whether the graph was optimised before, so that the start need not do it."""
    graphs: Mapping[str, str] | None = None
    """Of a pipeline: the graph's file of each step; `file` is the first step's."""

    def __post_init__(self) -> None:
        """Take JSON's list for the names; raises `IntegrityError`."""
        if self.data is not None:
            set_frozen_field(self, "data", tuple(self.data))
        for name in (self.name, *self.files):
            check_file_name(name)
        for name in (self.file, *(self.graphs or {}).values()):
            if PurePosixPath(name).suffix not in GRAPHS:
                raise IntegrityError(
                    f"{name!r} is no graph: the file of a variant ends in "
                    f"{' or '.join(GRAPHS)}"
                )

    @property
    def files(self) -> tuple[str, ...]:
        """The names of all files that are needed to run it."""
        graphs = (self.graphs or {}).values()
        return tuple(dict.fromkeys((self.file, *graphs, *(self.data or ()))))


@dataclass(frozen=True, slots=True)
class Manifest(JsonDataclass):
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
    format: int = 1
    steps: tuple[Step, ...] | None = None
    """For the kind pipeline."""
    encryption: Encryption | None = None
    """How the files are encrypted, of which `files` then has the encrypted digests."""

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
            set_frozen_field(self, "signature", Signature.from_json(self.signature))
        if isinstance(self.encryption, Mapping):
            set_frozen_field(self, "encryption", Encryption.from_json(self.encryption))
        is_newest = self.kind in _FORMAT_5 or self.encryption is not None
        least = 5 if is_newest else self.signature.format
        set_frozen_field(self, "format", max(self.format, least))
        if self.steps is not None:
            set_frozen_field(self, "steps", from_json_list(Step, self.steps))
        set_frozen_field(self, "variants", from_json_list(Variant, self.variants))
        files = {
            name: File.from_json(item) if isinstance(item, Mapping) else item
            for name, item in self.files.items()
        }
        set_frozen_field(self, "files", files)
        self.variant(self.default_variant)
        _check_threshold(self)
        _check_kind(self)
        _check(self)

    @property
    def reference(self) -> str:
        """The version's name, ``model@number``."""
        return f"{self.model}@{self.version}"

    @property
    def needed_files(self) -> tuple[str, ...]:
        """The files that an answer takes beside the graphs, whatever the variant."""
        steps = (name for step in self.steps or () for name in step.files)
        return tuple(dict.fromkeys((*self.signature.files, *steps)))

    def start_files(self) -> Mapping[str, int]:
        """Return what a start of the default variant fetches: size by digest, suffix.

        At most `MAX_START_FILES`, because every later entry of the ledger repeats them.
        """
        variant = self.variant(self.default_variant)
        golden = (self.golden,) if self.golden else ()
        names = (*variant.files, *golden, *self.needed_files)
        return {
            self.files[name].sha256 + PurePosixPath(name).suffix: self.files[name].size
            for name in names[:MAX_START_FILES]
        }

    def variant(self, name: str) -> Variant:
        """Return the variant of that name; raises `IntegrityError`."""
        for variant in self.variants:
            if variant.name == name:
                return variant
        raise IntegrityError(f"{self.reference} has no variant {name!r}")

    def memory_bytes(self, variant: Variant) -> int:
        """Return the estimated memory of an open variant, in bytes.

        This is the value measured in training, or twice the size of its files: the
        weights in the file and the runtime's copy. A language model's cache is added
        whole: it was measured with short answers, and takes memory as it fills.
        """
        text = self.signature.text
        cache = 0 if text is None else text.cache_bytes
        measured = variant.metrics.get("memory_bytes")
        if isinstance(measured, int):
            return measured + cache
        names = (*variant.files, *self.needed_files)
        return 2 * sum(self.files[name].size for name in names) + cache

    def check_plain(self) -> None:
        """Raise `NoKeyError` if the files are encrypted."""
        if self.encryption is not None:
            raise NoKeyError(
                f"{self.reference} is encrypted with the key {self.encryption.key}: "
                f"hotseat model decrypt {self.reference} --into FOLDER --decrypt-keys "
                "KEY writes its files in the clear, for verbs that need them so"
            )

    @classmethod
    def from_bytes(cls, data: bytes, what: str) -> "Manifest":
        """Read a manifest object called `what`; raises `IntegrityError`."""
        value = read_checksummed(data, what)
        try:
            return cls.from_json(value)
        except IntegrityError as error:
            raise IntegrityError(f"{what}: {error}") from None

    def to_bytes(self) -> bytes:
        """Return the bytes that are stored."""
        return write_checksummed(self.to_json())

    def content(self) -> bytes:
        """Return the part that is equal in all registries: no number, time, author."""
        kept = self.to_json()
        for name in ("version", "published_at", "published_by"):
            kept.pop(name, None)
        return to_bytes(kept)


def check_file_name(name: Any) -> str:
    """Return a file's or variant's name if it is plain; raises `IntegrityError`.

    It becomes a path in caches and archives, on any system.
    """
    plain = (
        isinstance(name, str)
        and 0 < len(name.encode("utf-8", "surrogatepass")) <= _NAME_BYTES
        and name.isprintable()
        and name not in {".", ".."}
        and PurePosixPath(name).name == name == PureWindowsPath(name).name
        and not name.endswith((".", " "))
    )
    if not plain:
        raise IntegrityError(f"{str(name)[:80]!r} is no plain file name")
    return str(name)


def _check_threshold(manifest: Manifest) -> None:
    """Raise `IntegrityError` for a threshold that no answer can follow."""
    at = manifest.signature.label_threshold
    if at is None:
        return
    if manifest.kind != "classification" or len(manifest.signature.labels) != 2:
        raise IntegrityError("label_threshold is for the choice between two labels")
    if isinstance(at, bool) or not isinstance(at, int | float) or not 0 <= at <= 1:
        raise IntegrityError(f"label_threshold {at!r} is no probability")


def _check_kind(manifest: Manifest) -> None:
    """Raise `IntegrityError` unless kind, signature, steps and graphs agree."""
    if (manifest.kind == "retrieval") != (manifest.signature.retrieval is not None):
        raise IntegrityError("the kind retrieval and its record go together")
    if (manifest.kind == "pipeline") != (manifest.steps is not None):
        raise IntegrityError("the kind pipeline and its steps go together")
    if manifest.steps is not None:
        signature = manifest.signature
        if len(signature.inputs) != 1 or len(signature.labels) not in {0, 2}:
            raise IntegrityError("a pipeline has one input, and two labels or none")
        pipelines.check(manifest.steps, signature.inputs[0].form)
    names = [step.name for step in manifest.steps or ()]
    for variant in manifest.variants:
        if sorted(variant.graphs or {}) != sorted(names):
            raise IntegrityError(
                f"variant {variant.name!r} has to name a graph for each step: "
                f"{', '.join(names) or 'it has none'}"
            )
        if names and variant.file != (variant.graphs or {})[names[0]]:
            raise IntegrityError("the file of a pipeline's variant is the first step's")


def _check(manifest: Manifest) -> None:
    """Raise `IntegrityError` unless names are plain and name what is there."""
    if manifest.version < 0:
        raise IntegrityError(f"version is a number from 1, not {manifest.version}")
    if len({variant.name for variant in manifest.variants}) < len(manifest.variants):
        raise IntegrityError("two variants have the same name")
    for name in manifest.files:
        check_file_name(name)
    if len({name.casefold() for name in manifest.files}) < len(manifest.files):
        raise IntegrityError("two names of files differ by case alone")
    if manifest.golden is not None:
        check_file_name(manifest.golden)
    if manifest.published_at is not None:
        parse_time(manifest.published_at)
    if manifest.version:
        check_files(manifest, manifest.files)


def check_files(manifest: Manifest, files: Iterable[str]) -> None:
    """Raise `IntegrityError` for a file that is missing or of another format.

    `files` are the names of all that there is.
    """
    there = set(files)
    named = {name for variant in manifest.variants for name in variant.files}
    named |= {manifest.golden} if manifest.golden else set()
    named |= set(manifest.needed_files)
    if missing := named - there:
        raise IntegrityError(
            f"{manifest.model}: it names {min(missing)!r}, and there is no such file"
        )
    # plain numbers, which the runtime maps and nothing executes
    weights = {name for variant in manifest.variants for name in variant.data or ()}
    retrieval = manifest.signature.retrieval
    if retrieval is not None:
        weights.add(retrieval.vectors)
    for name in sorted(there - weights):
        if PurePosixPath(name).suffix not in SUFFIXES:
            raise IntegrityError(
                f"{name[:80]}: only {', '.join(SUFFIXES)} may be in a version, because "
                "no other format is known to carry no code; weights that a graph has "
                "beside it are named by their variant's `data`"
            )

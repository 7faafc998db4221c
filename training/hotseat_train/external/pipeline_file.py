"""The file that describes a pipeline: TOML or JSON, read strictly."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hotseat_registry.errors import IntegrityError
from hotseat_registry.signature import Image
from hotseat_registry.steps import REGIONS, TRANSCRIPTION, Regions
from hotseat_train.external.errors import SourceError

SUFFIXES = (".toml", ".json")
_IMAGE = {
    "width", "height", "multiple", "channels", "scale", "mean", "deviation", "filter",
    "layout",
}  # fmt: skip
_REGIONS = {"threshold", "box_threshold", "growth", "most"}
_TEXT = {"characters", "least_width", "least_probability"}
_KEYS: Mapping[str, set[str]] = {
    REGIONS: {"name", "kind", "from", "graph"} | _IMAGE | _REGIONS,
    TRANSCRIPTION: {"name", "kind", "from", "graph"} | _IMAGE | _TEXT,
    "": {"name", "from", "version", "variant", "flags", "threshold"},
}
"""The keys of a step by its kind; without one, it is a published version."""
_TOP = {"model", "labels", "input", "max_bytes", "max_pixels", "steps"}


@dataclass(frozen=True, slots=True)
class StepEntry:
    """One ``[[steps]]`` of the file."""

    name: str
    kind: str
    """regions or transcription; empty: that of a published version."""
    source: str = ""
    graph: Path | None = None
    version: str = ""
    """A published version: NAME@NUMBER or NAME#ALIAS."""
    variant: str | None = None
    image: Image | None = None
    regions: Regions | None = None
    characters: Path | None = None
    """A text file with a character a line. None: the graph's metadata has them."""
    least_width: int = 1
    least_probability: float = 0.5
    flags: tuple[str, ...] = ()
    threshold: float = 0.5


@dataclass(frozen=True, slots=True)
class PipelineFile:
    """The file of a pipeline."""

    model: str | None
    labels: tuple[str, ...]
    steps: tuple[StepEntry, ...]
    form: str = "image"
    """The input's form: image or text."""
    max_bytes: int | None = None
    max_pixels: int | None = None


def is_pipeline(path: Path) -> bool:
    """Return whether a file is the description of a pipeline."""
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return False
    try:
        return "steps" in _document(path)
    except SourceError:
        return False


def read(path: Path) -> PipelineFile:
    """Read the file; raises `SourceError` that names the key at fault.

    Paths in it are relative to it.
    """
    document = _document(path)
    _known(document, _TOP, path.name)
    entries = document.get("steps")
    if not isinstance(entries, list) or not entries:
        raise SourceError(f"{path.name}: expected a list of one or more steps")
    names = [one.get("name") for one in entries if isinstance(one, dict)]
    for name in names:
        if names.count(name) > 1:
            raise SourceError(f"{path.name}: each step needs a name of its own: {name}")
    form = document.get("input", "image")
    if form not in {"image", "text"}:
        raise SourceError(f"{path.name}: input is image or text, not {form!r}")
    labels = _strings(document.get("labels", []), f"{path.name}: labels")
    max_pixels = _optional(document, "max_pixels", int, path.name)
    return PipelineFile(
        _optional(document, "model", str, path.name),
        labels,
        tuple(
            _step(entry, path, f"{path.name}: step {at + 1}", max_pixels)
            for at, entry in enumerate(entries)
        ),
        form,
        _optional(document, "max_bytes", int, path.name),
        max_pixels,
    )


def _document(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8")
        toml = path.suffix.lower() == ".toml"
        found = tomllib.loads(text) if toml else json.loads(text)
    except (OSError, ValueError) as error:
        raise SourceError(f"{path.name} cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise SourceError(f"{path.name}: expected an object with steps")
    return found


def _step(entry: Any, path: Path, where: str, max_pixels: int | None) -> StepEntry:
    if not isinstance(entry, dict):
        raise SourceError(f"{where}: expected a table")
    kind = entry.get("kind", "")
    if kind not in _KEYS:
        raise SourceError(
            f"{where}: kind is {REGIONS} or {TRANSCRIPTION}, not {kind!r}; a step "
            "without kind names a published version"
        )
    _known(entry, _KEYS[kind], where)
    name = _optional(entry, "name", str, where)
    if not name:
        raise SourceError(f"{where}: it needs a name")
    source = _optional(entry, "from", str, where) or ""
    if not kind:
        version = _optional(entry, "version", str, where)
        if not version:
            raise SourceError(
                f"{where}: it needs a version (NAME@NUMBER or NAME#ALIAS), or a kind "
                "and a graph"
            )
        return StepEntry(
            name, "", source, version=version,
            variant=_optional(entry, "variant", str, where),
            flags=_strings(entry.get("flags", []), f"{where}: flags"),
            threshold=_number(entry, "threshold", 0.5, where),
        )  # fmt: skip
    graph = _optional(entry, "graph", str, where)
    if graph is None:
        raise SourceError(f"{where}: it needs a graph, the path of an ONNX file")
    characters = _optional(entry, "characters", str, where)
    return StepEntry(
        name, kind, source, graph=path.parent / graph,
        image=_image(entry, where, max_pixels),
        regions=_regions(entry, where) if kind == REGIONS else None,
        characters=None if characters is None else path.parent / characters,
        least_width=_optional(entry, "least_width", int, where) or 1,
        least_probability=_number(entry, "least_probability", 0.5, where),
    )  # fmt: skip


def _image(entry: Mapping[str, Any], where: str, max_pixels: int | None) -> Image:
    given = {key: entry[key] for key in _IMAGE & entry.keys()}
    for key in ("width", "height"):
        if key not in given:
            raise SourceError(f"{where}: it needs a {key} in pixels")
    given.setdefault("multiple", 1)
    if max_pixels is not None:
        given["max_pixels"] = max_pixels
    try:
        return Image.from_json(given)
    except IntegrityError as error:
        raise SourceError(f"{where}: {error}") from None


def _regions(entry: Mapping[str, Any], where: str) -> Regions:
    try:
        return Regions.from_json({key: entry[key] for key in _REGIONS & entry.keys()})
    except IntegrityError as error:
        raise SourceError(f"{where}: {error}") from None


def _known(entry: Mapping[str, Any], known: set[str], where: str) -> None:
    if unknown := sorted(entry.keys() - known):
        raise SourceError(
            f"{where}: unknown key {unknown[0]!r}; it takes {', '.join(sorted(known))}"
        )


def _number(entry: Mapping[str, Any], key: str, default: float, where: str) -> float:
    found: float | None = _optional(entry, key, float, where)
    return default if found is None else found


def _optional(entry: Mapping[str, Any], key: str, kind: type, where: str) -> Any:
    value = entry.get(key)
    if value is None:
        return None
    whole = isinstance(value, int) and not isinstance(value, bool)
    fits = isinstance(value, kind) and not (kind is int and not whole)
    if not fits and not (kind is float and whole):
        words = {int: "a whole number", float: "a number", str: "a text"}[kind]
        raise SourceError(f"{where}: {key} is {words}, not {value!r}")
    return value


def _strings(values: Any, where: str) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
        raise SourceError(f"{where} is a list of texts")
    return tuple(values)

"""A version's description from the service, validated as untrusted input.

Manifest and signature formats are the registry's (docs/reference/registry.md).
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hotseat._device import boards
from hotseat.errors import ConfigError, TransportError

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?"
_REFERENCE = re.compile(rf"({_NAME})(?:([@#])({_NAME}))?")
_FILE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
KINDS = (
    "classification", "multilabel", "regression", "embedding", "policy", "tensor",
    "text",
)  # fmt: skip
FORMS = ("text", "features", "board", "tensor", "array", "tokens", "image")
_FORMAT, _FORMAT_OF_THRESHOLDS, _FORMAT_OF_TEXTS = 2, 4, 5
LARGEST = 8 << 30
"""Maximum bytes of a version on a device; a larger size is an error."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A model, and its number or alias, as text."""

    model: str
    version: str

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """Read ``model#alias``, ``model@3`` or ``model``; raises `ConfigError`."""
        match = _REFERENCE.fullmatch(text)
        if not match or (match[2] == "@" and not match[3].isdigit()):
            raise ConfigError(
                f"{text!r} is not a version: write connect-four#live or connect-four@3"
            )
        return cls(match[1], match[3] or "live")


@dataclass(frozen=True, slots=True)
class File:
    """One file of a version."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Bundle:
    """A version as described by the service."""

    document: Mapping[str, Any]
    requested_as: str
    """The name in the URL; the name of a route may differ from its model's name."""
    model: str
    version: int
    kind: str
    signature: Mapping[str, Any]
    variant: str
    graph: str
    optimized: bool
    golden: str | None
    files: tuple[File, ...]
    """All files needed to run and verify the version."""

    @classmethod
    def read(cls, document: Mapping[str, Any], requested_as: str) -> "Bundle":
        """Read a version's description; raises `TransportError`, `ConfigError`."""
        try:
            manifest = document["manifest"]
            variant = next(
                v for v in manifest["variants"] if v["name"] == document["variant"]
            )
            golden = manifest.get("golden")
            names = [variant["file"], *(variant.get("data") or ())]
            names += [golden] if golden else []
            tokens = [item.get("tokens") for item in manifest["signature"]["inputs"]]
            names += dict.fromkeys(str(one["file"]) for one in tokens if one)
            if manifest["kind"] == "text":
                names.append(manifest["signature"]["text"]["tokenizer"])
            files = tuple(_file(name, manifest["files"][name]) for name in names)
            bundle = cls(
                document,
                requested_as,
                str(manifest["model"]),
                _number(manifest["version"]),
                str(manifest["kind"]),
                manifest["signature"],
                str(variant["name"]),
                variant["file"],
                bool(variant.get("optimized")),
                golden,
                files,
            )
            newer = manifest["format"] > _newest(bundle)
            forms = {str(item["form"]) for item in bundle.signature["inputs"]}
        except (KeyError, TypeError, ValueError, AttributeError, StopIteration):
            raise TransportError("the response does not describe a version") from None
        bundle._check(newer, forms)
        return bundle

    def _check(self, newer: bool, forms: set[str]) -> None:
        """Raise `ConfigError` if this SDK cannot run the version."""
        rules = self.signature.get("rules")
        size = sum(file.size for file in self.files)
        why = ""
        if newer:
            why = "it has a newer format: update hotseat"
        elif self.kind not in KINDS:
            why = f"only the service runs models of kind {self.kind!r}"
        elif unknown := forms - set(FORMS):
            why = f"only the service reads inputs of form {min(unknown)!r}"
        elif rules is not None and str(rules) not in boards.GAMES:
            why = f"this SDK does not have the rules of {rules!r}"
        elif size > LARGEST:
            why = f"it has {size:,} bytes; the limit is {LARGEST:,}"
        if why:
            raise ConfigError(f"{self.name} cannot run on this device: {why}")

    @property
    def name(self) -> str:
        """The version's name, ``model@3``."""
        return f"{self.model}@{self.version}"

    def content(self) -> bytes:
        """Return the signed part of the manifest: without number, time and author."""
        left_out = {"version", "published_at", "published_by", "seal"}
        signed = {
            k: v for k, v in self.document["manifest"].items() if k not in left_out
        }
        text = json.dumps(signed, ensure_ascii=False, indent=1, sort_keys=True)
        return text.encode() + b"\n"


def check_digest(path: Path, file: File) -> None:
    """Raise `TransportError`, and remove the file, unless its digest matches."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as opened:
            while piece := opened.read(1 << 20):
                digest.update(piece)
    except OSError as error:
        raise TransportError(f"{path} cannot be read: {error.strerror}") from None
    if digest.hexdigest() != file.sha256:
        path.unlink(missing_ok=True)
        raise TransportError(f"{file.name}: the content does not match the digest")


def _newest(bundle: Bundle) -> int:
    """Return the newest format that this SDK reads of such a version."""
    if bundle.kind == "text":
        return _FORMAT_OF_TEXTS
    inputs = bundle.signature["inputs"]
    if any(item.get("fields") for item in inputs):  # dates and lists are format 3
        return _FORMAT
    has_threshold = bundle.signature.get("label_threshold") is not None
    return _FORMAT_OF_THRESHOLDS if has_threshold else _FORMAT


def _number(version: object) -> int:
    if type(version) is not int or version < 1:
        raise ValueError(version)
    return version


def _file(name: str, described: Mapping[str, Any]) -> File:
    sha256, size = described["sha256"], described["size"]
    if not (_FILE.fullmatch(name) and _DIGEST.fullmatch(sha256)):
        raise ValueError(name)
    if name.endswith((".", ".part")) or type(size) is not int or size < 0:
        raise ValueError(name)  # the name of an incomplete file
    return File(name, sha256, size)

"""Leaves out examples whose answers a moderation version flags."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hotseat_registry import LIVE, Manifest, Reference, Registry
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_serve.runtime.loader import load, open_variant
from hotseat_serve.settings import Settings
from hotseat_train.errors import DatasetError
from hotseat_train.language.examples import Example

PACKAGED = Path(__file__).parents[1] / "trained" / "chat-moderation"
_ROWS = 64
_OPEN_S = 60


@dataclass(frozen=True, slots=True)
class Judge:
    """A version that flags texts, by its own operating point."""

    name: str
    flags: Callable[[Sequence[str]], list[bool]]


def packaged(folder: Path = PACKAGED) -> Judge | None:
    """Return the chat moderation that comes with the package; None without it."""
    if not (folder / "manifest.json").is_file():
        return None
    document = json.loads((folder / "manifest.json").read_text("utf-8"))
    manifest = Manifest.from_json({**document, "version": 0, "files": {}})
    paths = {"graph": next(folder.glob("model.*.onnx"))}
    loaded = open_variant(manifest, manifest.default_variant, paths, 1, _OPEN_S)
    return judge(loaded, f"the packaged {manifest.model}")


def of_registry(registry: Registry, reference: str) -> Judge:
    """Return a version of a registry, ``model``, ``model#alias`` or ``model@3``.

    Raises `RegistryError`, and `DatasetError` for one that cannot flag a text.
    """
    named = Reference.parse(reference)
    if named.alias is None and named.version is None:
        named = Reference(named.model, alias=LIVE)
    loaded = load(registry, named, Settings())
    return judge(loaded, loaded.manifest.reference)


def judge(loaded: LoadedModel, name: str) -> Judge:
    """Return a judge: a text with another label than the neutral one is flagged.

    Raises `DatasetError` for a version without a neutral label.
    """
    neutral = loaded.manifest.signature.neutral_label
    if neutral is None:
        raise DatasetError(
            f"{name} has no neutral label: name a classification with one, or none"
        )

    def flags(texts: Sequence[str]) -> list[bool]:
        found = []
        for at in range(0, len(texts), _ROWS):
            rows = [{"text": text} for text in texts[at : at + _ROWS]]
            found += [one.get("label") != neutral for one in loaded.predict(rows)]
        return found

    return Judge(name, flags)


def unflagged(examples: Sequence[Example], by: Judge) -> tuple[Example, ...]:
    """Return the examples whose answers pass; a request is what a player may say."""
    flags = by.flags([each.answer for each in examples])
    return tuple(e for e, flag in zip(examples, flags, strict=True) if not flag)

"""Publishes the models of the playground to a registry in a folder.

All of them lie in the package: three that were trained at length, and a small one of
made-up players, because the data of real ones are for research only. Two have a second
version, to promote and roll back while playing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hotseat_registry import Level, Manifest, Reference, archive, open_registry

FOLDER = Path(__file__).parent
PRETRAINED = FOLDER.parent / "trained"
CHURN = FOLDER / "made_up_churn"
_BY = "the playground"


def publish(registry_uri: str) -> None:
    """Publish all models and promote the first version of each."""
    registry = open_registry(registry_uri)
    for folder, changes in (
        (PRETRAINED / "connect-four", ({}, {"levels": STRONGER})),
        (PRETRAINED / "chat-moderation", ({},)),
        (PRETRAINED / "sokoban-levels", ({},)),
        (CHURN / "1", ({},)),
        (CHURN / "2", ({},)),
    ):
        for change in changes:
            manifest = _manifest(folder, change)
            files = {
                name: folder / name for name in _files(manifest) if name is not None
            }
            published = registry.publish(manifest, files, by=_BY)
            if published.version == 1:
                registry.promote(
                    Reference(manifest.model, version=1), by=_BY, because="the start"
                )


def bring(registry_uri: str, source_uri: str, references: Sequence[str]) -> None:
    """Copy versions of another registry and promote them, such as a text model.

    Raises `RegistryError`.
    """
    source, target = open_registry(source_uri), open_registry(registry_uri)
    for text in references:
        manifest = source.resolve(Reference.parse(text))
        source.check_trust(manifest)
        brought = archive.copy(manifest, source, target, by=_BY)
        target.promote(
            Reference(brought.model, version=brought.version), by=_BY, because=text
        )


STRONGER = {
    "easy": Level(simulations=0, temperature=1.2),
    "medium": Level(simulations=0, temperature=0.4),
    "hard": Level(simulations=16, temperature=0.0),
    "expert": Level(simulations=128, temperature=0.0),
    "best": Level(simulations=2000, temperature=0.0),
}
"""The levels of Connect Four's second version: all but the last one play better."""


def _manifest(folder: Path, change: Mapping[str, Any]) -> Manifest:
    value = json.loads((folder / "manifest.json").read_text("utf-8"))
    value.pop("checksum", None)
    manifest = Manifest.from_json(value)
    return replace(manifest, signature=replace(manifest.signature, **change))


def _files(manifest: Manifest) -> set[str | None]:
    return {
        manifest.golden,
        *(name for variant in manifest.variants for name in variant.files),
    }

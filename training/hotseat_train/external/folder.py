"""A version in a plain folder: its files, and its manifest as ``hotseat.json``.

`publish` reads such a folder back without a question, because the manifest has the
whole signature.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from hotseat_registry import Manifest, graph
from hotseat_registry.cache import describe
from hotseat_registry.checksummed_json import to_bytes
from hotseat_registry.errors import IntegrityError
from hotseat_registry.manifest import File
from hotseat_registry.names import check_name
from hotseat_serve.runtime import loader
from hotseat_train.external.description import Description
from hotseat_train.external.errors import SourceError
from hotseat_train.external.publish import Prepared

MANIFEST = "hotseat.json"
_CARD = "README.md"
_OPEN_S = 600


def write(manifest: Manifest, files: Mapping[str, Path], folder: Path) -> None:
    """Write a version's files, manifest and card to a new or empty folder.

    Raises `SourceError` if there is anything in it.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SourceError(f"{folder} is not empty: name another folder (--out)")
    folder.mkdir(parents=True, exist_ok=True)
    for name, path in files.items():
        shutil.copyfile(path, folder / name)
    (folder / MANIFEST).write_bytes(to_bytes(manifest.to_json()))
    (folder / _CARD).write_text(manifest.card or f"# {manifest.reference}\n", "utf-8")


def holds_version(path: Path) -> bool:
    """Return whether a folder has a version's manifest."""
    return path.is_dir() and (path / MANIFEST).exists()


def read(folder: Path, model: str | None = None) -> Prepared:
    """Return the version of a folder, to publish as the next one of `model`.

    Every file is compared with its digest, and every variant answers the golden rows.
    Raises `SourceError` for a file that changed or is missing, and for an answer that
    differs.
    """
    try:
        document = json.loads((folder / MANIFEST).read_bytes())
        manifest = Manifest.from_json(document)
        files = {
            name: _checked(folder / name, of) for name, of in manifest.files.items()
        }
        _open(manifest, files)
    except (ValueError, IntegrityError) as error:
        raise SourceError(
            f"{folder / MANIFEST}: {error}; remove it to describe the graph anew"
        ) from None
    manifest = replace(
        manifest, model=check_name(model or manifest.model), version=0, files={},
        published_at=None, published_by=None,
    )  # fmt: skip
    notes = (f"{MANIFEST} describes the version; remove it to describe the graph anew",)
    described = Description(manifest.kind, manifest.signature, notes)
    return Prepared(manifest, files, described, random=False)


def _checked(path: Path, file: File) -> Path:
    """Return the path of an exported file; raises `IntegrityError`."""
    if not path.is_file():
        raise IntegrityError(f"the file {path.name!r} is missing")
    if describe(path) != file:
        raise IntegrityError(f"the file {path.name!r} changed after the export")
    return path


def _open(manifest: Manifest, files: Mapping[str, Path]) -> None:
    """Open each variant and compare its answers; raises `IntegrityError`."""
    for variant in manifest.variants:
        graphs = [variant.file, *(variant.graphs or {}).values()]
        for name in graphs:
            graph.check(files[name], manifest.files)
        paths = {name: files[name] for name in (*graphs, *manifest.needed_files)}
        paths["graph"] = files[variant.file]
        if manifest.golden:
            paths["golden"] = files[manifest.golden]
        loader.open_variant(manifest, variant.name, paths, 1, _OPEN_S)

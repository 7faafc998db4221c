"""The files that a variant takes: checked, decrypted, weights beside their graph."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from hotseat_registry import Manifest, graph
from hotseat_registry.cache import TOGETHER
from hotseat_registry.manifest import Variant
from hotseat_serve.settings import Settings

if TYPE_CHECKING:
    from hotseat_registry.encrypted_file import EncryptedFile
    from hotseat_registry.encrypted_version import Decrypted

    VersionFile = Path | EncryptedFile


def decrypt(
    manifest: Manifest, paths: Mapping[str, Path], settings: Settings
) -> "Decrypted | None":
    """Decrypt the files of an encrypted version in memory; raises `RegistryError`."""
    if manifest.encryption is None:
        return None
    # late: of most versions nothing is encrypted
    from hotseat_registry import encrypted_version, wrapping_keys

    places = wrapping_keys.split(settings.decrypt_keys)
    return encrypted_version.decrypt(manifest, paths, places)


def files_to_open(
    manifest: Manifest,
    variant: Variant,
    paths: Mapping[str, Path],
    decrypted: "Decrypted | None",
    folder: Path,
) -> "dict[str, VersionFile]":
    """Check the graphs, and return what `loader.open_variant` takes.

    In `folder` weights are linked beside their graph. Raises `IntegrityError`.
    """
    files: Mapping[str, VersionFile] = paths if decrypted is None else decrypted.files
    for name in paths:
        if name.endswith((".onnx", ".ort")):
            graph.check(files[name], manifest.files)
    found: dict[str, VersionFile]
    if decrypted is None:
        found = {**_graphs(variant, paths, folder)}
    else:
        found = {"graph": files[variant.file]}
        found |= {name: files[name] for name in variant.files}
    if manifest.golden:
        found["golden"] = files[manifest.golden]
    return found | {name: files[name] for name in manifest.needed_files}


def _graphs(
    variant: Variant, paths: Mapping[str, Path], folder: Path
) -> dict[str, Path]:
    """Return the paths of ``graph`` and, by their names, of a pipeline's graphs."""
    graph = _link_weights(variant, paths, folder)
    linked = graph != paths[variant.file]
    return {"graph": graph} | {
        name: graph.with_name(name) if linked else paths[name]
        for name in (variant.graphs or {}).values()
    }


def _link_weights(variant: Variant, paths: Mapping[str, Path], folder: Path) -> Path:
    """Link graphs and weights in one folder under their own names; return the path.

    The cache names files by digest, but a graph refers to its weights by name.
    """
    graph = paths[variant.file]
    if not variant.data:
        return graph
    if all(paths[name] == graph.with_name(name) for name in variant.files):
        return graph  # a baked version: they lie together already
    linked_folder = folder / TOGETHER / graph.stem
    linked_folder.mkdir(parents=True, exist_ok=True)
    for name in variant.files:
        place, temporary = (
            linked_folder / name,
            linked_folder / f".{os.getpid()}-{name}",
        )
        with suppress(FileNotFoundError):
            if place.samefile(paths[name]):
                continue
        try:
            os.link(paths[name], temporary)  # the same bytes: nothing is copied
        except OSError:  # another file system, or one without links
            import shutil  # late: it brings every format of archives

            shutil.copyfile(paths[name], temporary)
        temporary.replace(place)
    return linked_folder / variant.file

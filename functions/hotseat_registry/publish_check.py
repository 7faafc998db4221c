"""What is refused before anything of a version is stored."""

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath

from hotseat_registry import graph, signature_check
from hotseat_registry.errors import BadNameError, IntegrityError
from hotseat_registry.manifest import (
    GRAPHS,
    SUFFIXES,
    Manifest,
    check_file_name,
)


def check_free(model: str, names: Iterable[str]) -> None:
    """Raise `BadNameError` for a name that another differs from by case alone."""
    for name in names:
        if name != model and name.casefold() == model.casefold():
            raise BadNameError(
                f"{model!r} differs from the model {name!r} by case alone: publish it "
                f"as {name!r}, or give it another name"
            )


def check_files(manifest: Manifest, files: Mapping[str, Path]) -> None:
    """Raise `IntegrityError` for a file that is missing or may not be in a version.

    Graphs have to be such as may be served, and to fit the signature.
    """
    named = {name for variant in manifest.variants for name in variant.files}
    named |= {manifest.golden} if manifest.golden else set()
    if missing := named - set(files):
        raise IntegrityError(f"{manifest.model}: no file {min(missing)!r} was given")
    # plain numbers, which the runtime maps and nothing executes
    weights = {name for variant in manifest.variants for name in variant.data or ()}
    for name in files:
        check_file_name(name)
        if PurePath(name).suffix not in SUFFIXES and name not in weights:
            raise IntegrityError(
                f"{name}: only {', '.join(SUFFIXES)} may be in a version, because no "
                "other format is known to carry no code; weights that a graph has "
                "beside it are named by their variant's `data`"
            )
    graphs = {variant.file for variant in manifest.variants}
    for name, path in files.items():
        if PurePath(name).suffix in GRAPHS:
            found = graph.check(path, files)
            if found is not None and name in graphs:
                signature_check.check(manifest, found.inputs, found.outputs)

"""A stage held against its registry, before anything is deployed."""

from pathlib import Path

from hotseat_infra.deployment import DeploymentError, Model, Stage
from hotseat_registry import Manifest, Reference, Registry
from hotseat_registry.errors import RegistryError

_PYTHON_MB = 150
"""What the interpreter and the runtime take before any version is open."""
_TMP_BYTES = 512_000_000
_IMAGE_BYTES = 10_000_000_000


def check(stage: Stage, registry: Registry) -> dict[str, Manifest]:
    """Return the version each model serves now; raises `DeploymentError`.

    A model or version has to be there and, where the registry has trusted keys, signed;
    it has to fit the function's memory, and its image or temporary folder.
    """
    found = {}
    for name, model in stage.models.items():
        where = f"stages.{stage.name}.models.{name}"
        static = model.mode == "static"
        reference = (
            Reference(name, version=model.version)
            if static
            else Reference(name, alias=model.alias)
        )
        try:
            manifest = registry.resolve(reference)
            if static:
                registry.check_trust(manifest)
        except RegistryError as error:
            raise DeploymentError(f"{where}: {error}") from error
        _fits(model, manifest, where)
        found[name] = manifest
    return found


def keys(stage: Stage, folder: Path) -> str:
    """Return the paths of the keys that a stage trusts, separated by commas.

    Raises `DeploymentError` for one that the image would not hold.
    """
    for key in stage.trust:
        if not (folder / key).is_file():
            raise DeploymentError(
                f"stages.{stage.name}.trust: no {folder / key}: put the public key "
                "there"
            )
    return ",".join(str(folder / key) for key in stage.trust)


def _fits(model: Model, manifest: Manifest, where: str) -> None:
    variant = manifest.variant(model.variant or manifest.default_variant)
    files = sum(manifest.files[name].size for name in variant.files)
    # the weights as the file has them and as the runtime arranges them
    needed = _PYTHON_MB + 2 * files / 1e6
    if needed > model.memory_mb:
        raise DeploymentError(
            f"{where}: {manifest.reference} ({variant.name}) takes about "
            f"{needed:.0f} MB; memory_mb is {model.memory_mb}"
        )
    room = _IMAGE_BYTES if model.mode == "static" else _TMP_BYTES
    if files > room:
        raise DeploymentError(
            f"{where}: {manifest.reference} has {files:,} bytes; there is room for "
            f"{room:,}"
        )

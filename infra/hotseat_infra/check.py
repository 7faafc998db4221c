"""A stage held against its registry, before anything is deployed."""

from pathlib import Path

from hotseat_infra.deployment import DeploymentError, Model, Stage
from hotseat_registry import Manifest, Reference, Registry, open_registry
from hotseat_registry.audit import audit
from hotseat_registry.errors import RegistryError
from hotseat_registry.trust import Trust

_PYTHON_MB = 150
"""What the interpreter and the runtime take before any version is open."""
_TMP_BYTES = 512_000_000
_IMAGE_BYTES = 9_000_000_000
"""Of Lambda's 10 GB, with room for the base and the packages."""


def check(stage: Stage, registry: Registry) -> dict[str, Manifest]:
    """Return the version each model serves now; raises `DeploymentError`.

    A model or version has to be there and, where the registry has trusted keys, signed;
    it has to fit the function's memory, and its image or temporary folder.
    """
    found = {}
    for name, model in stage.models.items():
        where = f"stages.{stage.name}.models.{name}"
        try:
            manifest = registry.resolve(_served(name, model))
            registry.check_trust(manifest)
        except RegistryError as error:
            raise DeploymentError(f"{where}: {error}") from error
        fits(model, manifest, where)
        found[name] = manifest
    return found


def check_baked(stage: Stage, functions: Path) -> None:
    """Hold what `hotseat bake` wrote against the stage's static deployments.

    `functions` is the folder that the image is built of. Needs no registry, so every
    `cdk deploy` does it. Raises `DeploymentError` when a version is not there, is
    another one, is damaged, or none of the stage's keys signed it.
    """
    trust = trusted(stage, functions / "trust")
    for name, model in stage.models.items():
        if model.mode != "static":
            continue
        where = f"stages.{stage.name}.models.{name}"
        wanted = Reference(name, version=model.version)
        again = f"hotseat bake {wanted}"
        folder = functions / "baked" / name
        registry = open_registry(str(folder), trust=trust) if folder.is_dir() else None
        there = registry.versions(name) if registry else []
        if registry is None or there != [model.version]:
            says = f"{name}@{there[0]}" if there else "nothing"
            raise DeploymentError(
                f"{where}: {folder} holds {says}, not {wanted}: remove it, then {again}"
            )
        try:
            manifest = registry.resolve(wanted)
            registry.check_trust(manifest)
            damage = audit(registry).damage
        except RegistryError as error:
            raise DeploymentError(f"{where}: {error}") from error
        if damage:
            raise DeploymentError(f"{where}: {damage[0]}; {again} anew")
        fits(model, manifest, where)


def measured(name: str, model: Model, registry: Registry) -> float:
    """Return the milliseconds of one prediction that the version served now shows.

    They were measured when it was published, on one core of that machine. Raises
    `DeploymentError` where there are none.
    """
    try:
        manifest = registry.resolve(_served(name, model))
        variant = manifest.variant(model.variant or manifest.default_variant)
    except RegistryError as error:
        raise DeploymentError(
            f"{error}: publish it, name its --registry, or say --ms yourself"
        ) from error
    found = variant.metrics.get("milliseconds")
    if not isinstance(found, int | float):
        raise DeploymentError(
            f"{manifest.reference} ({variant.name}) shows no measured milliseconds: "
            "say --ms yourself"
        )
    return float(found)


def _served(name: str, model: Model) -> Reference:
    if model.mode == "static":
        return Reference(name, version=model.version)
    return Reference(name, alias=model.alias)


def trusted(stage: Stage, folder: Path) -> Trust | None:
    """Return the keys that a stage trusts; raises as `keys` does."""
    return Trust.read(keys(stage, folder)) if stage.trust else None


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


def fits(model: Model, manifest: Manifest, where: str) -> None:
    """Raise `DeploymentError` where a version is too large for what it is given."""
    try:
        variant = manifest.variant(model.variant or manifest.default_variant)
    except RegistryError as error:
        raise DeploymentError(f"{where}.variant: {error}") from error
    files = sum(manifest.files[name].size for name in variant.files)
    # an image takes the whole version; a function fetches what it serves
    static = model.mode == "static"
    carried = sum(file.size for file in manifest.files.values()) if static else files
    room = _IMAGE_BYTES if static else _TMP_BYTES
    if carried > room:
        raise DeploymentError(
            f"{where}: {manifest.reference} has {carried:,} bytes; there is room for "
            f"{room:,} in {'an image' if static else 'the temporary folder'}"
        )
    # the weights as the file has them and as the runtime arranges them
    needed = _PYTHON_MB + 2 * files / 1e6
    if needed > model.memory_mb:
        raise DeploymentError(
            f"{where}: {manifest.reference} ({variant.name}) takes about "
            f"{needed:.0f} MB; memory_mb is {model.memory_mb}"
        )

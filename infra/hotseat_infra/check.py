"""Compare a stage with its registry and its images, before anything is deployed."""

from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import entry_points
from pathlib import Path
from typing import NoReturn

from hotseat_infra import zip_package
from hotseat_infra.deployment import DeploymentError, Model, Stage
from hotseat_infra.deployment.rules import MEMORY_MB, STORAGE_MB
from hotseat_infra.deployment.schema import TMP_MB, cache_bytes
from hotseat_infra.text_check import check_texts
from hotseat_registry import LIVE, Manifest, Reference, Registry, open_registry
from hotseat_registry.audit import audit
from hotseat_registry.errors import RegistryError, UntrustedError
from hotseat_registry.seen_heads import SeenHeads
from hotseat_registry.signed_ledger import SignedLedger
from hotseat_registry.trust import Trust, manifest_digest
from hotseat_serve.settings import PYTHON_BYTES

_IMAGE_BYTES = 9_000_000_000
"""Lambda's 10 GB less the base image and the packages."""


def check(stage: Stage, registry: Registry) -> dict[str, Manifest]:
    """Return the current version of each model; raises `DeploymentError`.

    Each model and version has to exist, to be signed if the registry has trusted keys,
    and to fit the function's memory and its image or temporary folder.
    """
    served = {}
    for name, model in stage.models.items():
        where = f"stages.{stage.name}.models.{name}"
        try:
            manifest = registry.resolve(_reference(name, model))
            registry.check_trust(manifest)
            if registry.trust and model.mode == "dynamic" and not stage.unsigned:
                _check_signed_head(registry, registry.trust, manifest)
        except RegistryError as error:
            raise DeploymentError(f"{where}: {error}") from error
        _check_encryption(stage, model, manifest, where)
        judge = _judge(model, manifest, registry, where)
        check_texts(model, manifest, judge, where)
        check_size(model, manifest, where, beside=judge)
        _check_rules(name, model, manifest, where)
        for answering in filter(None, (manifest, judge)):
            _check_preprocessing(answering.model, model, answering, where)
        served[name] = manifest
    return served


def _judge(
    model: Model, manifest: Manifest, registry: Registry, where: str
) -> Manifest | None:
    """Return the version that judges the texts of a version; None: there is none."""
    text = manifest.signature.text
    if text is None or not text.filter:
        return None
    named = Reference.parse(model.filter or text.filter)
    reference = Reference(named.model, alias=named.alias or LIVE)
    try:
        judge = registry.resolve(reference)
        registry.check_trust(judge)
    except RegistryError as error:
        raise DeploymentError(f"{where}.filter: {error}") from error
    return judge


def _check_encryption(
    stage: Stage, model: Model, manifest: Manifest, where: str
) -> None:
    """Raise `DeploymentError` for a version that its function cannot decrypt."""
    encryption = manifest.encryption
    if encryption is None:
        return
    if encryption.key not in stage.encryption_keys:
        way_out = (
            f"add it to stages.{stage.name}.encryption_keys"
            if encryption.key.startswith("arn:")
            else "a function has no key file, so publish it under a key in KMS"
        )
        raise DeploymentError(
            f"{where}: {manifest.reference} is encrypted with {encryption.key}, which "
            f"the stage's functions may not use: {way_out}"
        )
    if model.downloads:
        raise DeploymentError(
            f"{where}: {manifest.reference} is encrypted, and games cannot decrypt it: "
            "leave out downloads, or publish it without --encrypt"
        )


def _check_signed_head(registry: Registry, trust: Trust, manifest: Manifest) -> None:
    """Raise `RegistryError` unless the signed head names this version.

    It is read as a function would, but without the grace after its expiry.
    """
    seen = SeenHeads(None, registry.store.uri, trust.name)
    ledger = SignedLedger(
        registry.store, trust, registry.clock, seen=seen, grace=timedelta(0)
    )
    aliases = ledger.head(manifest.model).entry.aliases
    ledger.check_manifest(manifest.model, manifest.version, manifest_digest(manifest))
    if manifest.version not in aliases.values():
        raise UntrustedError(
            f"{manifest.reference} is not in the signed head of {manifest.model}: "
            f"hotseat model approve {manifest.model} --key KEY"
        )


def check_packages(stage: Stage, functions: Path) -> None:
    """Check that the packages of the stage's models are there as wheels.

    `functions` is the folder from which the image is built. Raises `DeploymentError`.
    """
    for name, model in stage.models.items():
        if not model.packages:
            continue
        where = f"stages.{stage.name}.models.{name}.packages"
        folder = functions / "packages" / model.packages
        if folder.parent != functions / "packages" or not any(folder.glob("*.whl")):
            raise DeploymentError(
                f"{where}: {folder} has no wheel: pip wheel --no-deps YOUR_PACKAGE "
                f"-w {folder}"
            )


def _check_rules(name: str, model: Model, manifest: Manifest, where: str) -> None:
    """Refuse a version whose rules the image would not have."""
    rules = manifest.signature.rules
    ours = {
        entry.name
        for entry in entry_points(group="hotseat.rules")
        if entry.value.startswith("hotseat_serve.")
    }
    if rules is not None and rules not in ours and not model.packages:
        raise DeploymentError(
            f"{where}: {name} has the rules {rules!r}, which are not Hotseat's own: "
            "put their wheel into functions/packages/NAME and set packages = NAME"
        )


def _check_preprocessing(
    name: str, model: Model, manifest: Manifest, where: str
) -> None:
    """Refuse a version whose texts or images the function could not read."""
    steps = (step.signature for step in manifest.steps or ())
    forms = {item.form for part in (manifest.signature, *steps) for item in part.inputs}
    if forms & {"tokens", "image"} and not model.preprocessing:
        raise DeploymentError(
            f"{where}: {name} has a tokenizer or reads images: set preprocessing = true"
        )


def check_images(stage: Stage, functions: Path) -> None:
    """Check all that the stage's functions are built from, in `functions`.

    The baked versions, the wheels of own rules, and the zip files. Raises
    `DeploymentError`.
    """
    check_baked(stage, functions)
    check_packages(stage, functions)
    check_zips(stage, functions)


def check_zips(stage: Stage, functions: Path) -> dict[str, int]:
    """Return the unzipped bytes of each zip file; raises `DeploymentError`."""
    return {
        name: zip_package.check(
            functions, name, model, f"stages.{stage.name}.models.{name}"
        )
        for name, model in stage.models.items()
        if model.package == "zip"
    }


def check_baked(stage: Stage, functions: Path) -> None:
    """Compare the baked versions with the stage's static deployments.

    `functions` is the folder from which the image is built. Needs no registry, so every
    `cdk deploy` does it. Raises `DeploymentError` if a version is missing, is another
    one, is damaged or is not signed by one of the stage's keys.
    """
    trust = read_trust(stage, functions / "trust")
    for name, model in stage.models.items():
        if model.mode != "static":
            continue
        where = f"stages.{stage.name}.models.{name}"
        wanted = Reference(name, version=model.version)
        command = f"hotseat deploy bake {wanted}"
        folder = functions / "baked" / name
        registry = open_registry(str(folder), trust=trust) if folder.is_dir() else None
        versions = registry.versions(name) if registry else []
        if registry is None or versions != [model.version]:
            content = f"{name}@{versions[0]}" if versions else "nothing"
            raise DeploymentError(
                f"{where}: {folder} holds {content}, not {wanted}: "
                f"remove it, then {command}"
            )
        try:
            manifest = registry.resolve(wanted)
            registry.check_trust(manifest)
            damage = audit(registry).damage
        except RegistryError as error:
            raise DeploymentError(f"{where}: {error}") from error
        if damage:
            raise DeploymentError(f"{where}: {damage[0]}; run {command} again")
        check_size(model, manifest, where)


@dataclass(frozen=True, slots=True)
class MeasuredTime:
    """The time of one answer on one core, as measured before publishing."""

    milliseconds: float
    tokens: int | None = None
    """Tokens of the answer, if the model writes texts."""


def measured_time(
    name: str, model: Model, registry: Registry, tokens: int
) -> MeasuredTime:
    """Return the measured time of one answer of the current version.

    A text model's is that of its first token and of the `tokens` - 1 after it, with
    none of the prompt cached. It was measured when the version was published, on that
    machine. Raises `DeploymentError` if the version has none.
    """
    try:
        manifest = registry.resolve(_reference(name, model))
        variant = manifest.variant(model.variant or manifest.default_variant)
    except RegistryError as error:
        raise DeploymentError(
            f"{error}: publish it, set --registry, or set --ms"
        ) from error
    rate, first = (
        variant.metrics.get(key) for key in ("tokens_per_second", "first_token_ms")
    )
    if isinstance(rate, int | float) and isinstance(first, int | float) and rate > 0:
        return MeasuredTime(first + (tokens - 1) * 1000 / rate, tokens)
    measured = variant.metrics.get("milliseconds")
    if not isinstance(measured, int | float):
        raise DeploymentError(
            f"{manifest.reference} ({variant.name}) has no measured milliseconds: "
            "set --ms"
        )
    return MeasuredTime(float(measured))


def _reference(name: str, model: Model) -> Reference:
    if model.mode == "static":
        return Reference(name, version=model.version)
    return Reference(name, alias=model.alias)


def read_trust(stage: Stage, folder: Path) -> Trust | None:
    """Return the keys that a stage trusts; raises as `trusted_key_paths`."""
    if not stage.trust:
        return None
    return Trust.read(trusted_key_paths(stage, folder), stage.trust_threshold)


def trusted_key_paths(stage: Stage, folder: Path) -> str:
    """Return the paths of the keys that a stage trusts, separated by commas.

    Raises `DeploymentError` if a key is missing, as the image would not hold it.
    """
    for key in stage.trust:
        if not (folder / key).is_file():
            raise DeploymentError(
                f"stages.{stage.name}.trust: no {folder / key}: put the public key "
                "there"
            )
    return ",".join(str(folder / key) for key in stage.trust)


def check_size(
    model: Model, manifest: Manifest, where: str, *, beside: Manifest | None = None
) -> None:
    """Raise `DeploymentError` if a version is too large for its function or image.

    `beside` is a version that the function holds as well, and follows in the same way.
    """
    try:
        variant = manifest.variant(model.variant or manifest.default_variant)
    except RegistryError as error:
        raise DeploymentError(f"{where}.variant: {error}") from error
    static = model.mode == "static"
    what = f"{manifest.reference} ({variant.name})"
    if static:
        # an image holds the whole version, and the runtime opens it there
        size = sum(file.size for file in manifest.files.values())
        if size > _IMAGE_BYTES:
            raise DeploymentError(
                f"{where}: {manifest.reference} has {size:,} bytes; there is room for "
                f"{_IMAGE_BYTES:,} in an image"
            )
    else:
        # while it follows a promote, a function holds the old version and the new one
        size = 2 * _fetched(manifest, variant.name)
        size += 2 * _fetched(beside) if beside else 0
        if size > cache_bytes(model.ephemeral_storage_mb):
            _refuse_storage(size, f"{what}{_and(beside)}", where, model)
    own = manifest.memory_bytes(variant)
    if beside is not None:
        own += beside.memory_bytes(beside.variant(beside.default_variant))
    needed = PYTHON_BYTES + (1 if static else 2) * own
    if needed > model.memory_mb << 20:
        megabytes = -(-needed >> 20)
        way_out = (
            f"set memory_mb = {megabytes}"
            if megabytes <= MEMORY_MB[1]
            else "publish a smaller variant"
        )
        two = "" if static else ", and so does its successor beside it"
        raise DeploymentError(
            f"{where}: {what}{_and(beside)} needs about {own >> 20:,} MB "
            f"of memory{two}; memory_mb is {model.memory_mb}: {way_out}"
        )


def _fetched(manifest: Manifest, variant: str = "") -> int:
    """Return the bytes of a version's files in the temporary folder."""
    chosen = manifest.variant(variant or manifest.default_variant)
    names = {*chosen.files, *manifest.needed_files}
    return sum(manifest.files[name].size for name in names)


def _and(beside: Manifest | None) -> str:
    return f" with its filter {beside.reference}" if beside else ""


def _refuse_storage(size: int, what: str, where: str, model: Model) -> NoReturn:
    """Raise the error of a temporary folder that is too small for two versions."""
    megabytes = next(
        (mb for mb in range(TMP_MB, STORAGE_MB[1] + 1) if size <= cache_bytes(mb)), None
    )
    way_out = (
        'serve it with mode = "static", from the image'
        if megabytes is None
        else f"set ephemeral_storage_mb = {megabytes}"
    )
    room = cache_bytes(model.ephemeral_storage_mb)
    raise DeploymentError(
        f"{where}: {what} and its successor have {size:,} bytes; there is room for "
        f"{room:,} in the temporary folder: {way_out}"
    )

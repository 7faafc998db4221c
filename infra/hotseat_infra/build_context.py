"""The folder that a function's image is built of, in a checkout or outside of it.

The repository has it as functions/. An application of your own has this package from a
wheel, with the Dockerfile and the locked requirements in it, and puts the folder
together: `build_context`.
"""

import importlib.util
import shutil
from pathlib import Path

from hotseat_infra.errors import DeploymentError

CHECKOUT = Path(__file__).parents[2] / "functions"
"""The repository's folder, where this package is in a checkout."""
SHIPPED = Path(__file__).parent / "image"
"""The files beside the packages, in a wheel: Dockerfile, requirements, prune.sh."""
_OWN = ("baked", "packages", "trust", "zip")
"""Folders of the application: versions, wheels of rules, public keys, zip files."""
_PACKAGES = ("hotseat_registry", "hotseat_serve")


def build_context(own: Path) -> Path:
    """Return the folder from which images are built.

    In a checkout it is functions/. Else it is ``own/.hotseat/functions``, written
    again each time: the installed packages, the shipped files, and from `own` the
    folders baked, packages and trust, as `hotseat deploy bake` and you filled them.
    Raises `DeploymentError` if the wheel lacks its files.
    """
    if (CHECKOUT / "Dockerfile").is_file():
        return CHECKOUT
    if not (SHIPPED / "Dockerfile").is_file():
        raise DeploymentError(
            f"no {SHIPPED / 'Dockerfile'}: install hotseat-platform from its wheel"
        )
    target = own / ".hotseat" / "functions"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(SHIPPED, target)
    without = shutil.ignore_patterns("__pycache__")
    for package in _PACKAGES:
        shutil.copytree(_folder(package), target / package, ignore=without)
    for name in _OWN:
        if (own / name).is_dir():
            shutil.copytree(own / name, target / name)
    for empty in ("baked/none", "packages/none", "trust"):
        (target / empty).mkdir(parents=True, exist_ok=True)
    return target


def _folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise DeploymentError(f"no package {package}: install hotseat-platform")
    return Path(spec.origin).parent

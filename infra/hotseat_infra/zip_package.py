"""The second lane: a function as a zip file on Lambda's own Python.

Built by pip for Lambda's platform, whatever this machine is, and shortened by the same
script as the image. Lambda takes at most 250 MB unzipped, so a large model, or one with
tokenizers and images, belongs into an image.
"""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from hotseat_infra.deployment import Model
from hotseat_infra.errors import DeploymentError

LIMIT_BYTES = 262_144_000
"""A function and its layers, unzipped (docs.aws.amazon.com, "Lambda quotas")."""
NOTE = "hotseat-package.json"
"""What a folder was built of."""
VERSION = "3.13"
_PLATFORMS = {
    "x86_64": ("manylinux_2_28_x86_64", "manylinux2014_x86_64"),
    "arm64": ("manylinux_2_28_aarch64", "manylinux2014_aarch64"),
}
"""What Amazon Linux 2023, the system below Python 3.13, can load (glibc 2.34)."""
_OURS = ("hotseat_registry", "hotseat_serve")


@dataclass(frozen=True, slots=True)
class Package:
    """What a zip file is built of; another value needs another build."""

    architecture: str
    preprocessing: bool
    text: bool
    packages: str
    baked: str
    sources: str
    """Digest of our packages, the requirements, the version and the keys."""


def zip_folder(functions: Path, name: str) -> Path:
    """Return the folder of a model's zip file."""
    return functions / "zip" / name


def describe(functions: Path, name: str, model: Model) -> Package:
    """Return what the model's zip file has to be built of now."""
    baked = name if model.mode == "static" else "none"
    digest = hashlib.sha256()
    roots = [*_OURS, "trust", f"baked/{baked}", f"packages/{model.packages or 'none'}"]
    files = [path for root in roots for path in sorted((functions / root).rglob("*"))]
    for path in [*files, *functions.glob("requirements*.txt"), functions / "prune.sh"]:
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(functions)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return Package(
        model.architecture, model.preprocessing, model.text, model.packages, baked,
        digest.hexdigest(),
    )  # fmt: skip


def build(functions: Path, name: str, model: Model) -> Path:
    """Build a model's zip file as a folder, which the CDK zips; return the folder.

    `functions` has our packages, the locked requirements, and for a static model its
    baked version. Raises `DeploymentError` if pip fails.
    """
    target = zip_folder(functions, name)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    requirements = ["requirements.txt"]
    if model.preprocessing:
        requirements.append("requirements-preprocessing.txt")
    if model.text:
        requirements.append("requirements-text.txt")
    _pip(
        functions, target, model,
        "--require-hashes", *(w for r in requirements for w in ("-r", r)),
    )  # fmt: skip
    _run(["bash", str(functions / "prune.sh"), str(target)], functions)
    wheels = sorted((functions / "packages" / (model.packages or "none")).glob("*.whl"))
    if wheels:
        _pip(functions, target, model, "--no-index", *map(str, wheels))
    without = shutil.ignore_patterns("__pycache__", ".lock", ".gitkeep", "README.md")
    for package in _OURS:
        shutil.copytree(functions / package, target / package, ignore=without)
    description = describe(functions, name, model)
    for source, place in (
        (functions / "baked" / description.baked, "registry"),
        (functions / "trust", "trust"),
    ):
        if source.is_dir():
            shutil.copytree(source, target / place, ignore=without, symlinks=True)
    _compile(target)
    (target / NOTE).write_text(json.dumps(asdict(description)), "utf-8")
    return target


def check(functions: Path, name: str, model: Model, where: str) -> int:
    """Return the unzipped size in bytes.

    Raises `DeploymentError` if the folder is missing, was built of something else, or
    is larger than Lambda takes.
    """
    folder = zip_folder(functions, name)
    command = f"hotseat deploy zip {name}"
    try:
        built = Package(**json.loads((folder / NOTE).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        raise DeploymentError(f"{where}: no zip file in {folder}: {command}") from None
    now = describe(functions, name, model)
    if built != now:
        (what, *_) = (
            key for key, value in asdict(now).items() if asdict(built)[key] != value
        )
        raise DeploymentError(
            f"{where}: {folder} was built of other {_WORDS[what]}: {command}"
        )
    size = unzipped_bytes(folder)
    if size > LIMIT_BYTES:
        raise DeploymentError(
            f"{where}: {size:,} bytes unzipped; Lambda takes {LIMIT_BYTES:,} as a zip "
            'file: set package = "image"'
        )
    return size


def unzipped_bytes(folder: Path) -> int:
    """Return the size of all files of a folder."""
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def has_byte_code(folder: Path) -> bool:
    """Return whether our packages have byte code, which a start does not compile."""
    return any(folder.glob(f"hotseat_serve/__pycache__/*{_TAG}*.pyc"))


def start_milliseconds(folder: Path, model: Model) -> float | None:
    """Return the time of a process from its start to a loaded handler, best of three.

    None where it cannot be measured: another machine's code, or no such Python here.
    """
    python = lambda_python()
    if python is None or platform.machine() != _MACHINES[model.architecture]:
        return None
    with tempfile.TemporaryDirectory() as empty:
        environment = {
            "PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(folder),
            "PYTHONDONTWRITEBYTECODE": "1", "HOTSEAT_REGISTRY": f"file://{empty}",
        }  # fmt: skip
        times = []
        for _ in range(3):
            begin = time.perf_counter()
            done = subprocess.run(  # noqa: S603 (our own words)
                [*python, "-c", "import hotseat_serve.handler"],
                env=environment, cwd=empty, capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode:
                last = done.stderr.strip().splitlines()[-1:]
                raise DeploymentError(f"{folder} does not start: {' '.join(last)}")
            times.append(1000 * (time.perf_counter() - begin))
    return min(times)


def lambda_python() -> list[str] | None:
    """Return a command of Lambda's Python without its packages; None: there is none."""
    for command in (sys.executable, f"python{VERSION}"):
        words = [
            command,
            "-S",
            "-c",
            "import sys; print('%d.%d' % sys.version_info[:2])",
        ]
        try:
            done = subprocess.run(  # noqa: S603 (our own words)
                words, capture_output=True, text=True, check=False
            )
        except OSError:
            continue
        if done.stdout.strip() == VERSION:
            return [command, "-S"]
    return None


def _compile(target: Path) -> None:
    """Write byte code, if there is such a Python; the files' times do not matter."""
    python = lambda_python()
    if python is not None:
        _run(
            [*python, "-m", "compileall", "-q", "-j", "0", "--invalidation-mode",
             "unchecked-hash", str(target)],
            target,
        )  # fmt: skip


_TAG = f"cpython-{VERSION.replace('.', '')}"
_MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
_WORDS = {
    "architecture": "machines", "preprocessing": "requirements",
    "text": "requirements",
    "packages": "packages", "baked": "versions", "sources": "code",
}  # fmt: skip


def _pip(functions: Path, target: Path, model: Model, *words: str) -> None:
    platforms = [
        word for p in _PLATFORMS[model.architecture] for word in ("--platform", p)
    ]
    _run(
        [
            sys.executable, "-m", "pip", "install", "--quiet", "--no-compile",
            "--no-deps", "--only-binary", ":all:", "--implementation", "cp",
            "--python-version", VERSION, *platforms, "--target", str(target), *words,
        ],
        functions,
    )  # fmt: skip


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(  # noqa: S603 (our own words)
        command, cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise DeploymentError(f"{' '.join(command[:4])}: {' '.join(last)}")

"""Write a bill of materials of the function's image (CycloneDX, JSON).

``python infra/sbom.py [--baked FOLDER] [--extra PACKAGE==VERSION]``, as ``make image``
does: each locked package with its hashes, and for a static deployment the version in
the image, as a machine-learning model with the digest of each file. The base image's
own packages are not in it: its publisher provides a bill of them.
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

from hotseat_registry import Manifest, Reference, open_registry

ROOT = Path(__file__).parents[1]
FUNCTIONS = ROOT / "functions"


def main() -> int:
    """Print the document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--baked", type=Path, default=FUNCTIONS / "baked/none")
    parser.add_argument("--extra", default="", help="a package installed in addition")
    parser.add_argument("--packages", type=Path, help="a folder of installed wheels")
    parser.add_argument("--preprocessing", action="store_true")
    parser.add_argument("--text", action="store_true")
    arguments = parser.parse_args()
    locks = ["requirements.txt"]
    if arguments.preprocessing:
        locks.append("requirements-preprocessing.txt")
    if arguments.text:
        locks.append("requirements-text.txt")
    wheels = sorted(arguments.packages.glob("*.whl")) if arguments.packages else []
    document = packages(locks, [arguments.extra, *map(_requirement, wheels)])
    registry = open_registry(str(arguments.baked))
    for model in registry.models():
        manifest = registry.resolve(Reference(model, alias="live"))
        document["components"].append(component(manifest))
    json.dump(document, sys.stdout, indent=2)
    return 0


def _requirement(wheel: Path) -> str:
    """Return the name and version of a wheel, as its file name has them (PEP 427)."""
    name, version, *_ = wheel.name.split("-")
    return f"{name.replace('_', '-')}=={version}"


def packages(locks: list[str], extras: list[str]) -> dict:
    """Return the bill of the locked packages, checked against CycloneDX's schema."""
    entries: dict[str, str] = {}
    for lock in locks:  # two of them may have the same package
        text = (FUNCTIONS / lock).read_text("utf-8").strip()
        for entry in re.split(r"\n(?=[A-Za-z0-9])", text):
            entries.setdefault(entry.partition("\n")[0], entry)
    locked = "\n".join(entries.values())
    extra = "\n".join(extras)
    tool = Path(sys.executable).with_name("cyclonedx-py")
    done = subprocess.run(  # noqa: S603 (a tool of our own environment)
        [tool, "requirements", "--pyproject", ROOT / "pyproject.toml",
         "--output-reproducible", "--output-format", "JSON", "-"],
        input=f"{locked}\n{extra}\n", text=True, check=True, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return json.loads(done.stdout)


def component(manifest: Manifest) -> dict:
    """Return a version as a component, its files below it."""
    return {
        "type": "machine-learning-model",
        "bom-ref": manifest.reference,
        "name": manifest.model,
        "version": str(manifest.version),
        "description": f"{manifest.kind}, published by {manifest.published_by}",
        "components": [
            {
                "type": "file",
                "bom-ref": f"{manifest.reference}/{name}",
                "name": name,
                "hashes": [{"alg": "SHA-256", "content": file.sha256}],
            }
            for name, file in sorted(manifest.files.items())
        ],
    }


if __name__ == "__main__":
    sys.exit(main())

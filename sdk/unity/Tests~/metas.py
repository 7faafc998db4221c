"""Write Unity's .meta files anew: ``python sdk/unity/Tests~/metas.py``.

Unity takes no file of an installed package that has none. An identity is made of the
file's path, so that it is the same whenever it is written.
"""

import hashlib
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
IMPORTERS = {
    ".cs": "MonoImporter",
    ".asmdef": "AssemblyDefinitionImporter",
    ".json": "PackageManifestImporter",
    ".md": "TextScriptImporter",
}


def assets() -> list[Path]:
    """Return all that Unity looks at: nothing in a folder that ends with ~."""
    return sorted(
        path
        for path in PACKAGE.rglob("*")
        if path.suffix != ".meta"
        and not any(part.endswith("~") for part in path.relative_to(PACKAGE).parts)
    )


def meta(path: Path) -> str:
    """Return what stands in the .meta file of an asset."""
    name = path.relative_to(PACKAGE).as_posix()
    guid = hashlib.md5(f"hotseat/{name}".encode(), usedforsecurity=False).hexdigest()
    lines = ["fileFormatVersion: 2", f"guid: {guid}"]
    if path.is_dir():
        lines += ["folderAsset: yes", "DefaultImporter:"]
    else:
        lines += [f"{IMPORTERS[path.suffix]}:"]
    lines += [
        "  externalObjects: {}",
        "  userData: ",
        "  assetBundleName: ",
        "  assetBundleVariant: ",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for old in PACKAGE.rglob("*.meta"):
        old.unlink()
    for asset in assets():
        Path(f"{asset}.meta").write_text(meta(asset), "utf-8")

"""Attest what was built: ``python infra/attest.py --key key.pem`` (``make attest``).

Writes two files beside the bill of materials in dist/: ``provenance.json``, an in-toto
statement with the predicate SLSA Provenance 1 (slsa.dev/spec/v1.0/provenance) of every
file there, and ``attestation.json``, a signature of all of them in the form of OpenSSF
model-signing (OMS), which its own tool verifies::

    model_signing verify key dist --signature dist/attestation.json --public_key key.pub

An image is covered by its bill of materials and, where podman has it, its digest.
"""

import argparse
import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from hotseat_registry.errors import RegistryError
from hotseat_registry.trust import LocalKey, sign_files

ROOT = Path(__file__).parents[1]
PROVENANCE, ATTESTATION = "provenance.json", "attestation.json"
LOCKS = (
    "functions/requirements.txt", "functions/requirements-preprocessing.txt",
    "functions/requirements-text.txt",
    "training/requirements.txt", "sdk/typescript/package-lock.json",
)  # fmt: skip


def main(words: list[str] | None = None) -> int:
    """Write both files; print what is attested."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "dist")
    parser.add_argument("--image", default="", help="an image whose digest is named")
    key = parser.add_mutually_exclusive_group(required=True)
    key.add_argument("--key", type=Path, metavar="PEM", help="the private key")
    key.add_argument("--kms", metavar="KEY", help="id, ARN or alias of the key in KMS")
    arguments = parser.parse_args(words)
    folder = arguments.folder
    built = files(folder)
    if not built:
        sys.stderr.write(f"hotseat: {folder} is empty: build wheels or image first\n")
        return 1
    try:
        if arguments.kms:
            from hotseat_registry.kms import KmsKey

            signer = KmsKey(arguments.kms)
        else:
            signer = LocalKey(arguments.key)
        text = json.dumps(provenance(built, arguments.image), indent=1)
        (folder / PROVENANCE).write_text(f"{text}\n", "utf-8")
        signed = {**built, PROVENANCE: digest(folder / PROVENANCE)}
        bundle = sign_files(folder.name, signed, signer)
        (folder / ATTESTATION).write_bytes(bundle)
    except (RegistryError, OSError) as error:
        sys.stderr.write(f"hotseat: {error}\n")
        return 1
    for name in sorted(signed):
        sys.stdout.write(f"attested {name}  sha256 {signed[name][:16]}...\n")
    return 0


def files(folder: Path) -> dict[str, str]:
    """Return the digest of each file below a folder, without both of ours."""
    if not folder.is_dir():
        return {}
    return {
        path.relative_to(folder).as_posix(): digest(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in {PROVENANCE, ATTESTATION}
    }


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def provenance(built: dict[str, str], image: str) -> dict:
    """Return the in-toto statement of what was built, from what, where."""
    subjects = [
        {"name": name, "digest": {"sha256": sha256}} for name, sha256 in built.items()
    ]
    if image:
        text = _run("podman", "image", "inspect", "--format", "{{.Digest}}", image)
        kind, _, value = text.partition(":")
        if value:
            subjects.append({"name": image, "digest": {kind: value}})
    locks = [
        {"uri": name, "digest": {"sha256": digest(ROOT / name)}}
        for name in LOCKS
        if (ROOT / name).exists()
    ]
    commit = _run("git", "-C", str(ROOT), "rev-parse", "HEAD")
    changed = _run("git", "-C", str(ROOT), "status", "--porcelain")
    source = {"uri": "git+hotseat", "digest": {"gitCommit": commit}}
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:hotseat:build:make:1",
                "externalParameters": {"uncommitted_changes": bool(changed)},
                "resolvedDependencies": [*([source] if commit else []), *locks],
            },
            "runDetails": {
                "builder": {"id": "urn:hotseat:builder:make"},
                "metadata": {"finishedOn": datetime.now(UTC).isoformat()},
            },
        },
    }


def _run(*command: str) -> str:
    """Return a command's output, or nothing where it cannot run."""
    try:
        done = subprocess.run(  # noqa: S603 (our own commands)
            command, capture_output=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.decode().strip() if done.returncode == 0 else ""


if __name__ == "__main__":
    sys.exit(main())

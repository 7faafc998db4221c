"""The verb `model decrypt`."""

import argparse
import tempfile
from pathlib import Path

from hotseat_registry.cache import Cache
from hotseat_registry.cli.common import (
    DONE,
    REFUSED,
    Run,
    add_decrypt_keys,
    add_registry,
    add_trust,
    answering,
    registry,
    watched,
)
from hotseat_registry.names import Reference


def decrypt(parser: argparse.ArgumentParser) -> Run:
    """Write an encrypted version's files in the clear."""
    parser.description = (
        "Write the files of an encrypted version, and its card, into a folder in the "
        "clear. Serving never does so: it decrypts in memory."
    )
    parser.epilog = (
        "example: hotseat model decrypt mood@3 --into mood-3 --decrypt-keys blobs.key"
    )
    parser.add_argument("reference", help="a version: sentiment@3, sentiment#live")
    parser.add_argument(
        "--into", type=Path, metavar="FOLDER", required=True, help="a new folder"
    )
    add_decrypt_keys(parser)
    add_registry(parser)
    add_trust(parser)
    return _decrypt


@answering(OSError)
def _decrypt(arguments: argparse.Namespace) -> int:
    from hotseat_registry import encrypted_version
    from hotseat_registry.wrapping_keys import split

    source, folder = registry(arguments), arguments.into
    manifest = source.resolve(Reference.parse(arguments.reference))
    source.check_trust(manifest)
    if manifest.encryption is None:
        print(f"{manifest.reference} is not encrypted: hotseat registry export")
        return REFUSED
    with tempfile.TemporaryDirectory() as name, watched() as progress:
        paths = source.fetch(manifest, Cache(Path(name)), progress=progress)
        places = split(arguments.decrypt_keys)
        decrypted = encrypted_version.decrypt(manifest, paths, places)
        folder.mkdir(mode=0o700, parents=True)
        for item, file in decrypted.files.items():
            (folder / item).write_bytes(file.read_bytes())
    print(f"{manifest.reference} -> {folder}: {len(decrypted.files)} files in the "
          f"clear, decrypted in {decrypted.milliseconds:.0f} ms "
          f"({decrypted.size / 1e6:,.1f} MB)")  # fmt: skip
    return DONE

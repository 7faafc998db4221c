"""The verbs `model sign` and `model verify`."""

import argparse
from dataclasses import asdict
from pathlib import Path

from hotseat_registry import archive, trust
from hotseat_registry.audit import audit
from hotseat_registry.cli.common import (
    DONE,
    REFUSED,
    Run,
    add_decrypt_keys,
    add_registry,
    answering,
    counted,
    print_json,
    querying,
    registry,
)
from hotseat_registry.names import Reference
from hotseat_registry.wrapping_keys import split

_REFERENCE = "a version: sentiment@3, sentiment#live or sentiment (its live version)"


def sign(parser: argparse.ArgumentParser) -> Run:
    """Sign a version with a private key."""
    parser.description = (
        "Sign a version in the format of OpenSSF model-signing, with a private key on "
        "P-256 in a file, or in AWS KMS. A key pair: openssl ecparam -name prime256v1 "
        "-genkey -noout -out key.pem; openssl ec -in key.pem -pubout -out key.pub"
    )
    parser.epilog = "example: hotseat model sign sentiment@3 --key key.pem"
    parser.add_argument("reference", help=_REFERENCE)
    key = parser.add_mutually_exclusive_group(required=True)
    key.add_argument("--key", type=Path, metavar="PEM", help="the private key")
    key.add_argument("--kms", metavar="KEY", help="id, ARN or alias of the key in KMS")
    add_registry(parser)
    return _sign


@answering()
def _sign(arguments: argparse.Namespace) -> int:
    source = registry(arguments)
    manifest = source.resolve(Reference.parse(arguments.reference))
    key: trust.Key
    if arguments.kms:
        from hotseat_registry.kms import KmsKey

        key = KmsKey(arguments.kms)
    else:
        key = trust.LocalKey(arguments.key)
    hint = archive.add_signature(source, manifest, trust.sign(manifest, key))
    print(f"{manifest.reference} is signed by key {hint[:16]}...")
    return DONE


def verify(parser: argparse.ArgumentParser) -> Run:
    """Check every file of a version, or of the whole registry."""
    parser.description = (
        "Check every file of a version against its digest; without a reference, "
        "check all versions, ledgers and (with --trust) signatures. Reports all "
        "damage. Encrypted files are checked as they are stored, and with "
        "--decrypt-keys also decrypted in memory."
    )
    parser.epilog = "example: hotseat model verify sentiment@1"
    parser.add_argument("reference", nargs="?", help=_REFERENCE)
    querying(parser)
    add_decrypt_keys(parser)
    return _verify


@answering()
def _verify(arguments: argparse.Namespace) -> int:
    text = arguments.reference
    with counted() as watch:
        found = audit(
            registry(arguments),
            Reference.parse(text) if text else None,
            progress=watch,
            decrypt_keys=split(arguments.decrypt_keys),
        )
    if arguments.json:
        print_json(asdict(found))
    else:
        for line in found.damage:
            print(line)
        print(f"{found.versions} versions, {found.files} files: "
              f"{len(found.damage) or 'no'} damaged")  # fmt: skip
    return REFUSED if found.damage else DONE

"""The verbs that keep house: gc, copy, export, import, sign."""

import argparse
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

from hotseat_registry import archive, trust
from hotseat_registry.cli.common import (
    DONE,
    Run,
    add_registry,
    add_trust,
    answering,
    author,
    counted,
    print_json,
    registry,
    watched,
)
from hotseat_registry.gc import sweep
from hotseat_registry.names import Reference
from hotseat_registry.registry import open_registry

_REFERENCE = "a version: sentiment@3, sentiment#live"


def gc(parser: argparse.ArgumentParser) -> Run:
    """Retire versions that nothing needs, remove blobs that nothing names."""
    parser.description = (
        "Retire the versions that no alias points to or pointed to for a while, and "
        "remove blobs that nothing has named for the grace time."
    )
    parser.epilog = "example: hotseat gc --keep 30 --dry-run"
    add_registry(parser)
    parser.add_argument(
        "--keep", type=float, default=30, metavar="DAYS", help="default: 30"
    )
    parser.add_argument(
        "--grace", type=float, default=24, metavar="HOURS", help="default: 24"
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would go")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return _gc


@answering()
def _gc(arguments: argparse.Namespace) -> int:
    with counted() as watch:
        swept = sweep(
            registry(arguments),
            by=author(),
            keep=timedelta(days=arguments.keep),
            grace=timedelta(hours=arguments.grace),
            dry_run=arguments.dry_run,
            watch=watch,
        )
    if arguments.json:
        return print_json(asdict(swept))
    would = "would retire" if arguments.dry_run else "retired"
    for reference in swept.retired:
        print(f"{would} {reference}")
    for model in swept.skipped:
        print(f"{model} was changed meanwhile: left for the next time")
    print(
        f"{would} {len(swept.retired)} versions; {len(swept.unnamed)} blobs are named "
        f"by nothing, {len(swept.removed)} were removed"
    )
    return DONE


def copy(parser: argparse.ArgumentParser) -> Run:
    """Copy a version to another registry."""
    parser.description = (
        "Publish a version in another registry, with the same digests and signatures. "
        "Its number there is the next one."
    )
    parser.epilog = "example: hotseat copy sentiment@3 --to s3://prod-models/hotseat"
    parser.add_argument("reference", help=_REFERENCE)
    parser.add_argument("--to", required=True, metavar="URI", help="the other registry")
    parser.add_argument("--dry-run", action="store_true", help="only say what would go")
    add_registry(parser)
    add_trust(parser)
    return _copy


@answering()
def _copy(arguments: argparse.Namespace) -> int:
    source, target = registry(arguments), open_registry(arguments.to)
    manifest = source.resolve(Reference.parse(arguments.reference))
    source.check_trust(manifest)
    if arguments.dry_run:
        size = sum(file.size for file in manifest.files.values())
        print(f"would copy {manifest.reference} ({size:,} bytes): "
              f"{source.store.uri} -> {target.store.uri}")  # fmt: skip
        return DONE
    with watched() as watch:
        made = archive.copy(manifest, source, target, by=author(), watch=watch)
    print(f"{manifest.reference} -> {made.reference} in {target.store.uri}")
    return DONE


def export(parser: argparse.ArgumentParser) -> Run:
    """Write a version into one file."""
    parser.description = "Write a version, signatures included, into one file (tar)."
    parser.epilog = "example: hotseat export sentiment@3 sentiment-3.tar"
    parser.add_argument("reference", help=_REFERENCE)
    parser.add_argument("file", type=Path)
    add_registry(parser)
    return _export


@answering()
def _export(arguments: argparse.Namespace) -> int:
    source = registry(arguments)
    manifest = source.resolve(Reference.parse(arguments.reference))
    with watched() as watch:
        archive.write(manifest, source, arguments.file, watch)
    size = arguments.file.stat().st_size
    print(f"{manifest.reference} -> {arguments.file} ({size:,} bytes)")
    return DONE


def import_(parser: argparse.ArgumentParser) -> Run:
    """Publish the version in a file that export wrote."""
    parser.description = "Publish the version in a file that `hotseat export` wrote."
    parser.epilog = "example: hotseat import sentiment-3.tar"
    parser.add_argument("file", type=Path)
    add_registry(parser)
    return _import


@answering()
def _import(arguments: argparse.Namespace) -> int:
    target = registry(arguments)
    with watched() as watch:
        made = archive.read(arguments.file, target, by=author(), watch=watch)
    print(f"{arguments.file} -> {made.reference} in {target.store.uri}")
    return DONE


def sign(parser: argparse.ArgumentParser) -> Run:
    """Vouch for a version with a key."""
    parser.description = (
        "Sign a version in the format of OpenSSF model-signing, with a private key on "
        "P-256 in a file, or in AWS KMS. A key pair: openssl ecparam -name prime256v1 "
        "-genkey -noout -out key.pem; openssl ec -in key.pem -pubout -out key.pub"
    )
    parser.epilog = "example: hotseat sign sentiment@3 --key key.pem"
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

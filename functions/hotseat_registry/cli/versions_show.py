"""The verbs `model versions` and `model show`."""

import argparse
from typing import Any

from hotseat_registry.cli.common import (
    DONE,
    Run,
    answering,
    print_encryption,
    print_json,
    print_table,
    querying,
    registry,
)
from hotseat_registry.errors import ModelNotFoundError
from hotseat_registry.names import Reference
from hotseat_registry.parallel import map_parallel

_REFERENCE = "a version: sentiment@3, sentiment#live or sentiment (its live version)"


def versions(parser: argparse.ArgumentParser) -> Run:
    """List a model's versions, or all models."""
    parser.description = "List the versions of a model, or of every model."
    parser.epilog = "example: hotseat model versions sentiment"
    parser.add_argument("model", nargs="?", help="default: all models")
    querying(parser)
    return _versions


@answering()
def _versions(arguments: argparse.Namespace) -> int:
    source = registry(arguments)
    names = [arguments.model] if arguments.model else source.models()
    found: list[dict[str, Any]] = []
    for name in names:
        numbers = source.versions(name)
        if not numbers:
            raise ModelNotFoundError(f"no model {name!r} in {source.store.uri}")
        head = source.ledger.newest(name)
        aliases = head.entry.aliases if head else {}
        retired = head.entry.retired if head else ()
        places = [Reference(name, version=number) for number in numbers]
        for manifest in map_parallel(source.resolve, places):
            number = manifest.version
            found.append(
                {
                    "model": name,
                    "version": number,
                    "aliases": sorted(a for a, v in aliases.items() if v == number),
                    "retired": number in retired,
                    "variants": [variant.name for variant in manifest.variants],
                    "published_at": manifest.published_at,
                    "published_by": manifest.published_by,
                }
            )
    if arguments.json:
        return print_json(found)
    print_table(
        ("version", "aliases", "", "variants", "published", "by"),
        (
            (
                f"{item['model']}@{item['version']}",
                ", ".join(item["aliases"]),
                "retired" if item["retired"] else "",
                ", ".join(item["variants"]),
                item["published_at"],
                item["published_by"],
            )
            for item in found
        ),
    )
    return DONE


def show(parser: argparse.ArgumentParser) -> Run:
    """Show one version: its card, or with --json its manifest."""
    parser.description = "Show a version's model card; with --json its whole manifest."
    parser.epilog = "example: hotseat model show sentiment#live"
    parser.add_argument("reference", help=_REFERENCE)
    querying(parser)
    return _show


@answering()
def _show(arguments: argparse.Namespace) -> int:
    manifest = registry(arguments).resolve(Reference.parse(arguments.reference))
    if arguments.json:
        return print_json(manifest.to_json())
    from rich.console import Console
    from rich.markdown import Markdown

    none = "No card." if manifest.encryption is None else "Its card is encrypted."
    Console().print(Markdown(manifest.card or f"# {manifest.reference}\n\n{none}"))
    print_encryption(manifest)
    print_table(
        ("file", "bytes", "sha256"),
        ((name, f.size, f.sha256[:16]) for name, f in manifest.files.items()),
    )
    return DONE

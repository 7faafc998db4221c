"""The verbs that look: versions, show, history, diff, verify."""

import argparse
import sys
from dataclasses import asdict
from typing import Any

from hotseat_registry.audit import audit
from hotseat_registry.cli.common import (
    DONE,
    REFUSED,
    Run,
    answering,
    counted,
    date,
    print_json,
    print_table,
    querying,
    registry,
    way,
)
from hotseat_registry.diff import diff as compare
from hotseat_registry.errors import ModelNotFoundError
from hotseat_registry.names import Reference
from hotseat_registry.parallel import at_once

_REFERENCE = "a version: sentiment@3, sentiment#live or sentiment (its live version)"


def versions(parser: argparse.ArgumentParser) -> Run:
    """List a model's versions, or all models."""
    parser.description = "List the versions of a model, or of every model."
    parser.epilog = "example: hotseat versions sentiment"
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
        for manifest in at_once(source.resolve, places):
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
    parser.epilog = "example: hotseat show sentiment#live"
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

    Console().print(Markdown(manifest.card or f"# {manifest.reference}\n\nNo card."))
    print_table(
        ("file", "bytes", "sha256"),
        ((name, f.size, f.sha256[:16]) for name, f in manifest.files.items()),
    )
    return DONE


def history(parser: argparse.ArgumentParser) -> Run:
    """Show who moved which alias when, and why."""
    parser.description = (
        "Show who moved which alias of a model, and why, the newest last. The chain of "
        "digests is checked for what is shown."
    )
    parser.epilog = "example: hotseat history sentiment"
    parser.add_argument("model")
    parser.add_argument(
        "--last",
        type=_count,
        default=20,
        metavar="N",
        help="the newest changes (default: 20)",
    )
    parser.add_argument(
        "--all", action="store_true", help="all changes since the first"
    )
    parser.add_argument(
        "--at",
        type=date,
        metavar="TIME",
        help="where the aliases stood then: 2026-11-23 or 2026-11-23T18:00+01:00",
    )
    querying(parser)
    return _history


@answering()
def _history(arguments: argparse.Namespace) -> int:
    source = registry(arguments)
    if arguments.at:
        stood = source.ledger.as_of(arguments.model, arguments.at)
        if arguments.json:
            return print_json(stood)
        print_table(("alias", "version"), sorted(stood.items()))
        return DONE
    last = None if arguments.all else arguments.last
    entries = source.ledger.history(arguments.model, last)
    if not entries and not source.versions(arguments.model):
        raise ModelNotFoundError(f"no model {arguments.model!r} in {source.store.uri}")
    if entries and (before := entries[0].sequence - 1):
        print(f"{before} changes before these: --all", file=sys.stderr)
    if arguments.json:
        return print_json([entry.to_json() for entry in entries])
    print_table(
        ("", "when", "who", "what", "alias", "from -> to", "because"),
        (
            (
                e.sequence,
                e.at,
                e.by,
                e.action,
                e.alias or "",
                way(e),
                e.because or e.override or "",
            )
            for e in entries
        ),
    )
    return DONE


def _count(text: str) -> int:
    if (count := int(text)) < 1:
        raise ValueError  # argparse shows the usage
    return count


def diff(parser: argparse.ArgumentParser) -> Run:
    """Show what changed from one version to another."""
    parser.description = "Show what changed: signature, metrics, sizes, card."
    parser.epilog = "example: hotseat diff sentiment@1 sentiment@2"
    parser.add_argument("old", help=_REFERENCE)
    parser.add_argument("new", help=_REFERENCE)
    querying(parser)
    return _diff


@answering()
def _diff(arguments: argparse.Namespace) -> int:
    source = registry(arguments)
    old, new = (
        source.resolve(Reference.parse(text)) for text in (arguments.old, arguments.new)
    )
    changed = compare(old, new)
    if arguments.json:
        return print_json({path: list(pair) for path, pair in changed.items()})
    print_table(
        ("", old.reference, new.reference),
        ((path, *map(_short, pair)) for path, pair in changed.items()),
    )
    return DONE


def _short(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def verify(parser: argparse.ArgumentParser) -> Run:
    """Check every byte of a version, or of the whole registry."""
    parser.description = (
        "Check every file of a version against its digest; without one, all versions, "
        "ledgers and (with --trust) signatures. Reports all damage, not only the first."
    )
    parser.epilog = "example: hotseat verify sentiment@1"
    parser.add_argument("reference", nargs="?", help=_REFERENCE)
    querying(parser)
    return _verify


@answering()
def _verify(arguments: argparse.Namespace) -> int:
    text = arguments.reference
    with counted() as watch:
        found = audit(
            registry(arguments), Reference.parse(text) if text else None, watch=watch
        )
    if arguments.json:
        print_json(asdict(found))
    else:
        for line in found.damage:
            print(line)
        print(f"{found.versions} versions, {found.files} files: "
              f"{len(found.damage) or 'no'} damaged")  # fmt: skip
    return REFUSED if found.damage else DONE

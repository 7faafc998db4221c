"""The registry's verbs: versions, show, history, verify; promote, rollback."""

import argparse
import json
from collections.abc import Iterable, Sequence
from typing import Any

from hotseat_registry.command import (
    DONE,
    Run,
    add_registry,
    answering,
    author,
    registry,
)
from hotseat_registry.errors import ModelNotFoundError
from hotseat_registry.ledger import Entry
from hotseat_registry.names import LIVE, Reference

_REFERENCE = "a version: sentiment@3, sentiment#live or sentiment (its live version)"


def versions(parser: argparse.ArgumentParser) -> Run:
    """List a model's versions, or all models."""
    parser.description = "List the versions of a model, or of every model."
    parser.epilog = "example: hotseat versions sentiment"
    parser.add_argument("model", nargs="?", help="default: all models")
    _querying(parser)
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
        aliases = source.aliases(name)
        for number in numbers:
            manifest = source.resolve(Reference(name, version=number))
            found.append(
                {
                    "model": name,
                    "version": number,
                    "aliases": sorted(a for a, v in aliases.items() if v == number),
                    "variants": [variant.name for variant in manifest.variants],
                    "published_at": manifest.published_at,
                    "published_by": manifest.published_by,
                }
            )
    if arguments.json:
        return _print(found)
    _table(
        ("version", "aliases", "variants", "published", "by"),
        (
            (
                f"{item['model']}@{item['version']}",
                ", ".join(item["aliases"]),
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
    _querying(parser)
    return _show


@answering()
def _show(arguments: argparse.Namespace) -> int:
    manifest = registry(arguments).resolve(Reference.parse(arguments.reference))
    if arguments.json:
        return _print(manifest.to_json())
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(manifest.card or f"# {manifest.reference}\n\nNo card."))
    _table(
        ("file", "bytes", "sha256"),
        ((name, f.size, f.sha256[:16]) for name, f in manifest.files.items()),
    )
    return DONE


def history(parser: argparse.ArgumentParser) -> Run:
    """Show who moved which alias when, and why."""
    parser.description = "Show every move of a model's aliases; the chain is checked."
    parser.epilog = "example: hotseat history sentiment"
    parser.add_argument("model")
    _querying(parser)
    return _history


@answering()
def _history(arguments: argparse.Namespace) -> int:
    source = registry(arguments)
    entries = source.history(arguments.model)
    if not entries and not source.versions(arguments.model):
        raise ModelNotFoundError(f"no model {arguments.model!r} in {source.store.uri}")
    if arguments.json:
        return _print([entry.to_json() for entry in entries])
    _table(
        ("", "when", "who", "what", "alias", "from -> to", "because"),
        (
            (e.sequence, e.at, e.by, e.action, e.alias, _way(e), e.because or "")
            for e in entries
        ),
    )
    return DONE


def verify(parser: argparse.ArgumentParser) -> Run:
    """Check every byte of a version against its digest."""
    parser.description = "Fetch every file of a version and check its digest."
    parser.epilog = "example: hotseat verify sentiment@1"
    parser.add_argument("reference", help=_REFERENCE)
    _querying(parser)
    return _verify


@answering()
def _verify(arguments: argparse.Namespace) -> int:
    manifest = registry(arguments).verify(Reference.parse(arguments.reference))
    if arguments.json:
        return _print({"reference": manifest.reference, "files": len(manifest.files)})
    print(f"{manifest.reference}: {len(manifest.files)} files are as published")
    return DONE


def promote(parser: argparse.ArgumentParser) -> Run:
    """Move an alias to a version."""
    parser.description = "Move an alias to a version; the ledger keeps who and why."
    parser.epilog = 'example: hotseat promote sentiment@2 --because "better on slang"'
    parser.add_argument("reference", help=_REFERENCE)
    parser.add_argument("--to", default=LIVE, metavar="ALIAS", help="default: live")
    _moving(parser)
    return _promote


@answering()
def _promote(arguments: argparse.Namespace) -> int:
    source = registry(arguments)
    reference = Reference.parse(arguments.reference)
    after = source.resolve(reference).version
    before = source.aliases(reference.model).get(arguments.to)
    if arguments.dry_run:
        return _plan(reference.model, arguments.to, before, after)
    entry = source.promote(
        Reference(reference.model, version=after),
        arguments.to,
        by=author(),
        because=arguments.because,
    )
    print(f"{entry.model}#{entry.alias}: {_way(entry)}")
    return DONE


def rollback(parser: argparse.ArgumentParser) -> Run:
    """Move an alias back to where it stood before."""
    parser.description = (
        "Move an alias back to the version where it stood before. Rolling back again "
        "goes one further."
    )
    parser.epilog = 'example: hotseat rollback sentiment --because "false alarms"'
    parser.add_argument("model")
    parser.add_argument("--alias", default=LIVE, help="default: live")
    parser.add_argument(
        "--steps", type=_steps, default=1, help="moves to go back (default: 1)"
    )
    _moving(parser)
    return _rollback


@answering()
def _rollback(arguments: argparse.Namespace) -> int:
    source = registry(arguments)
    if arguments.dry_run:
        before, after = source.plan_rollback(
            arguments.model, arguments.alias, arguments.steps
        )
        return _plan(arguments.model, arguments.alias, before, after)
    entry = source.rollback(
        arguments.model,
        arguments.alias,
        steps=arguments.steps,
        by=author(),
        because=arguments.because,
    )
    print(f"{entry.model}#{entry.alias}: {_way(entry)}")
    return DONE


def _steps(text: str) -> int:
    if (steps := int(text)) < 1:
        raise ValueError  # argparse shows the usage
    return steps


def _querying(parser: argparse.ArgumentParser) -> None:
    add_registry(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def _moving(parser: argparse.ArgumentParser) -> None:
    add_registry(parser)
    parser.add_argument("--because", metavar="TEXT", help="why, for the ledger")
    parser.add_argument(
        "--dry-run", action="store_true", help="print from -> to and stop there"
    )


def _plan(model: str, alias: str, before: int | None, after: int) -> int:
    print(f"would move {model}#{alias}: {before or 'nowhere'} -> {after}")
    return DONE


def _way(entry: Entry) -> str:
    return f"{entry.before or 'nowhere'} -> {entry.after}"


def _print(value: Any) -> int:
    print(json.dumps(value, ensure_ascii=False, indent=2))
    return DONE


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*map(str, row))
    Console().print(table)

"""The verbs `model promote` and `model rollback`."""

import argparse

from hotseat_registry.cli.common import (
    DONE,
    Run,
    answering,
    author,
    moving,
    print_json,
    registry,
)
from hotseat_registry.cli.signed_heads import add_signing, outcome_text, signer
from hotseat_registry.entry import Entry
from hotseat_registry.names import LIVE, Reference
from hotseat_registry.registry import Registry
from hotseat_registry.signing import Signer, check_promotable, has_signed_head

_REFERENCE = "a version: sentiment@3, sentiment#live"


def promote(parser: argparse.ArgumentParser) -> Run:
    """Move an alias to a version."""
    parser.description = (
        "Move an alias to a version. The ledger records the author and the reason."
    )
    parser.epilog = (
        'example: hotseat model promote sentiment@2 --because "better on slang"'
    )
    parser.add_argument("reference", help=_REFERENCE)
    parser.add_argument("--to", default=LIVE, metavar="ALIAS", help="default: live")
    parser.add_argument(
        "--override",
        metavar="REASON",
        help="ignore the model's gate; the ledger records the reason",
    )
    moving(parser)
    add_signing(parser, required=False)
    return _promote


@answering()
def _promote(arguments: argparse.Namespace) -> int:
    source = registry(arguments)
    reference = Reference.parse(arguments.reference)
    before, after = source.plan_promote(
        reference, arguments.to, override=arguments.override
    )
    if not _plan(reference.model, arguments.to, before, after, arguments):
        return DONE
    target = Reference(reference.model, version=after)
    by_key = _check_signable(arguments, source, target)
    entry = source.promote(
        target,
        arguments.to,
        by=author(),
        because=arguments.because,
        override=arguments.override,
    )
    return _done(entry, arguments, by_key)


def rollback(parser: argparse.ArgumentParser) -> Run:
    """Move an alias back to its previous version."""
    parser.description = (
        "Move an alias back to its previous version. A second rollback goes one step "
        "further back."
    )
    parser.epilog = 'example: hotseat model rollback sentiment --because "false alarms"'
    parser.add_argument("model")
    parser.add_argument("--alias", default=LIVE, help="default: live")
    parser.add_argument(
        "--steps", type=_steps, default=1, help="number of moves to undo (default: 1)"
    )
    moving(parser)
    add_signing(parser, required=False)
    return _rollback


@answering()
def _rollback(arguments: argparse.Namespace) -> int:
    source = registry(arguments)
    before, after = source.plan_rollback(
        arguments.model, arguments.alias, arguments.steps
    )
    if not _plan(arguments.model, arguments.alias, before, after, arguments):
        return DONE
    target = Reference(arguments.model, version=after)
    by_key = _check_signable(arguments, source, target)
    entry = source.rollback(
        arguments.model,
        arguments.alias,
        steps=arguments.steps,
        by=author(),
        because=arguments.because,
    )
    return _done(entry, arguments, by_key)


def _check_signable(
    arguments: argparse.Namespace, source: Registry, target: Reference
) -> Signer | None:
    """Return who signs the move; raises `RefusedError` before anything is written."""
    found = signer(arguments, source)
    if found is not None:
        found.check_signed(target.model)
    trust = found.trust_keys if found else source.trust
    if trust is not None:
        check_promotable(source, target, trust)
    return found


def _steps(text: str) -> int:
    if (steps := int(text)) < 1:
        raise ValueError  # argparse shows the usage
    return steps


def _plan(
    model: str,
    alias: str,
    before: int | None,
    after: int,
    arguments: argparse.Namespace,
) -> bool:
    """Print the planned move; return whether to make it."""
    if not arguments.json:
        print(f"{model}#{alias}: {before or 'nowhere'} -> {after}")
    elif arguments.dry_run:
        print_json({"alias": alias, "before": before, "after": after})
    return not arguments.dry_run


def _done(entry: Entry, arguments: argparse.Namespace, by_key: Signer | None) -> int:
    outcome = by_key.approve(entry.model) if by_key else None
    if arguments.json:
        return print_json(entry.to_json())
    print(f"done: entry {entry.sequence} of the ledger, by {entry.by}")
    if outcome is not None:
        print(outcome_text(outcome))
    elif has_signed_head(registry(arguments), entry.model):
        print(
            f"note: {entry.model} has a signed head, and services that demand it do "
            f"not follow this move yet: hotseat model approve {entry.model} --key KEY"
        )
    return DONE

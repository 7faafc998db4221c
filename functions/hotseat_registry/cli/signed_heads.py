"""The verbs `registry sign`, `registry unsign`, `model approve` and `model revoke`."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from hotseat_registry.cli.common import (
    DONE,
    REFUSED,
    Run,
    add_registry,
    answering,
    author,
    read_trust,
    registry,
)
from hotseat_registry.errors import RefusedError, RegistryError
from hotseat_registry.names import Reference
from hotseat_registry.registry import Registry
from hotseat_registry.signing import DAYS, Outcome, Signer, unsign
from hotseat_registry.trust import LocalKey

if TYPE_CHECKING:
    from hotseat_registry.envelope import Key

_EXPLAINED = (
    "A signed head states on which versions a model's aliases stand, by number and "
    "digest, and until when that holds. Services with signed heads follow it alone."
)


def add_signing(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Add ``--key``, ``--kms``, ``--days`` and ``--threshold``."""
    key = parser.add_mutually_exclusive_group(required=required)
    key.add_argument("--key", type=Path, metavar="PEM", help="the private key")
    key.add_argument("--kms", metavar="KEY", help="id, ARN or alias of the key in KMS")
    parser.add_argument(
        "--days",
        type=float,
        default=DAYS,
        help=f"days until the signed head expires (default: {DAYS})",
    )


def signer(arguments: argparse.Namespace, source: Registry) -> Signer | None:
    """Return the signer of ``--key`` or ``--kms``, or None without one."""
    key: Key
    if arguments.kms:
        from hotseat_registry.kms import KmsKey

        key = KmsKey(arguments.kms)
    elif arguments.key:
        key = LocalKey(arguments.key)
    else:
        return None
    trust = read_trust(arguments)
    return Signer(source, key, author(), trust, arguments.days)


def outcome_text(outcome: Outcome) -> str:
    """Describe a head that was signed."""
    head = outcome.head
    stands = ", ".join(f"{n} {b.version}" for n, b in sorted(head.aliases.items()))
    text = (
        f"signed head {head.sequence} of {head.model}: {stands}, until {head.expires}"
    )
    if not outcome.missing:
        return text
    return (
        f"{text}; {outcome.missing} more signatures are needed: hotseat model approve "
        f"{head.model} --key KEY"
    )


def sign_heads(parser: argparse.ArgumentParser) -> Run:
    """Sign the heads of all models, or renew their signatures."""
    parser.description = (
        f"{_EXPLAINED} This signs the first head of each model from its ledger, and "
        "renews the others: the same state, a later expiry. Moves that nobody signed "
        "stay unsigned."
    )
    parser.epilog = "example: hotseat registry sign --key key.pem --trust key.pub"
    parser.add_argument("models", nargs="*", metavar="MODEL", help="default: all")
    _common(parser)
    return _sign_heads


@answering()
def _sign_heads(arguments: argparse.Namespace) -> int:
    source = registry(arguments)
    with_key = _signer(arguments, source)
    code = DONE
    for model in arguments.models or source.models():
        if not source.aliases(model):
            print(f"{model} has no aliases: nothing to sign")
            continue
        try:
            print(outcome_text(with_key.renew(model)))
        except RefusedError as error:  # the other models are signed all the same
            print(f"{model} is not signed: {error}")
            code = REFUSED
    return code


def unsign_heads(parser: argparse.ArgumentParser) -> Run:
    """Remove the signed heads of all models: the way back."""
    parser.description = (
        "Remove the signed heads of all models, or of some. Services that demand them "
        "refuse these models from then on: deploy the stage with unsigned = true first."
    )
    parser.epilog = "example: hotseat registry unsign sentiment"
    parser.add_argument("models", nargs="*", metavar="MODEL", help="default: all")
    add_registry(parser)
    return _unsign


@answering()
def _unsign(arguments: argparse.Namespace) -> int:
    source = registry(arguments)
    removed = [m for m in arguments.models or source.models() if unsign(source, m)]
    print(f"signed heads removed: {', '.join(removed) or 'there were none'}")
    return DONE


def approve(parser: argparse.ArgumentParser) -> Run:
    """Sign where a model's aliases stand now."""
    parser.description = (
        f"{_EXPLAINED} This signs the state of the ledger, or adds the second person's "
        "signature to the first one's."
    )
    parser.epilog = (
        "example: hotseat model approve sentiment --key ada.pem "
        "--trust ada.pub,bob.pub --threshold 2"
    )
    parser.add_argument("model")
    _common(parser)
    return _approve


@answering()
def _approve(arguments: argparse.Namespace) -> int:
    source = registry(arguments)
    print(outcome_text(_signer(arguments, source).approve(arguments.model)))
    return DONE


def revoke(parser: argparse.ArgumentParser) -> Run:
    """Forbid a version for good, in the signed head."""
    parser.description = (
        "Forbid a version for good: services and devices with signed heads refuse it "
        "under its number and any other. No alias may stand on it."
    )
    parser.epilog = (
        "example: hotseat model revoke sentiment@3 --key key.pem "
        '--because "leaks names"'
    )
    parser.add_argument("reference", help="a version: sentiment@3")
    parser.add_argument(
        "--because", metavar="TEXT", help="the reason, kept in the signed head"
    )
    _common(parser)
    return _revoke


@answering()
def _revoke(arguments: argparse.Namespace) -> int:
    source = registry(arguments)
    reference = Reference.parse(arguments.reference)
    if reference.version is None:
        raise RegistryError(f"{arguments.reference} is no number: write sentiment@3")
    outcome = _signer(arguments, source).revoke(reference, arguments.because)
    print(f"{reference} is revoked by {outcome_text(outcome)}")
    return DONE


def _common(parser: argparse.ArgumentParser) -> None:
    from hotseat_registry.cli.common import add_trust

    add_signing(parser, required=True)
    add_registry(parser)
    add_trust(parser)


def _signer(arguments: argparse.Namespace, source: Registry) -> Signer:
    found = signer(arguments, source)
    assert found is not None  # the parser demands a key
    return found

"""The verbs `token` and `registry access`."""

import argparse
import secrets
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hotseat_registry import envelope
from hotseat_registry.cli.common import (
    DONE,
    Run,
    add_registry,
    add_trust,
    answering,
    read_trust,
    registry,
)
from hotseat_registry.errors import NotFoundError, RegistryError
from hotseat_registry.trust import LocalKey
from hotseat_serve.access.access_keys import KEY, KIND, AccessKeys, point_of
from hotseat_serve.access.claims import AUDIENCE, TokenError
from hotseat_serve.access.key_source import read_document
from hotseat_serve.access.mint import mint

if TYPE_CHECKING:
    from hotseat_registry.envelope import Key


def token(parser: argparse.ArgumentParser) -> Run:
    """Mint a token for a player."""
    parser.description = (
        "Mint a short-lived token for a player (a JWT with ES256). The game sends "
        "Authorization: Bearer TOKEN. In a game's server, one call does the same: "
        "hotseat.tokens.mint in Python, mintToken in Node, Tokens.Mint in .NET."
    )
    parser.epilog = (
        "example: hotseat token player-7 --key tokens.pem --game chess --model mood"
    )
    parser.add_argument("player", help="the player's id; the log holds only its hash")
    _add_key(parser)
    parser.add_argument("--game", default="", help="the game (default: none)")
    parser.add_argument(
        "--model",
        action="append",
        metavar="NAME",
        help="a model that it reaches; may be repeated (default: all of the stage)",
    )
    parser.add_argument(
        "--rate",
        type=float,
        help="requests a second of each model (default: the stage's)",
    )
    parser.add_argument("--burst", type=int, help="requests at once of each model")
    parser.add_argument(
        "--minutes", type=float, default=15, help="default: 15; at most 1,440"
    )
    parser.add_argument("--audience", default=AUDIENCE, help=f"default: {AUDIENCE}")
    return _token


@answering(TokenError)
def _token(arguments: argparse.Namespace) -> int:
    print(
        mint(
            _key(arguments),
            arguments.player,
            now=time.time(),
            token_id=secrets.token_hex(8),
            game=arguments.game,
            models=arguments.model,
            rate=arguments.rate,
            burst=arguments.burst,
            seconds=60 * arguments.minutes,
            audience=arguments.audience,
        )
    )
    return DONE


def access(parser: argparse.ArgumentParser) -> Run:
    """Show or change the keys of player tokens, and revoke tokens."""
    parser.description = (
        "Show or change who signs player tokens: a key set in the registry, which "
        "services and authorizers read again within a minute. Where the stage trusts "
        "keys, sign the change with --key or --kms."
    )
    parser.epilog = (
        "example: hotseat registry access --add-key tokens.pub\n"
        "example: hotseat registry access --revoke-player player-7"
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--add-key", type=Path, action="append", default=[], metavar="PEM",
        help="a public key whose tokens are accepted from now on",
    )  # fmt: skip
    parser.add_argument(
        "--add-kms", action="append", default=[], metavar="KEY",
        help="the same of a key in KMS, by its id, ARN or alias",
    )  # fmt: skip
    parser.add_argument(
        "--remove-key", action="append", default=[], metavar="KID",
        help="the name of a key whose tokens are refused from now on",
    )  # fmt: skip
    parser.add_argument(
        "--revoke-token", action="append", default=[], metavar="JTI",
        help="the id of a token",
    )  # fmt: skip
    parser.add_argument(
        "--revoke-player", action="append", default=[], metavar="PLAYER",
        help="a player: all tokens minted until now",
    )  # fmt: skip
    _add_key(parser, required=False)
    add_registry(parser)
    add_trust(parser)
    return _access


@answering(ValueError)
def _access(arguments: argparse.Namespace) -> int:
    store, trust = registry(arguments).store, read_trust(arguments)
    try:
        stored = store.read(KEY)
        assert stored is not None
        current = read_document(stored.data, trust)
    except NotFoundError:
        stored, current = None, AccessKeys({})
    keys = _changed(arguments, current)
    if keys != current:
        keys = replace(keys, sequence=current.sequence + 1)
        data = keys.to_bytes()
        AccessKeys.from_bytes(data)  # what no service reads is not written
        if trust is not None:
            key = _signing_key(arguments)
            data = envelope.sign(KIND, data, [key])
            trust.open(data, KIND, KEY)
        store.write(KEY, data, replacing=stored.tag if stored else None)
    for kid in sorted(keys.points):
        print(f"key {kid}")
    for jti in sorted(keys.revoked_tokens):
        print(f"revoked token {jti}")
    for player in sorted(keys.revoked_players):
        print(f"revoked player {player}")
    if not keys.points:
        print("no keys: hotseat registry access --add-key PEM")
    return DONE


def _changed(arguments: argparse.Namespace, keys: AccessKeys) -> AccessKeys:
    points = dict(keys.points)
    for path in arguments.add_key:
        try:
            kid, point = point_of(path.read_bytes())
        except (OSError, ValueError) as error:
            raise RegistryError(f"{path} is no public key: {error}") from None
        points[kid] = point
    for name in arguments.add_kms:
        from hotseat_registry.kms import KmsKey

        kid, point = point_of(KmsKey(name).public())
        points[kid] = point
    for kid in arguments.remove_key:
        if points.pop(kid, None) is None:
            raise RegistryError(f"no key {kid!r}: {', '.join(points) or 'none'}")
    now = int(time.time())
    return replace(
        keys,
        points=points,
        revoked_tokens=keys.revoked_tokens | set(arguments.revoke_token),
        revoked_players={
            **keys.revoked_players, **dict.fromkeys(arguments.revoke_player, now)
        },
    )  # fmt: skip


def _add_key(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    key = parser.add_mutually_exclusive_group(required=required)
    key.add_argument("--key", type=Path, metavar="PEM", help="the private key")
    key.add_argument("--kms", metavar="KEY", help="id, ARN or alias of the key in KMS")


def _signing_key(arguments: argparse.Namespace) -> "Key":
    if not (arguments.key or arguments.kms):
        raise RegistryError("the registry's keys are trusted: sign with --key or --kms")
    return _key(arguments)


def _key(arguments: argparse.Namespace) -> "Key":
    if arguments.kms:
        from hotseat_registry.kms import KmsKey

        return KmsKey(arguments.kms)
    return LocalKey(arguments.key)

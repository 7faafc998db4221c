"""The flags of `hotseat serve`."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    _add_address(parser)
    _add_callers(parser)
    _add_models(parser)
    _add_capacity(parser)
    _add_limits(parser)
    _add_reports(parser)


def _add_address(parser: argparse.ArgumentParser) -> None:
    """Add where it listens."""
    parser.add_argument("--port", type=int, default=8080, help="default: 8080")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="0.0.0.0: other machines may connect too, with --require-tokens or --open "
        "(default: 127.0.0.1)",
    )
    parser.add_argument(
        "--unix", type=Path, metavar="FILE", help="a Unix socket instead of a port"
    )
    parser.add_argument(
        "--certificate",
        type=Path,
        metavar="FILE",
        help="serve HTTPS with this certificate chain (PEM)",
    )
    parser.add_argument(
        "--key",
        type=Path,
        metavar="FILE",
        help="its private key (PEM), if it is in a file of its own",
    )
    parser.add_argument(
        "--base-path",
        default="",
        metavar="PATH",
        help="serve under this path, for a proxy that does not strip it: /ml",
    )


def _add_callers(parser: argparse.ArgumentParser) -> None:
    """Add whom it answers."""
    parser.add_argument(
        "--open",
        action="store_true",
        help="answer whoever can connect, whatever their Host header",
    )
    parser.add_argument(
        "--require-tokens",
        nargs="?",
        const="",
        metavar="KEYS",
        help="answer only requests with a player token; KEYS: files with their public "
        "keys, PEM or one key set (default: those of the registry)",
    )
    parser.add_argument(
        "--player-rate",
        type=float,
        default=0.0,
        metavar="N",
        help="with tokens: requests a second of a player and model (default: no limit)",
    )
    parser.add_argument(
        "--origins",
        default="",
        metavar="LIST",
        help="web origins that may send requests, https://game.example,... or * "
        "(default: none)",
    )


def _add_models(parser: argparse.ArgumentParser) -> None:
    """Add what it serves."""
    parser.add_argument(
        "--model",
        default="",
        help="default model of POST /model-service (default: the only live model)",
    )
    parser.add_argument(
        "--decrypt-keys",
        metavar="KEY,...",
        help="keys of encrypted versions: files, secretsmanager:NAME, ARNs of keys in "
        "KMS (default: HOTSEAT_DECRYPT_KEYS)",
    )
    parser.add_argument(
        "--downloads",
        default="",
        metavar="LIST",
        help="models that devices may download, mood,chat or * (default: none)",
    )
    parser.add_argument(
        "--refresh",
        type=float,
        default=2.0,
        metavar="SECONDS",
        help="time between reads of an alias (default: 2)",
    )


def _add_capacity(parser: argparse.ArgumentParser) -> None:
    """Add how much it does at once."""
    parser.add_argument(
        "--workers",
        type=_positive,
        default=1,
        metavar="N",
        help="processes on the same port, limits for each; SIGHUP replaces them "
        "without a gap (default: 1)",
    )
    parser.add_argument(
        "--parallel",
        type=_count,
        default=0,
        metavar="N",
        help="requests that run a model at once; others wait (default: one per core, "
        "2 to 8)",
    )
    parser.add_argument(
        "--batch",
        type=_count,
        default=0,
        metavar="ROWS",
        help="join requests that wait for the same model into runs of up to ROWS "
        "inputs, for encoders and other models of milliseconds (default: 0, none)",
    )
    parser.add_argument(
        "--queue",
        type=_positive,
        default=256,
        metavar="N",
        help="requests in progress, waiting ones included; above it 503 with "
        "Retry-After (default: 256)",
    )


def _add_limits(parser: argparse.ArgumentParser) -> None:
    """Add what a client may take."""
    parser.add_argument(
        "--connections",
        type=_positive,
        default=1_000,
        metavar="N",
        help="open connections; above it 503 with Retry-After (default: 1000)",
    )
    parser.add_argument(
        "--receive",
        type=_positive,
        default=30,
        metavar="SECONDS",
        help="time limit to receive a request, else 408 (default: 30)",
    )
    parser.add_argument(
        "--grace",
        type=_count,
        default=5,
        metavar="SECONDS",
        help="time for open requests after SIGTERM or Ctrl-C (default: 5)",
    )


def _add_reports(parser: argparse.ArgumentParser) -> None:
    """Add what it shows to operators."""
    parser.add_argument(
        "--management",
        default="",
        metavar="[HOST:]PORT",
        help="health and Prometheus metrics on a port of their own, answered by "
        "another process whatever the load (host: 127.0.0.1; default: no such port)",
    )
    parser.add_argument(
        "--traces",
        action="store_true",
        help="OpenTelemetry spans, configured by OTEL_* variables",
    )
    parser.add_argument(
        "--log", action="store_true", help="write a JSON line per request, as on Lambda"
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is less than 0")
    return number

"""Arguments and errors of the verbs that call a model service."""

import argparse
import sys
from collections.abc import Callable
from functools import wraps

from hotseat.errors import HotseatError, TransportError

Run = Callable[[argparse.Namespace], int]


def add_service(parser: argparse.ArgumentParser, deadline: float) -> None:
    """Add ``--url`` and ``--deadline``."""
    parser.add_argument("--url", help="default: HOTSEAT_URL, else localhost:8080")
    parser.add_argument(
        "--deadline",
        type=float,
        default=deadline,
        metavar="SECONDS",
        help=f"default: {deadline:g}",
    )


def add_version(parser: argparse.ArgumentParser) -> None:
    """Add ``--version`` and ``--json``."""
    parser.add_argument("--version", help="a number or an alias (default: live)")
    parser.add_argument("--json", action="store_true", help="print the whole answer")


def refusing(run: Run) -> Run:
    """Print errors of the client in one line and return 1."""

    @wraps(run)
    def wrapped(arguments: argparse.Namespace) -> int:
        try:
            return run(arguments)
        except HotseatError as error:
            hint = ""
            if isinstance(error, TransportError):
                hint = "; is it running (hotseat serve), or is it at another --url?"
            print(f"hotseat: {error}{hint}", file=sys.stderr)
            return 1

    return wrapped

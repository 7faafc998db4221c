"""What the verbs of every room share: the registry's flag, and how they refuse."""

import argparse
import functools
import getpass
import os
import sys
from collections.abc import Callable

from hotseat_registry.errors import RegistryError
from hotseat_registry.registry import Registry, open_registry

DONE, REFUSED, WRONG = 0, 1, 2

Run = Callable[[argparse.Namespace], int]


def answering(*errors: type[Exception]) -> Callable[[Run], Run]:
    """Make a verb print these errors and `RegistryError` in one line and exit 1."""
    expected: tuple[type[Exception], ...] = (RegistryError, *errors)

    def decorate(run: Run) -> Run:
        @functools.wraps(run)
        def wrapped(arguments: argparse.Namespace) -> int:
            try:
                return run(arguments)
            except expected as error:
                print(f"hotseat: {error}", file=sys.stderr)
                return REFUSED

        return wrapped

    return decorate


def add_registry(parser: argparse.ArgumentParser) -> None:
    """Add ``--registry``."""
    parser.add_argument(
        "--registry",
        metavar="URI",
        default=os.environ.get("HOTSEAT_REGISTRY", "file://.hotseat/registry"),
        help="s3://bucket/prefix or file://folder "
        "(default: HOTSEAT_REGISTRY, else file://.hotseat/registry)",
    )


def registry(arguments: argparse.Namespace) -> Registry:
    """Open the registry that ``--registry`` names."""
    return open_registry(arguments.registry)


def author() -> str:
    """Return who acts: HOTSEAT_BY, else the user's name on this machine."""
    try:
        return os.environ.get("HOTSEAT_BY") or getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such user, as in some containers
        return "unknown"

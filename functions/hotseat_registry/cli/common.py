"""Flags, tables, progress bars and errors that all commands share."""

import argparse
import functools
import getpass
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hotseat_registry.entry import RETIRE, Entry
from hotseat_registry.errors import RegistryError
from hotseat_registry.registry import (
    Registry,
    StartProgress,
    no_progress,
    open_registry,
)
from hotseat_registry.stores import OnBytes
from hotseat_registry.trust import Trust

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

    from hotseat_registry.manifest import Manifest
    from hotseat_registry.wrapping_keys import WrappingKey

DONE, REFUSED, WRONG = 0, 1, 2

Run = Callable[[argparse.Namespace], int]


class OldSpelling(argparse.Action):
    """Accept an option's spelling of the last release, and name the new one."""

    def __init__(self, option_strings: Sequence[str], *, new: str, **more: Any) -> None:
        more |= {"default": argparse.SUPPRESS, "help": argparse.SUPPRESS}
        more["dest"] = new.strip("-").replace("-", "_")
        super().__init__(option_strings, **more)
        self.new = new

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Store the value under the new name, with a note on stderr."""
        print(
            f"{parser.prog}: '{option_string}' is now '{self.new}'; the old spelling "
            "goes in the next release",
            file=sys.stderr,
        )
        setattr(namespace, self.dest, self.const if self.nargs == 0 else values)


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


def add_trust(parser: argparse.ArgumentParser) -> None:
    """Add ``--trust``."""
    parser.add_argument(
        "--trust",
        metavar="PEM,...",
        default=os.environ.get("HOTSEAT_TRUST", ""),
        help="public keys: accept only versions that one of them signed "
        "(default: HOTSEAT_TRUST; without it, signatures are not checked)",
    )
    parser.add_argument(
        "--threshold",
        type=int,
        metavar="N",
        default=int(os.environ.get("HOTSEAT_TRUST_THRESHOLD", "1")),
        help="keys that must sign a head, two for two people "
        "(default: HOTSEAT_TRUST_THRESHOLD, else 1)",
    )


def add_encrypt(parser: argparse.ArgumentParser) -> None:
    """Add ``--encrypt``."""
    parser.add_argument(
        "--encrypt",
        metavar="KEY",
        help="store the files and the card encrypted, under a key in a file (openssl "
        "rand -base64 32), secretsmanager:NAME, or a key in KMS (ARN or alias/NAME)",
    )


def encrypt_key(arguments: argparse.Namespace) -> "WrappingKey | None":
    """Return the key of ``--encrypt``; raises `RegistryError`."""
    if not arguments.encrypt:
        return None
    from hotseat_registry.wrapping_keys import open_key

    return open_key(arguments.encrypt)


def print_encryption(manifest: "Manifest") -> None:
    """Print the key of an encrypted version, and what serving takes."""
    if manifest.encryption is not None:
        print(
            f"  encrypted with {manifest.encryption.key}; to serve it, set "
            "HOTSEAT_DECRYPT_KEYS (hotseat serve --decrypt-keys)"
        )


def add_decrypt_keys(parser: argparse.ArgumentParser) -> None:
    """Add ``--decrypt-keys``."""
    parser.add_argument(
        "--decrypt-keys",
        metavar="KEY,...",
        default=os.environ.get("HOTSEAT_DECRYPT_KEYS", ""),
        help="keys of encrypted versions: files, secretsmanager:NAME, ARNs of keys in "
        "KMS (default: HOTSEAT_DECRYPT_KEYS)",
    )


def querying(parser: argparse.ArgumentParser) -> None:
    """Add the flags of a verb that reads."""
    add_registry(parser)
    add_trust(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def moving(parser: argparse.ArgumentParser) -> None:
    """Add the flags of a verb that changes something."""
    add_registry(parser)
    add_trust(parser)
    parser.add_argument(
        "--because", metavar="TEXT", help="the reason, recorded in the ledger"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print the plan and change nothing"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def registry(arguments: argparse.Namespace) -> Registry:
    """Open the registry that ``--registry`` names, under ``--trust``."""
    return open_registry(arguments.registry, trust=read_trust(arguments))


def read_trust(arguments: argparse.Namespace) -> Trust | None:
    """Return the keys of ``--trust``, or None without any."""
    keys = getattr(arguments, "trust", "")
    return Trust.read(keys, getattr(arguments, "threshold", 1)) if keys else None


def date(text: str) -> datetime:
    """Read a time in ISO 8601; without a zone it is this machine's."""
    return datetime.fromisoformat(text).astimezone()


def move_text(entry: Entry) -> str:
    """Describe the move of an alias, or another action of the ledger."""
    if entry.alias:
        return f"{entry.before or 'nowhere'} -> {entry.after}"
    if entry.action == RETIRE:
        return f"retired: {len(entry.retired)} in all"
    return ""


def print_json(value: Any) -> int:
    """Print for a script."""
    print(json.dumps(value, ensure_ascii=False, indent=2))
    return DONE


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print for a person; columns empty in every row are left out."""
    from rich.console import Console
    from rich.table import Table

    lines = [tuple(map(str, row)) for row in rows]
    used = [at for at in range(len(columns)) if not lines or any(x[at] for x in lines)]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for at in used:
        table.add_column(columns[at], overflow="fold")
    for line in lines:
        table.add_row(*(line[at] for at in used))
    # a pipe has no width of its own, and a cut table is useless
    Console(width=None if sys.stdout.isatty() else 140).print(table)


@contextmanager
def watched() -> Iterator[StartProgress]:
    """Show a progress bar for each file transfer, on a terminal."""
    from rich import progress

    columns = (progress.DownloadColumn(), progress.TransferSpeedColumn())
    with _bars(*columns) as watch:
        yield watch


@contextmanager
def counted() -> Iterator[StartProgress]:
    """Show a progress bar for each stage of a long task, on a terminal."""
    from rich import progress

    with _bars(progress.MofNCompleteColumn(), progress.TimeRemainingColumn()) as watch:
        yield watch


@contextmanager
def _bars(*more: "ProgressColumn") -> Iterator[StartProgress]:
    if not sys.stderr.isatty():
        yield no_progress
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), *more)
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:

        def watch(name: str, size: int) -> OnBytes:
            bar = progress.add_task(name, total=size)
            return lambda moved: progress.advance(bar, moved)

        yield watch


def author() -> str:
    """Return the author of a change: HOTSEAT_BY, else the user of this machine."""
    try:
        return os.environ.get("HOTSEAT_BY") or getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such user, as in some containers
        return "unknown"

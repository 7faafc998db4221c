"""Start the playground: publish what comes along, serve it, print the address."""

import argparse
import os
import sys
import tempfile
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from hotseat_registry.errors import RegistryError
from hotseat_train.playground.models import bring, publish
from hotseat_train.playground.server import VENDOR, run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the playground."""
    parser.add_argument(
        "--port", type=int, default=0, help="of the page (default: a free one)"
    )
    parser.add_argument(
        "--no-browser", action="store_true", help="print the address, open nothing"
    )
    parser.add_argument("--registry", metavar="URI", help="of versions to bring along")
    parser.add_argument(
        "--with", dest="brought", metavar="REFERENCE", action="append", default=[],
        help="a version of --registry to play with too, such as a text model",
    )  # fmt: skip


def main(words: Sequence[str] | None = None) -> int:
    """Serve the playground until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="hotseat demo", description=__doc__)
    add_arguments(parser)
    return play(parser.parse_args(words))


def play(arguments: argparse.Namespace) -> int:
    """Serve the playground with parsed arguments."""
    if not (VENDOR / "hotseat.js").exists():
        print(
            "hotseat: this checkout has no page yet: make playground", file=sys.stderr
        )
        return 1
    with tempfile.TemporaryDirectory(prefix="hotseat-playground-") as folder:
        registry = f"file://{Path(folder, 'registry').as_posix()}"
        publish(registry)
        brought = getattr(arguments, "brought", [])  # an older SDK has no such option
        if brought:
            try:
                bring(registry, _source(arguments.registry), brought)
            except RegistryError as error:
                print(f"hotseat: {error}", file=sys.stderr)
                return 1

        def opened(address: str) -> None:
            print(f"the playground is on {address}   stop: Ctrl-C", flush=True)
            if not arguments.no_browser:
                webbrowser.open(address)

        return run(registry, Path(folder, "cache"), arguments.port, opened)


def _source(given: str | None) -> str:
    found = given or os.environ.get("HOTSEAT_REGISTRY")
    if not found:
        raise RegistryError("--with needs --registry URI, or HOTSEAT_REGISTRY")
    return found

"""The verb `model download`."""

import argparse
import sys

from hotseat._cli.service import Run, add_service
from hotseat._client import ModelServiceClient
from hotseat.errors import HotseatError


def download(parser: argparse.ArgumentParser) -> Run:
    """Download a version to this device, for answers while offline."""
    parser.description = (
        "Download a version to a folder and check its files. A game that runs offline "
        "finds it with client.download(reference, folder=FOLDER)."
    )
    parser.epilog = (
        "example: hotseat model download connect-four#live --folder assets/models"
    )
    parser.add_argument("reference", help="connect-four#live or connect-four@3")
    parser.add_argument("--folder", help="default: this user's cache folder")
    parser.add_argument(
        "--trust",
        metavar="FILE",
        action="append",
        default=[],
        help="a public key (PEM): accept only versions signed by it",
    )
    parser.add_argument(
        "--signed-head",
        action="store_true",
        help="with --trust: refuse a version that no signed head names",
    )
    add_service(parser, 60.0)
    return _download


def _download(arguments: argparse.Namespace) -> int:
    try:
        with ModelServiceClient(arguments.url) as client:
            version = client.download(
                arguments.reference,
                folder=arguments.folder,
                trust=arguments.trust,
                signed_head=arguments.signed_head,
                refresh=0,
                deadline=arguments.deadline,
            )
    except HotseatError as error:
        print(f"hotseat: {error}", file=sys.stderr)
        return 1
    key = f", signed by key {version.signed_by[:16]}..." if version.signed_by else ""
    print(f"{version.model}@{version.version} ({version.variant}){key}: "
          f"{version.folder}")  # fmt: skip
    if not version.is_current:
        print("the service is unavailable: this is the last verified download",
              file=sys.stderr)  # fmt: skip
    return 0

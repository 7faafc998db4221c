"""Run a deployment's whole life: ``make deploy-local``; --write saves it."""

import argparse
import re
import signal
import sys
import tempfile
import time
from pathlib import Path

from local_cloud.commands import environment
from local_cloud.lifecycle import Lifecycle
from local_cloud.pairs import CHANGES, Pairs
from local_cloud.processes import ROOT, LocalCloud

PAGE = ROOT / "docs/how-to/local-cloud.md"
TRANSCRIPT = re.compile(r"(?<=```transcript\n).*?(?=\n```)", re.DOTALL)


def main() -> int:
    """Run it; stop every process and remove every folder, whatever happens."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--write", action="store_true", help=f"write the transcript into {PAGE.name}"
    )
    parser.add_argument(
        "--pairs", nargs="*", metavar="KEY", help="walk pairs of deployment files"
    )
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="hotseat-cloud-") as folder,
        LocalCloud(Path(folder)) as cloud,
    ):
        environment(cloud)
        try:
            if arguments.pairs is None:
                Lifecycle(cloud, say).run()
            else:
                Pairs(cloud, say).walk(arguments.pairs or list(CHANGES))
        except Exception:
            sys.stderr.write(cloud.log())
            raise
    sys.stderr.write(f"in {time.monotonic() - began:.0f} seconds\n")
    if arguments.write and arguments.pairs is None:
        text = PAGE.read_text("utf-8")
        transcript = "\n".join(lines).strip()
        PAGE.write_text(TRANSCRIPT.sub(lambda _: transcript, text), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

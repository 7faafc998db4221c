"""``make deploy-local``: go the whole way and tell it; --write keeps the transcript."""

import argparse
import re
import signal
import sys
import tempfile
import time
from pathlib import Path

from local_cloud.commands import environment
from local_cloud.lifecycle import Journey
from local_cloud.processes import ROOT, Machine

PAGE = ROOT / "docs" / "local-cloud.md"
TRANSCRIPT = re.compile(r"(?<=```transcript\n).*?(?=\n```)", re.DOTALL)


def main() -> int:
    """Run; end every process and folder, whatever happens."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"into {PAGE.name}")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    told: list[str] = []

    def say(line: str) -> None:
        told.append(line)
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="hotseat-cloud-") as folder,
        Machine(Path(folder)) as machine,
    ):
        environment(machine)
        try:
            Journey(machine, say).run()
        except Exception:
            sys.stderr.write(machine.log())
            raise
    sys.stderr.write(f"in {time.monotonic() - began:.0f} seconds\n")
    if given.write:
        text = PAGE.read_text("utf-8")
        whole = "\n".join(told).strip()
        PAGE.write_text(TRANSCRIPT.sub(lambda _: whole, text), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Open a version in a subprocess with limits on time and memory.

``python -m hotseat_serve.runtime.trial`` reads one JSON object from standard
input, opens the graph, runs its golden rows, and writes the fault, or nothing. A graph
that never ends or fills the memory ends only that process, not the service.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotseat_registry.errors import IntegrityError
from hotseat_registry.manifest import Manifest

if TYPE_CHECKING:
    from hotseat_registry.encrypted_file import EncryptedFile

MEMORY = 512 << 20
"""Bytes beyond twice the version's own memory that it may take to open."""


def run(
    manifest: Manifest,
    variant: str,
    paths: Mapping[str, "Path | EncryptedFile"],
    *,
    seconds: float,
    threads: int,
    memory: int,
) -> None:
    """Open a version in a process of its own; raises `IntegrityError`.

    `paths` are ``graph`` and, if there are any, ``golden`` rows; `memory` is in bytes,
    beyond those of the process without the version.
    """
    trial_input = {
        "manifest": manifest.to_json(),
        "variant": variant,
        # over a pipe, which no file holds: an encrypted file comes with its key
        "paths": {
            name: str(path) if isinstance(path, Path) else path.to_json()
            for name, path in paths.items()
        },
        "threads": threads,
        "memory": memory,
        "seconds": seconds,
    }
    path = os.pathsep.join(sys.path)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "hotseat_serve.runtime.trial"],
            input=json.dumps(trial_input).encode(),
            capture_output=True,
            timeout=seconds,
            env={**os.environ, "PYTHONPATH": path},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise IntegrityError(
            f"{manifest.reference} was not open after {seconds:g} s"
        ) from None
    if done.returncode == 0:
        return
    output = done.stdout.decode(errors="replace").strip()
    why = output or f"its process ended with {done.returncode}"
    raise IntegrityError(f"{manifest.reference} does not open: {why[:500]}")


def main() -> int:
    """Open the version that standard input describes."""
    from hotseat_serve.runtime.loader import open_variant

    trial_input: dict[str, Any] = json.load(sys.stdin)
    manifest = Manifest.from_json(trial_input["manifest"])
    paths = {name: _file(value) for name, value in trial_input["paths"].items()}
    _limit(trial_input["memory"], trial_input["seconds"])
    try:
        open_variant(
            manifest,
            trial_input["variant"],
            paths,
            trial_input["threads"],
            trial_input["seconds"],
        )
    except (IntegrityError, MemoryError) as error:
        print(error or "it needs more memory than there is")  # noqa: T201 (to read)
        return 1
    return 0


def _file(value: Any) -> "Path | EncryptedFile":
    if isinstance(value, str):
        return Path(value)
    from hotseat_registry.encrypted_file import EncryptedFile

    return EncryptedFile.from_json(value)


def _limit(memory: int, seconds: float) -> None:
    """Limit the address space to its present size plus `memory`, if the system can.

    Processor time is limited too, in case the service ends before the trial.
    """
    try:
        import resource

        cores = os.cpu_count() or 1
        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (ceil(seconds * cores) + 1, most))
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * os.sysconf("SC_PAGE_SIZE") + memory
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    except (ImportError, OSError, ValueError):
        return  # Windows and macOS: only time is limited


if __name__ == "__main__":
    sys.exit(main())

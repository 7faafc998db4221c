"""Latency, and the memory and start of a fresh process."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hotseat_registry import Manifest
from hotseat_serve.kinds.options import Options
from hotseat_serve.problems import Problem
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_train.data.dataset import Requests

MEMORY = """
from pathlib import Path

def memory(name):
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    return 1024 * int(status.read_text().partition(name + ":")[2].split()[0])
"""
"""Source of a function for a fresh process: bytes by a name of /proc/self/status."""
_FRESH = f"""{MEMORY}
import json, sys, time
from contextlib import suppress
from hotseat_registry import Manifest
from hotseat_serve.runtime.loader import open_variant
from hotseat_serve.kinds.options import Options
from hotseat_serve.problems import Problem
import hotseat_serve.adapters.api_gateway, hotseat_serve.api.router # as a function has

work = json.load(sys.stdin)
manifest = Manifest.from_json(work["manifest"])
before = memory("VmRSS")
with suppress(OSError):
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
start = time.perf_counter()
paths = {{name: Path(path) for name, path in work["paths"].items()}}
model = open_variant(manifest, work["variant"], paths, 1, 600)
for number, (value, options) in enumerate(work["requests"]):
    with suppress(Problem):
        model.predict([value], options=Options(**options))
    if not number:
        first = time.perf_counter() - start
        cold = time.time() - work["began"]
print(json.dumps({{"memory_bytes": memory("VmHWM") - before, "start_ms": 1000 * first,
                  "cold_start_ms": 1000 * cold}}))
"""
_MEMORY_ROWS = 50
_STARTS = 3
"""Number of cold starts that the median is of."""


def latency(models: Mapping[str, LoadedModel], requests: Requests) -> dict[str, float]:
    """Return each variant's median milliseconds for one input, codec included.

    The variants take turns, so that a drift of the machine's speed does not change
    their ratio. The time of a generator without a result counts, too.
    """
    times: dict[str, list[float]] = {name: [] for name in models}
    for value, wished in requests:
        options = Options(**wished)
        for name, model in models.items():
            start = time.perf_counter()
            try:
                model.predict([value], options=options)
            except Problem as problem:
                if problem.code != "not_generated":
                    raise
            times[name].append(time.perf_counter() - start)
    return {name: 1000 * statistics.median(t) for name, t in times.items()}


def fresh_process(
    manifest: Manifest, variant: str, folder: Path, requests: Requests
) -> dict[str, float]:
    """Return memory and times of fresh processes that open a variant and answer.

    ``memory_bytes`` is the peak above the memory after the imports (on Linux alone),
    ``start_ms`` the time from there to the first answer, ``cold_start_ms`` that from
    the start of the process, with the service's imports; both are medians. `folder`
    holds the variant's files and those of the signature.
    """
    names = (*manifest.needed_files, *manifest.variant(variant).files)
    work: dict[str, Any] = {
        "manifest": manifest.to_json(),
        "variant": variant,
        "paths": {
            "graph": str(folder / manifest.variant(variant).file),
            **{name: str(folder / name) for name in names},
        },
        "requests": list(requests[:_MEMORY_ROWS]),
    }
    first, *others = [
        _measure({**work, "requests": work["requests"][:rows]})
        for rows in (_MEMORY_ROWS, *[1] * (_STARTS - 1))
    ]
    found = {
        name: round(statistics.median([first[name], *(one[name] for one in others)]), 1)
        for name in ("start_ms", "cold_start_ms")
    }
    memory = first["memory_bytes"]
    return {**({"memory_bytes": round(memory)} if memory > 0 else {}), **found}


def _measure(work: Mapping[str, Any]) -> dict[str, float]:
    """Run a fresh process; return what it measured."""
    done = subprocess.run(  # noqa: S603 (our own code)
        [sys.executable, "-c", _FRESH],
        input=json.dumps({**work, "began": time.time()}),
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found

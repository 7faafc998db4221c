"""What an answer takes: time, and memory."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from hotseat_registry import Manifest
from hotseat_serve.kinds.options import Options
from hotseat_serve.problems import Problem
from hotseat_serve.runtime.loader import LoadedModel
from hotseat_train.data.dataset import Asked

_ASKED = """
import json, sys
from contextlib import suppress
from pathlib import Path
from hotseat_registry import Manifest
from hotseat_serve.runtime.loader import Loaded
from hotseat_serve.kinds.options import Options
from hotseat_serve.problems import Problem
from hotseat_serve.runtime.session import Session

def told(name):
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition(name + ":")[2].split()[0])

given = json.load(sys.stdin)
manifest = Manifest.from_json(given["manifest"])
variant = manifest.variant(given["variant"])
before = told("VmRSS")
Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
path = Path(given["folder"], variant.file)
session = Session(path, optimized=bool(variant.optimized))
model = Loaded(manifest, variant.name, session)
for value, options in given["asked"]:
    with suppress(Problem):
        model.predict([value], options=Options(**options))
print(told("VmHWM") - before)
"""
_MEMORY_ROWS = 50


def latency(models: Mapping[str, LoadedModel], asked: Asked) -> dict[str, float]:
    """Return each variant's median milliseconds for one input, codec included.

    The variants take turns, so that their ratio holds when the machine's speed drifts.
    A generator that finds nothing has taken its time as well.
    """
    times: dict[str, list[float]] = {name: [] for name in models}
    for value, wished in asked:
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


def memory(
    manifest: Manifest, variant: str, folder: Path, asked: Asked
) -> dict[str, int]:
    """Return the bytes that a fresh process needs at most to open and ask a variant.

    Counted from where the runtime is imported and nothing is open yet. Only Linux
    tells; elsewhere nothing is returned.
    """
    if not Path("/proc/self/clear_refs").exists():
        return {}
    given = {
        "manifest": manifest.to_json(),
        "variant": variant,
        "folder": str(folder),
        "asked": list(asked[:_MEMORY_ROWS]),
    }
    done = subprocess.run(  # noqa: S603 (our own code)
        [sys.executable, "-c", _ASKED],
        input=json.dumps(given),
        check=True,
        capture_output=True,
        text=True,
    )
    return {"memory_bytes": int(done.stdout)}

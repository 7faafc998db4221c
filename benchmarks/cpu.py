"""Which processor the figures are of."""

import platform
from pathlib import Path


def name():
    """Return the processor's name, family and model."""
    found = {}
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            found.setdefault(key.strip(), value.strip())
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    kind = f"family {found.get('cpu family')}, model {found.get('model')}"
    return f"{found.get('model name')} ({kind})"

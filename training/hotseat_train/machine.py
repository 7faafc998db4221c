"""The machine of a measurement: its processor."""

import platform
from pathlib import Path

_RELEVANT = (
    "avx2", "avx512f", "avx_vnni", "avx512_vnni", "amx_int8",
    "asimddp", "i8mm", "sve",
)  # fmt: skip
"""Instructions on which the speed of fp32 and int8 depends."""


def cpu() -> str:
    """Return the processor's name."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def features() -> list[str]:
    """Return the processor's instructions among those that matter for int8."""
    there = set((_cpuinfo("flags") or _cpuinfo("Features")).split())
    return [name for name in _RELEVANT if name in there]


def _cpuinfo(name: str) -> str:
    """Return a value of the first processor; empty without one."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.partition(":")[0].strip() == name:
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux
    return ""

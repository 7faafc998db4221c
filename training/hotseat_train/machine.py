"""What a figure was measured on."""

import platform
from pathlib import Path

_TELLING = (
    "avx2", "avx512f", "avx_vnni", "avx512_vnni", "amx_int8",
    "asimddp", "i8mm", "sve",
)  # fmt: skip
"""Instructions that decide how fast fp32 and int8 are."""


def cpu() -> str:
    """Return the processor's name."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def features() -> list[str]:
    """Return which of the instructions that matter for int8 the processor has."""
    there = set((_cpuinfo("flags") or _cpuinfo("Features")).split())
    return [name for name in _TELLING if name in there]


def _cpuinfo(name: str) -> str:
    """Return what the first processor's entry says; nothing where there is none."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.partition(":")[0].strip() == name:
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux
    return ""

"""How much memory, disk and time a training will take, before it begins.

The memory follows from the number of rows and columns; the constants are those of
LightGBM's arrays, held against runs by ``make bench-size``. The time is measured on a
sample of the table on this machine, and grows with the rows.
"""

import os
import resource
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_ROW = 62
"""Bytes of a row besides its columns: target, gradients, its place in a leaf."""
_LABEL = 16
"""Bytes of a row for each label's trees: the score, its gradient and second one."""
_FIXED = 280 << 20
"""Bytes that do not grow: the sample, batches, histograms, the kept rows."""
_OBJECT = 110
"""Bytes of a cell that lies in memory as a Python object, in rows and columns."""
_FREE = 0.6
"""Share of the free memory that a training in memory may take."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a streamed training will take."""

    rows: int
    columns: int
    memory_bytes: int
    """Of the whole process at its peak."""
    disk_bytes: int
    """Encoded rows, removed when the training is done."""
    seconds: float
    """If the trees stop growing at the most; usually they stop earlier."""

    def to_json(self) -> dict[str, Any]:
        """Return the forecast for the run's record."""
        return asdict(self)


def streamed(
    rows: int,
    columns: int,
    labels: int,
    *,
    seconds_read: float,
    seconds_a_tree: float,
    trees: int,
    base: int,
) -> Forecast:
    """Forecast a streamed training.

    `seconds_read` are those of one pass over the table, `seconds_a_tree` of one
    iteration over all rows; `base` are bytes that the process has now.
    """
    scores = 1 if labels == 2 else labels
    a_row = columns + _ROW + _LABEL * scores
    return Forecast(
        rows=rows,
        columns=columns,
        memory_bytes=base + _FIXED + rows * a_row,
        disk_bytes=rows * 4 * (columns + 1),
        seconds=2.5 * seconds_read + trees * seconds_a_tree,
    )


def in_memory_bytes(rows: int, columns: int) -> int:
    """Return the bytes of a table that is read as a whole."""
    return rows * columns * _OBJECT


def fits(rows: int, columns: int) -> bool:
    """Whether a table can be read as a whole on this machine, with room to spare."""
    return in_memory_bytes(rows, columns) < _FREE * free_memory()


def free_memory() -> int:
    """Return the bytes that this process may still take, as far as the system says."""
    limits = [_number(Path("/sys/fs/cgroup/memory.max"))]
    used = _number(Path("/sys/fs/cgroup/memory.current")) or 0
    free = [limit - used for limit in limits if limit is not None]
    try:
        free.append(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
        text = Path("/proc/meminfo").read_text("ascii")
        found = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        free[-1] = int(found["MemAvailable"].split()[0]) * 1024
    except (OSError, ValueError, KeyError):  # not Linux
        pass
    return min(free, default=4 << 30)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text("ascii"))
    except (OSError, ValueError):  # no such limit
        return None


def peak_memory() -> int:
    """Return the most bytes that this process has had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def free_disk(folder: Path) -> int:
    """Return the free bytes of a folder's disk."""
    return shutil.disk_usage(folder).free


def sentence(forecast: Forecast) -> str:
    """Return the forecast for a person."""
    minutes = forecast.seconds / 60
    return (
        f"{forecast.rows:,} rows of {forecast.columns} columns: at most "
        f"{forecast.memory_bytes / 1e9:.1f} GB of memory, "
        f"{forecast.disk_bytes / 1e9:.1f} GB of disk and "
        f"{minutes:.0f} minutes if every tree is needed"
    )

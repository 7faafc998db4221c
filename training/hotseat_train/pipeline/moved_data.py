"""Names the table of a run again, after it was moved."""

import hashlib
from pathlib import Path

from hotseat_train import run as runs
from hotseat_train.run import Run


def follow(source: Run, path: Path) -> bool:
    """Record that the run's table is now at `path`; return whether it is that table.

    False, and nothing changes, if the recorded table is still there, or the file at
    `path` has another content. Raises `RunError` for an unfinished run.
    """
    record = source.read()
    table = record.get("table")
    if table is None or not path.is_file() or Path(table["path"]).exists():
        return False
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != record["data"]["sha256"]:
        return False
    moved = {**record, "table": {**table, "path": str(path.resolve())}}
    runs.write(source.record, moved)
    return True

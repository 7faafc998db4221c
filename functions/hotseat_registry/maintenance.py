"""Maintenance of a registry by schedule: the handler of a Lambda function.

The function is this package in a zip file on Lambda's own Python, which brings boto3;
nothing else is installed. So signatures are not checked here: functions that trust keys
check them at each start, and `hotseat model verify --trust` does it by hand.
"""

import json
import os
import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from hotseat_registry import open_registry
from hotseat_registry.audit import audit
from hotseat_registry.errors import IntegrityError
from hotseat_registry.gc import collect_garbage
from hotseat_registry.registry import Registry

REGISTRY = "HOTSEAT_REGISTRY"
AUTHOR = "maintenance"
"""Who retires versions, in the ledger."""


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Run one job and return its report, which is also a line of the log.

    `event` is ``{"job": "verify"}`` or ``{"job": "collect", "keep_days": 30}``. Raises
    `IntegrityError` for damage, so that the function's metric of errors counts it,
    `StoreError` where the bucket cannot be reached, and `ValueError` for any other job.
    """
    registry = open_registry(os.environ[REGISTRY])
    job = event.get("job")
    if job == "verify":
        return _verify(registry)
    if job == "collect":
        return _collect(registry, timedelta(days=float(event["keep_days"])))
    raise ValueError(f"no job {job!r}; there are: verify, collect")


def _verify(registry: Registry) -> dict[str, Any]:
    found = audit(registry)
    report = _write("verify", versions=found.versions, files=found.files,
                    damage=list(found.damage))  # fmt: skip
    if found.damage:
        raise IntegrityError(
            f"{len(found.damage)} damaged, the first: {found.damage[0]}"
        )
    return report


def _collect(registry: Registry, keep: timedelta) -> dict[str, Any]:
    report = collect_garbage(registry, by=AUTHOR, keep=keep)
    return _write("collect", retired=list(report.retired), skipped=list(report.skipped),
                  unnamed=len(report.unnamed), removed=len(report.removed))  # fmt: skip


def _write(job: str, **fields: Any) -> dict[str, Any]:
    """Write a report as one line of JSON, and return it."""
    report = {"message": "maintenance", "job": job, **fields}
    sys.stdout.write(json.dumps(report) + "\n")
    return report

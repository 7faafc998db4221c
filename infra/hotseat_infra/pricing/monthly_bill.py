"""Monthly bill of a stage: its file, measured milliseconds and traffic."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hotseat_infra.deployment import Model
from hotseat_infra.deployment.schema import TMP_MB
from hotseat_infra.pricing.traffic import (
    MONTH,
    WEEK,
    Traffic,
    cold_starts,
    environments,
)

CORE_MB = 1769
"""Memory at which a function has one core (docs.aws.amazon.com, "Configure memory")."""
SIZES = (256, 512, 1024, 1769, 3008)
RUNTIME_MS = 1.0
"""Added to a prediction by the runtime client and the handler (`make bench-cold`)."""
LOG_BYTES = 1100
"""One request's log line, with what CloudWatch adds."""
METRICS = 21
"""Of one model: eight by model, eight by version, two by the function's version, three
of registry events."""
TRACED_SHARE = 0.05
"""X-Ray's default rule: the first request of a second, and this share of the rest."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Milliseconds of a prediction on one whole core."""

    warm: float
    """Of one prediction in a warm function."""
    cold: float = 600.0
    """Of a cold start: 235 measured by `make bench-cold`; the rest is AWS's part."""


@dataclass(frozen=True, slots=True)
class Bill:
    """Dollars a month, by item."""

    what: str
    milliseconds: float
    """Of one warm request."""
    cold: float
    """Cold starts in a thousand requests."""
    parts: Mapping[str, float]

    @property
    def total(self) -> float:
        """The sum of all items."""
        return sum(self.parts.values())


def of_a_million(item: Bill, traffic: Traffic) -> float:
    """Return the dollars of Lambda for a million answers, at the month's traffic."""
    names = ("requests", "compute", "provisioned", "storage", "snapshot", "starts")
    whole = sum(item.parts.get(name, 0.0) for name in names)
    return whole * 1e6 / traffic.requests


def provisioned_by_hour(model: Model) -> list[int]:
    """Return the provisioned concurrency in each hour of the week."""
    usual = [model.provisioned_concurrency] * WEEK
    if model.schedule is not None:
        for hour in model.schedule.hours:
            usual[hour] = model.schedule.concurrency
    return usual


def bill(
    what: str,
    model: Model,
    api: str,
    traffic: Traffic,
    speed: Speed,
    table: Mapping[str, Any],
    log_days: int = 30,
) -> Bill:
    """Return a month's bill of one model.

    Below one core a request takes proportionally longer; more than one core does not
    help, as a prediction runs on one thread. AWS bills whole milliseconds.
    """
    slower = CORE_MB / min(model.memory_mb, CORE_MB)
    spent = (speed.warm + RUNTIME_MS) * slower
    seconds = math.ceil(spent) / 1000
    gigabytes = model.memory_mb / 1024
    rates, provisioned = traffic.rates(), provisioned_by_hour(model)
    cold = cold_starts(rates, seconds, provisioned)
    paid, kind = table["lambda"], model.architecture
    # the load on provisioned environments, and the rest
    month = 3600 * MONTH / WEEK
    provisioned_seconds = month * sum(
        min(r * seconds, k) for r, k in zip(rates, provisioned, strict=True)
    )
    rest = max(0.0, traffic.requests * seconds - provisioned_seconds)
    parts = {
        "requests": traffic.requests * paid["request"],
        "compute": gigabytes
        * (
            rest * paid["gigabyte_second"][kind]
            + provisioned_seconds * paid["provisioned_duration_gigabyte_second"][kind]
        ),
        "api": traffic.requests * table["api"][f"{api}_request"],
        "out": traffic.requests
        * traffic.answer_bytes / 1e9 * table["api"]["out_gigabyte"],
        "logs": log_cost(traffic.requests * LOG_BYTES, log_days, table),
        "metrics": METRICS * table["cloudwatch"]["metric_month"],
        "alarms": alarm_metrics(model) * table["cloudwatch"]["alarm_metric_month"],
        "traces": _traces(rates) * table["xray"]["trace"],
    }  # fmt: skip
    more = (model.ephemeral_storage_mb - TMP_MB) / 1024
    if more:
        parts["storage"] = (
            traffic.requests * seconds * more * paid["storage_gigabyte_second"]
        )
    if any(provisioned):
        provisioned_total = month * sum(provisioned) * gigabytes
        parts["provisioned"] = (
            provisioned_total * paid["provisioned_gigabyte_second"][kind]
        )
    if model.snapstart:
        snap = paid["snapstart"]
        parts["snapshot"] = gigabytes * (
            3600 * MONTH * snap["cache_gigabyte_second"]
            + cold * snap["restore_gigabyte"]
        )
    else:
        starting = cold * speed.cold * slower / 1000
        parts["starts"] = starting * gigabytes * paid["gigabyte_second"][kind]
    if model.mode == "dynamic":
        # each environment checks its alias at most once in `refresh_seconds`
        checks = sum(
            min(r, environments(r, seconds) / model.refresh_seconds) for r in rates
        )
        parts["registry"] = month * checks * table["s3"]["get_request"]
    share = 1000 * cold / traffic.requests if traffic.requests else 0.0
    return Bill(what, spent, share, parts)


def alarm_metrics(model: Model) -> int:
    """Return how many metrics a model's alarms read; each is billed.

    Slow reads two and Failing three; Refused, Unreachable and Throttled one each, and
    Spillover one with provisioned concurrency; a canary's two alarms five.
    """
    provisioned = bool(model.provisioned_concurrency or model.schedule)
    return 8 + provisioned + (0 if model.canary == "ALL_AT_ONCE" else 5)


def log_cost(size: float, days: int, table: Mapping[str, Any]) -> float:
    """Return the cost of `size` bytes of logs a month, which are kept for `days`."""
    prices, gigabytes = table["cloudwatch"], size / 1e9
    kept = gigabytes * days / 30
    return float(
        gigabytes * prices["log_gigabyte"] + kept * prices["stored_log_gigabyte_month"]
    )


def compare(
    model: Model,
    api: str,
    traffic: Traffic,
    speed: Speed,
    table: Mapping[str, Any],
    log_days: int = 30,
) -> list[Bill]:
    """Return the bill as deployed, for other sizes and ways, and for machines."""
    plain = replace(model, provisioned_concurrency=0, snapstart=False, schedule=None)
    ways = [(f"as deployed, {model.memory_mb:,} MB", model)]
    ways += [
        (f"on demand, {size:,} MB", replace(plain, memory_mb=size)) for size in SIZES
    ]
    ways += [
        ("one kept warm", replace(plain, provisioned_concurrency=1)),
        ("SnapStart", replace(plain, snapstart=True)),
    ]
    bills = [
        bill(what, way, api, traffic, speed, table, log_days) for what, way in ways
    ]
    return [*bills, *_machines(traffic, speed, table)]


def _machines(traffic: Traffic, speed: Speed, table: Mapping[str, Any]) -> list[Bill]:
    """Return the costs of small machines that always run: without and with a balancer.

    Their number follows from the month's mean load against their CPU credits, and from
    the busiest hour against six tenths of their cores.
    """
    kind, rates = table["machine"], traffic.rates()
    spent = speed.warm + RUNTIME_MS
    busy = [rate * spent / 1000 for rate in rates]
    mean = sum(busy) / WEEK / (kind["cores"] * kind["share"])
    needed = math.ceil(max(mean, max(busy) / (kind["cores"] * 0.6), 1.0))
    units = sum(rates) / WEEK / 25  # one unit has 25 new connections a second

    def parts(count: int, *, balanced: bool) -> dict[str, float]:
        costs = {
            "machines": MONTH * count * (kind["hour"] + kind["address_hour"]),
            "out": traffic.requests * traffic.answer_bytes / 1e9
            * table["api"]["out_gigabyte"],
            "logs": log_cost(traffic.requests * LOG_BYTES, 30, table),
            "metrics": METRICS * table["cloudwatch"]["metric_month"],
        }  # fmt: skip
        if balanced:
            costs["balancer"] = MONTH * (
                kind["balancer_hour"]
                + 2 * kind["address_hour"]
                + units * kind["balancer_unit_hour"]
            )
        return costs

    spare = max(2, needed)
    return [
        Bill(f"{needed} x {kind['name']}, no spare", spent, 0.0,
             parts(needed, balanced=needed > 1)),
        Bill(f"{spare} x {kind['name']}, balanced", spent, 0.0,
             parts(spare, balanced=True)),
    ]  # fmt: skip


def _traces(rates: list[float]) -> float:
    """Return the number of traces in a month by X-Ray's default rule."""
    first = [min(rate, 1.0) for rate in rates]
    others = [TRACED_SHARE * (r - f) for r, f in zip(rates, first, strict=True)]
    return 3600 * MONTH / WEEK * (sum(first) + sum(others))

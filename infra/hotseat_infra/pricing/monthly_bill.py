"""What a month costs, by the deployment file, measured milliseconds and the traffic."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hotseat_infra.deployment import DeploymentError, Model, Stage
from hotseat_infra.pricing.traffic import (
    MONTH,
    WEEK,
    Traffic,
    cold_starts,
    environments,
)

PRICES = Path(__file__).with_name("prices.toml")
CORE_MB = 1769
"""Memory at which a function has one core (docs.aws.amazon.com, "Configure memory")."""
SIZES = (256, 512, 1024, 1769, 3008)
RUNTIME_MS = 1.0
"""Around a prediction: Lambda's runtime client and the handler (`make bench-cold`)."""
LOG_BYTES = 1100
"""Of one request's line, with what CloudWatch adds."""
METRICS = 19
"""Of one model: eight by model, eight by version, three events of its registry."""
ALARM_METRICS = 6
"""That the four alarms of a model look at."""
TRACED = 0.05
"""X-Ray's own rule: the first request of a second, and this share of the others."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Milliseconds on one whole core."""

    warm: float
    """Of one prediction."""
    cold: float = 600.0
    """Of a cold start: ours takes 235 here (`make bench-cold`), the rest is AWS's."""


@dataclass(frozen=True, slots=True)
class Bill:
    """Dollars a month, by what they are for."""

    what: str
    milliseconds: float
    """Of one warm request."""
    cold: float
    """Cold starts in a thousand requests."""
    parts: Mapping[str, float]

    @property
    def total(self) -> float:
        """All of it."""
        return sum(self.parts.values())


def prices(path: Path = PRICES) -> dict[str, Any]:
    """Read the prices; raises `DeploymentError`."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise DeploymentError(f"{path}: {error}") from None


def kept_warm(model: Model) -> list[int]:
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
) -> Bill:
    """Return a month's bill of one model.

    Below one core a request takes longer in proportion, above it no shorter: one
    prediction runs on one thread. A duration is paid in whole milliseconds.
    """
    slower = CORE_MB / min(model.memory_mb, CORE_MB)
    spent = (speed.warm + RUNTIME_MS) * slower
    seconds = math.ceil(spent) / 1000
    gigabytes = model.memory_mb / 1024
    rates, kept = traffic.rates(), kept_warm(model)
    cold = cold_starts(rates, seconds, kept)
    paid, kind = table["lambda"], model.architecture
    # what those kept warm bear, and what is left to others
    month = 3600 * MONTH / WEEK
    borne = month * sum(min(r * seconds, k) for r, k in zip(rates, kept, strict=True))
    rest = max(0.0, traffic.requests * seconds - borne)
    parts = {
        "requests": traffic.requests * paid["request"],
        "compute": gigabytes
        * (
            rest * paid["gigabyte_second"][kind]
            + borne * paid["provisioned_duration_gigabyte_second"][kind]
        ),
        "api": traffic.requests * table["api"][f"{api}_request"],
        "out": traffic.requests
        * traffic.answer_bytes / 1e9 * table["api"]["out_gigabyte"],
        "logs": _logs(traffic, table),
        "metrics": _metrics(table),
        "traces": _traces(rates) * table["xray"]["trace"],
    }  # fmt: skip
    if any(kept):
        held = month * sum(kept) * gigabytes
        parts["provisioned"] = held * paid["provisioned_gigabyte_second"][kind]
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
        # each environment looks once in `refresh_seconds`, and not without a request
        looks = sum(
            min(r, environments(r, seconds) / model.refresh_seconds) for r in rates
        )
        parts["registry"] = month * looks * table["s3"]["get_request"]
    share = 1000 * cold / traffic.requests if traffic.requests else 0.0
    return Bill(what, spent, share, parts)


def compare(
    model: Model, api: str, traffic: Traffic, speed: Speed, table: Mapping[str, Any]
) -> list[Bill]:
    """Return the bill as deployed, of other memory sizes and ways, and of machines."""
    plain = replace(model, provisioned_concurrency=0, snapstart=False, schedule=None)
    ways = [(f"as deployed, {model.memory_mb:,} MB", model)]
    ways += [
        (f"on demand, {size:,} MB", replace(plain, memory_mb=size)) for size in SIZES
    ]
    ways += [
        ("one kept warm", replace(plain, provisioned_concurrency=1)),
        ("SnapStart", replace(plain, snapstart=True)),
    ]
    bills = [bill(what, way, api, traffic, speed, table) for what, way in ways]
    return [*bills, *_machines(traffic, speed, table)]


def shared(stage: Stage, requests: float, table: Mapping[str, Any]) -> Bill:
    """Return what a stage's models share: keys, dashboard, firewall."""
    parts = {
        "dashboard": table["cloudwatch"]["dashboard_month"],
        # of the topic, and of the registry where it is the stage's own
        "keys": table["kms"]["key_month"] * (1 if stage.registry else 2),
    }
    if stage.api.waf:
        firewall = table["waf"]
        parts["firewall"] = (
            firewall["acl_month"]
            + 2 * firewall["rule_month"]
            + requests * firewall["request"]
        )
    return Bill("shared by the stage", 0.0, 0.0, parts)


def _machines(traffic: Traffic, speed: Speed, table: Mapping[str, Any]) -> list[Bill]:
    """Return what small machines cost that are always on: few, and with a balancer.

    More of them where the month's mean is more than their credits bear, or its busiest
    hour more than six tenths of their cores.
    """
    kind, rates = table["machine"], traffic.rates()
    spent = speed.warm + RUNTIME_MS
    busy = [rate * spent / 1000 for rate in rates]
    mean = sum(busy) / WEEK / (kind["cores"] * kind["share"])
    needed = math.ceil(max(mean, max(busy) / (kind["cores"] * 0.6), 1.0))
    units = sum(rates) / WEEK / 25  # one takes 25 new connections a second

    def parts(count: int, *, balanced: bool) -> dict[str, float]:
        found = {
            "machines": MONTH * count * (kind["hour"] + kind["address_hour"]),
            "out": traffic.requests * traffic.answer_bytes / 1e9
            * table["api"]["out_gigabyte"],
            "logs": _logs(traffic, table),
            "metrics": _metrics(table),
        }  # fmt: skip
        if balanced:
            found["balancer"] = MONTH * (
                kind["balancer_hour"]
                + 2 * kind["address_hour"]
                + units * kind["balancer_unit_hour"]
            )
        return found

    spare = max(2, needed)
    return [
        Bill(f"{needed} x {kind['name']}, no spare", spent, 0.0,
             parts(needed, balanced=needed > 1)),
        Bill(f"{spare} x {kind['name']}, balanced", spent, 0.0,
             parts(spare, balanced=True)),
    ]  # fmt: skip


def _logs(traffic: Traffic, table: Mapping[str, Any]) -> float:
    gigabytes: float = traffic.requests * LOG_BYTES / 1e9
    return gigabytes * float(table["cloudwatch"]["log_gigabyte"])


def _metrics(table: Mapping[str, Any]) -> float:
    watch = table["cloudwatch"]
    looked_at = ALARM_METRICS * float(watch["alarm_metric_month"])
    return METRICS * float(watch["metric_month"]) + looked_at


def _traces(rates: list[float]) -> float:
    """Return a month's traces by X-Ray's own rule."""
    first = [min(rate, 1.0) for rate in rates]
    others = [TRACED * (r - f) for r, f in zip(rates, first, strict=True)]
    return 3600 * MONTH / WEEK * (sum(first) + sum(others))

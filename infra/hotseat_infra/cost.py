"""What a month costs, by the deployment file, measured milliseconds and the traffic."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hotseat_infra.deployment import DeploymentError, Model

PRICES = Path(__file__).with_name("prices.toml")
HOURS = 730
"""Of an average month."""
CORE_MB = 1769
"""Memory at which a function has one core (docs.aws.amazon.com, "Configure memory")."""
SIZES = (256, 512, 1024, 1769, 3008)


@dataclass(frozen=True, slots=True)
class Traffic:
    """A month of requests."""

    requests: float
    milliseconds: float
    """Of one request, measured on one whole core."""
    cold_share: float = 0.001
    """Of requests that meet a cold start."""
    cold_milliseconds: float = 600.0
    """Of a cold start, on one whole core."""


@dataclass(frozen=True, slots=True)
class Bill:
    """Dollars a month, by what they are for."""

    what: str
    milliseconds: float
    """Of one warm request, at this memory."""
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


def bill(
    what: str, model: Model, api: str, traffic: Traffic, table: Mapping[str, Any]
) -> Bill:
    """Return a month's bill of one model.

    Below one core a request takes longer in proportion, above it no shorter: one
    prediction runs on one thread.
    """
    spent = traffic.milliseconds * CORE_MB / min(model.memory_mb, CORE_MB)
    cold = traffic.cold_milliseconds * CORE_MB / min(model.memory_mb, CORE_MB)
    gigabytes = model.memory_mb / 1024
    seconds = traffic.requests * spent / 1000
    starting = traffic.requests * traffic.cold_share * cold / 1000
    function, kind = table["lambda"], model.architecture
    parts = {
        "requests": traffic.requests * function["request"],
        "api": traffic.requests * table["api"][f"{api}_request"],
        "logs": traffic.requests
        * table["cloudwatch"]["log_bytes_a_request"]
        / 1e9
        * table["cloudwatch"]["log_gigabyte"],
    }
    if model.provisioned_concurrency:
        held = HOURS * 3600 * model.provisioned_concurrency * gigabytes
        parts["provisioned"] = held * function["provisioned_gigabyte_second"][kind]
        rate = function["provisioned_duration_gigabyte_second"][kind]
        parts["compute"] = seconds * gigabytes * rate
    else:
        rate = function["gigabyte_second"][kind]
        if model.snapstart:
            snap = function["snapstart"]
            parts["snapstart"] = gigabytes * (
                HOURS * 3600 * snap["cache_gigabyte_second"]
                + traffic.requests * traffic.cold_share * snap["restore_gigabyte"]
            )
            starting = 0.0
        parts["compute"] = (seconds + starting) * gigabytes * rate
    if model.mode == "dynamic":
        # at most: one warm function that is asked all month, or a look a request
        looks = min(HOURS * 3600 / max(model.refresh_seconds, 0.1), traffic.requests)
        parts["registry"] = looks * table["s3"]["get_request"]
    return Bill(what, spent, parts)


def compare(
    model: Model, api: str, traffic: Traffic, table: Mapping[str, Any]
) -> list[Bill]:
    """Return the bill as deployed, of other memory sizes and ways, and of machines."""
    bills = [bill(f"as deployed, {model.memory_mb} MB", model, api, traffic, table)]
    plain = replace(model, provisioned_concurrency=0, snapstart=False, schedule=None)
    for size in SIZES:
        name = f"on demand, {size} MB"
        sized = replace(plain, memory_mb=size)
        bills.append(bill(name, sized, api, traffic, table))
    warm = replace(plain, provisioned_concurrency=1)
    bills.append(bill("one kept warm", warm, api, traffic, table))
    snap = replace(plain, snapstart=True)
    bills.append(bill("SnapStart", snap, api, traffic, table))
    machine = table["instance"]
    peak = traffic.requests / (HOURS * 3600) * 4  # four times the average
    count = max(1, -(-peak // machine["requests_per_second"]))
    hours = HOURS * machine["hour"] * count
    bills.append(
        Bill(f"{machine['name']}, {count:.0f}x", traffic.milliseconds, {"hours": hours})
    )
    return bills

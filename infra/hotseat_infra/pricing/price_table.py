"""The price table: one file, with what differs in each region."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hotseat_infra.errors import DeploymentError

PRICES = Path(__file__).with_name("prices.toml")


def read_prices(path: Path = PRICES, region: str = "") -> dict[str, Any]:
    """Read the prices of a region; empty: those of the table's own region.

    ``region`` of the result is the one whose prices these are: the table's own where it
    has none of the region that was wanted. ``own`` is the number of the region's own
    figures, ``compared`` lists those with a second source. Raises `DeploymentError`.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise DeploymentError(f"{path}: {error}") from None
    regions = table.pop("regions", {})
    found = regions.get(region, {})
    compared = found.pop("compared", [])
    result = _merged(table, found)
    if region in regions:
        result["region"] = region
    own = sum(len(prices) for prices in found.values())
    return {**result, "own": own, "compared": compared}


def _merged(table: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table with the figures of another in the place of its own."""
    return {
        **table,
        **{
            key: _merged(table[key], value) if isinstance(value, dict) else value
            for key, value in other.items()
        },
    }

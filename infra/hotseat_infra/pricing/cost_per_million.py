"""Cost of a million answers, for the comparison of models.

Training loads it by the entry point group ``hotseat.prices``: the prices are in one
place, and neither package imports the other.
"""

import math

from hotseat_infra.pricing.monthly_bill import CORE_MB, SIZES
from hotseat_infra.pricing.price_table import read_prices


def cost_per_million(
    milliseconds: float, architecture: str = "arm64"
) -> dict[int, float]:
    """Return dollars for a million warm requests, by the function's memory in MB.

    Includes Lambda's requests and compute on demand, not the API in front.
    `milliseconds` are of one prediction on a whole core; AWS bills whole ones.
    """
    lambda_prices = read_prices()["lambda"]
    rate = lambda_prices["gigabyte_second"][architecture]
    dollars = {}
    for size in SIZES:
        seconds = math.ceil(milliseconds * CORE_MB / min(size, CORE_MB)) / 1000
        dollars[size] = 1e6 * (lambda_prices["request"] + seconds * size / 1024 * rate)
    return dollars

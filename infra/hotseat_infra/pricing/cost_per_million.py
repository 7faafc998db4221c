"""What a million answers cost, for whoever compares models.

Training asks for it by the entry point group ``hotseat.prices``: the prices stand in
one place, and neither room imports the other.
"""

import math

from hotseat_infra.pricing.monthly_bill import CORE_MB, SIZES, prices


def cost_per_million(
    milliseconds: float, architecture: str = "arm64"
) -> dict[int, float]:
    """Return dollars for a million warm requests, by the function's memory in MB.

    Lambda's requests and compute on demand, without the API in front. `milliseconds`
    are of one prediction on a whole core; a duration is paid in whole ones.
    """
    paid = prices()["lambda"]
    rate = paid["gigabyte_second"][architecture]
    found = {}
    for size in SIZES:
        spent = math.ceil(milliseconds * CORE_MB / min(size, CORE_MB)) / 1000
        found[size] = 1e6 * (paid["request"] + spent * size / 1024 * rate)
    return found

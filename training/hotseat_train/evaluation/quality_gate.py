"""The gate that a variant passes, and the variant that a version serves."""

import math
from collections.abc import Sequence

from hotseat_registry import Variant, behaviour
from hotseat_train.errors import GateError
from hotseat_train.evaluation.paired_bootstrap import quality

MAX_DROP = 0.5
"""Maximum quality drop in percent of the first variant's quality."""
_SLOW = 0.67
"""Minimum share of the first variant's speed that a default variant needs."""


def check(variant: Variant, first: Variant, max_loss: float) -> None:
    """Refuse a variant with too large a quality drop; raises `GateError`.

    The upper end of the drop's interval must not exceed `max_loss` percent: with too
    few test rows the interval is wide, and the variant does not pass, unless it gives
    the first one's answers on every row, to the rounding of floats. Nor may a category
    of behaviour tests be worse; see `hotseat_registry.behaviour`.
    """
    if variant.name == first.name or variant.metrics.get("equal_answers"):
        return
    if worse := behaviour.worse(variant.metrics, first.metrics):
        raise GateError(
            f"{variant.name} is worse than {first.name} at behaviour tests: "
            f"{'; '.join(worse)}. Publish without it (--variant {first.name})"
        )
    drop, (_, most) = (
        variant.metrics["quality_drop"],
        variant.metrics["quality_drop_interval"],
    )
    rows = variant.metrics["rows"]
    if 100 * drop <= max_loss < 100 * most and rows < _rows_needed(max_loss):
        raise GateError(
            f"{variant.name}: {rows} test rows are too few to show that its "
            f"{quality(variant.metrics)} drops by at most {max_loss:g} % (measured "
            f"{100 * drop:.2f} %, possibly {100 * most:.2f} %); it takes about "
            f"{_rows_needed(max_loss)} rows. To publish it: --variant {variant.name} "
            f"--max-quality-drop {math.ceil(1000 * most) / 10:g}"
        )
    if not 100 * most <= max_loss:
        raise GateError(
            f"{variant.name} lost {100 * drop:.2f} % of {first.name}'s "
            f"{quality(variant.metrics)}; with {rows} measurements "
            f"the drop may be {100 * most:.2f} %, and the gate allows {max_loss:g} %. "
            f"Publish without it (--variant {first.name}) or raise the limit "
            "(--max-quality-drop)"
        )


def default(variants: Sequence[Variant]) -> Variant:
    """Return the smallest variant that is not much slower than the first."""
    fast = [v for v in variants if v.metrics.get("speed", 1.0) >= _SLOW] or variants
    return min(fast, key=lambda variant: variant.metrics["bytes"])


def _rows_needed(max_loss: float) -> int:
    """Return the rows that show a drop of at most `max_loss` percent where it is none.

    One lost row in the interval's upper end is drawn up to three times.
    """
    return math.ceil(300 / max_loss) if max_loss > 0 else 0

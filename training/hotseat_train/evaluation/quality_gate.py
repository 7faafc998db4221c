"""The gate that a variant passes, and the variant that a version serves."""

from collections.abc import Sequence

from hotseat_registry import Variant
from hotseat_train.errors import GateError
from hotseat_train.evaluation.paired_bootstrap import quality

MAX_DROP = 0.5
"""Maximum quality drop in percent of the first variant's quality."""
_SLOW = 0.67
"""Minimum share of the first variant's speed that a default variant needs."""


def check(variant: Variant, first: Variant, max_loss: float) -> None:
    """Refuse a variant with too large a quality drop; raises `GateError`.

    The upper end of the drop's interval must not exceed `max_loss` percent: with too
    few test rows the interval is wide, and the variant does not pass.
    """
    if variant.name == first.name:
        return
    drop, (_, most) = (
        variant.metrics["quality_drop"],
        variant.metrics["quality_drop_interval"],
    )
    if not 100 * most <= max_loss:
        raise GateError(
            f"{variant.name} lost {100 * drop:.2f} % of {first.name}'s "
            f"{quality(variant.metrics)}; with {variant.metrics['rows']} measurements "
            f"the drop may be {100 * most:.2f} %, and the gate allows {max_loss:g} %. "
            f"Publish without it (--variant {first.name}) or raise the limit "
            "(--max-quality-drop)"
        )


def default(variants: Sequence[Variant]) -> Variant:
    """Return the smallest variant that is not much slower than the first."""
    fast = [v for v in variants if v.metrics.get("speed", 1.0) >= _SLOW] or variants
    return min(fast, key=lambda variant: variant.metrics["bytes"])

"""The variants of a run in one chart: quality drop against latency and size."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from hotseat_registry import Variant, metric_names
from hotseat_train.evaluation.paired_bootstrap import quality
from hotseat_train.evaluation.pareto import front


def draw(variants: Sequence[Variant], title: str, path: Path) -> None:
    """Draw the quality drop against latency; a marker's area is the size."""
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.add_subplot()
    best = {variant.name for variant in front(variants)}
    largest = max(variant.metrics["bytes"] for variant in variants)
    for number, variant in enumerate(variants):
        m = metric_names.current(variant.metrics)
        lost = 100 * m.get("quality_drop", 0.0)
        low, high = (100 * bound for bound in m.get("quality_drop_interval", (0, 0)))
        axes.errorbar(
            m["milliseconds"], lost, [[max(0, lost - low)], [max(0, high - lost)]],
            color=f"C{number}", alpha=0.5, capsize=3,
        )  # fmt: skip
        axes.scatter(
            m["milliseconds"], lost, s=900 * m["bytes"] / largest,
            color=f"C{number}", alpha=0.5,
        )  # fmt: skip
        star = " \N{BLACK STAR}" if variant.name in best else ""
        axes.plot([], [], "o", color=f"C{number}", alpha=0.5,
                  label=f"{variant.name}, {m['bytes'] / 1e6:.1f} MB{star}")  # fmt: skip
    figure.legend(loc="outside right center", fontsize="small", frameon=False,
                  title="\N{BLACK STAR}: none is better in all")  # fmt: skip
    axes.axhline(0, color="grey", linestyle=":")
    axes.set(
        xlabel="ms an answer",
        ylabel=f"relative drop of {quality(variants[0].metrics)}, %",
        title=title,
    )
    axes.margins(0.25)
    figure.savefig(path, dpi=110)

"""The variants of a run: made by name, and drawn beside each other."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
from matplotlib.figure import Figure

from hotseat_registry import Variant
from hotseat_serve import codec
from hotseat_train import made, pareto, shrink, tasks, trees
from hotseat_train.errors import RunError
from hotseat_train.fit import Epoch
from hotseat_train.loss import quality
from hotseat_train.quantize import Tensors, dynamic, static
from hotseat_train.run import Run

INT8 = ("dynamic", "static")
METHODS = (*INT8, "prune", "distill")
_SEEN = 96
"""Training rows that a static variant's ranges are taken from."""
_LONGEST = 400
"""Characters of such a row: among longer ones most would see padding only."""


def make(
    source: Run,
    methods: Sequence[str] = ("dynamic",),
    *,
    calibrations: Sequence[str] = ("minmax",),
    share: float = 0.5,
    report: Callable[[Epoch], None] = lambda _epoch: None,
) -> dict[str, Path]:
    """Make variants by these methods and return their graphs by name.

    Of trees, fewer and shorter ones are made, whatever the method. What was pruned or
    distilled is made int8 as well. Raises `RunError` where a method
    does not suit the run's model.
    """
    model = source.needs(source.model, "train")
    name = source.read()["task"]
    if name in tasks.MADE and (unfit := set(methods) - set(INT8)):
        raise RunError(
            f"{name} learns by playing or from whole items, and {min(unfit)} is for "
            f"networks that are fitted to rows: --method {' or '.join(INT8)}"
        )
    if trees.has_trees(onnx.load(model)):
        return trees.shrink(source)
    found: dict[str, Path] = {}
    bases = {"int8": model}
    for method, small in (("prune", "pruned"), ("distill", "distilled")):
        if method in methods:
            path = (
                shrink.pruned(source, share, report)
                if method == "prune"
                else shrink.distilled(source, report)
            )
            found[small] = path
            bases[f"{small}-int8"] = path
    # a pruned graph alone is asked for: int8 of it is what it is good for
    dynamically = "dynamic" in methods or len(bases) > 1
    seen = calibration(source) if "static" in methods else []
    for name, graph in bases.items():
        if dynamically and (name != "int8" or "dynamic" in methods):
            found[f"{name}-dynamic"] = dynamic(graph, source.graph(f"{name}-dynamic"))
        for how in calibrations if seen else ():
            chosen = f"{name}-static" if how == "minmax" else f"{name}-static-{how}"
            found[chosen] = static(graph, source.graph(chosen), how, seen)
    return found


def suitable(source: Run) -> tuple[str, ...]:
    """Return the methods that suit the run's task; raises `RunError`."""
    return INT8 if source.read()["task"] in tasks.MADE else METHODS


def calibration(source: Run) -> list[Tensors]:
    """Return training rows, or what a game asks, as the graph eats them.

    Raises `RunError`.
    """
    record = source.read()
    if record["task"] in tasks.MADE:
        return made.calibration(source)
    task = tasks.of(record)
    dataset = task.dataset()
    rows = [row for row in dataset.train.inputs if len(str(row)) <= _LONGEST][:_SEEN]
    pointers = [f"/{number}" for number in range(len(rows))]
    return [codec.encode(task.signature(dataset), rows, pointers)]


def front(variants: Sequence[Variant]) -> list[Variant]:
    """Return those that no other beats in loss, time and size together."""

    def place(variant: Variant) -> tuple[float, float, float]:
        m = variant.metrics
        return m.get("loss", 0.0), m["milliseconds"], m["bytes"]

    places = [place(variant) for variant in variants]
    return [
        variant
        for variant, mine in zip(variants, places, strict=True)
        if not pareto.beaten(mine, places)
    ]


def draw(variants: Sequence[Variant], title: str, path: Path) -> None:
    """Draw what is lost against the time of an answer; a marker's area is the size."""
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.add_subplot()
    best = {variant.name for variant in front(variants)}
    largest = max(variant.metrics["bytes"] for variant in variants)
    for number, variant in enumerate(variants):
        m: Mapping[str, Any] = variant.metrics
        lost = 100 * m.get("loss", 0.0)
        low, high = (100 * bound for bound in m.get("loss_interval", (0, 0)))
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
        ylabel=f"relative loss of {quality(variants[0].metrics)}, %",
        title=title,
    )
    axes.margins(0.25)
    figure.savefig(path, dpi=110)

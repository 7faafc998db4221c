"""The pictures of a report, as SVG in data URIs: sharp, and nothing is fetched.

Each takes candidates and returns an address for an ``img``, or nothing where there is
nothing to draw. A candidate has the same colour in all of them.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hotseat_train.reports.comparison import Candidate

COLOURS = ("#2563eb", "#d97706", "#059669", "#db2777", "#7c3aed", "#0891b2", "#65a30d",
           "#dc2626", "#475569", "#a16207")  # fmt: skip
_STYLE: Any = {
    "font.family": "sans-serif", "font.size": 10, "axes.spines.top": False,
    "axes.spines.right": False, "axes.edgecolor": "#94a3b8", "axes.grid": True,
    "grid.color": "#e2e8f0", "axes.axisbelow": True, "svg.hashsalt": "hotseat",
    "legend.frameon": False, "legend.fontsize": 8.5, "axes.titleweight": "bold",
    "axes.labelcolor": "#334155", "xtick.color": "#475569", "ytick.color": "#475569",
}  # fmt: skip
Found = Sequence[Candidate]


def colour(at: int) -> str:
    """Return the colour of the candidate at this place."""
    return COLOURS[at % len(COLOURS)]


def _drawn(figure: Figure) -> str:
    data = io.BytesIO()
    figure.savefig(data, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(data.getvalue()).decode()


def _axes(width: float = 5.6, height: float = 4.0) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def quality(found: Found, taken: Candidate | None) -> str:
    """Draw quality against time; a disc's area is the size, the front is joined."""
    with rc_context(_STYLE):
        figure, axes = _axes(9.5, 4.6)
        largest = max(item.megabytes for item in found) or 1
        for at, item in enumerate(found):
            off = [[item.quality - item.low], [item.high - item.quality]]
            axes.errorbar(item.milliseconds, item.quality, yerr=off, color=colour(at),
                          alpha=0.45, capsize=3, zorder=1)  # fmt: skip
            axes.scatter(item.milliseconds, item.quality, color=colour(at), zorder=3,
                         s=40 + 500 * item.megabytes / largest, alpha=0.75,
                         edgecolors="black" if item is taken else "white",
                         linewidths=2 if item is taken else 1,
                         label=f"{item.name}, {item.megabytes:.2f} MB")  # fmt: skip
        front = sorted((i for i in found if i.best), key=lambda i: i.milliseconds)
        axes.plot([i.milliseconds for i in front], [i.quality for i in front],
                  color="#94a3b8", linestyle="--", zorder=2)  # fmt: skip
        axes.set(xlabel="milliseconds an answer",
                 ylabel="quality, with its 95 % interval")  # fmt: skip
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), markerscale=0.45)
        return _drawn(figure)


def learning(found: Found) -> str:
    """Draw the loss of each training, over its own length."""
    seen: dict[str, tuple[int, Sequence[Mapping[str, float]]]] = {}
    for at, item in enumerate(found):
        if len(item.learning_curve) > 1:
            seen.setdefault(item.name.split()[0], (at, item.learning_curve))
    if not seen:
        return ""
    with rc_context(_STYLE):
        figure, axes = _axes()
        for name, (at, curve) in seen.items():
            way = np.linspace(0, 1, len(curve))
            if (
                "loss" in curve[0]
            ):  # of a self-trained task, which has one curve of its own
                axes.plot(way, [e["loss"] for e in curve], color=colour(at), label=name)
                continue
            axes.plot(way, [e["validation_loss"] for e in curve], color=colour(at),
                      label=name)  # fmt: skip
            axes.plot(way, [e["train_loss"] for e in curve], color=colour(at),
                      linestyle=":", alpha=0.8)  # fmt: skip
        both = any("train_loss" in curve[0] for _, curve in seen.values())
        axes.set(xlabel="share of the training", ylabel="loss",
                 title="Learning: validation, dotted training" if both
                 else "Learning")  # fmt: skip
        axes.legend()
        return _drawn(figure)


def _curve(found: Found, key: str, title: str, x: str, y: str) -> str:
    if not any(key in item.curves for item in found):
        return ""
    with rc_context(_STYLE):
        figure, axes = _axes()
        for at, item in enumerate(found):
            if key in item.curves:
                points = np.array(item.curves[key])
                axes.plot(*points.T, color=colour(at), label=item.name, linewidth=1.6)
        axes.set(xlim=(0, 1), ylim=(0, 1.01), xlabel=x, ylabel=y, title=title)
        if key == "roc":
            axes.plot([0, 1], [0, 1], color="#94a3b8", linestyle=":")
        return _drawn(figure)


def roc(found: Found) -> str:
    """Draw the receiver operating characteristic."""
    return _curve(found, "roc", "ROC", "false alarms", "found")


def precision(found: Found) -> str:
    """Draw precision over recall."""
    return _curve(found, "precision_recall", "Precision and recall", "recall",
                  "precision")  # fmt: skip


def calibration(found: Found) -> str:
    """Draw observed frequencies over predicted probabilities."""
    if not any("calibration_curve" in item.curves for item in found):
        return ""
    with rc_context(_STYLE):
        figure, axes = _axes()
        axes.plot([0, 1], [0, 1], color="#94a3b8", linestyle=":")
        for at, item in enumerate(found):
            parts = item.curves.get("calibration_curve", ())
            error = item.metrics.get("calibration_error", float("nan"))
            axes.plot([p["predicted"] for p in parts], [p["observed"] for p in parts],
                      marker="o", markersize=4, color=colour(at), linewidth=1.4,
                      label=f"{item.name}, off by {error:.3f}")  # fmt: skip
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="predicted probability",
                 ylabel="observed frequency", title="Calibration")  # fmt: skip
        axes.legend()
        return _drawn(figure)


def confusion(item: Candidate) -> str:
    """Draw predicted against true labels, as shares of the true label."""
    counts = np.array(item.curves.get("confusion", ()), float)
    if not counts.size:
        return ""
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    with rc_context({**_STYLE, "axes.grid": False}):
        figure, axes = _axes()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        places = range(len(counts))
        axes.set(xticks=places, yticks=places, xlabel="predicted", ylabel="true",
                 title=f"Confusion of {item.name}")  # fmt: skip
        axes.set_xticklabels(item.labels, rotation=0 if len(counts) < 5 else 45)
        axes.set_yticklabels(item.labels)
        if len(counts) <= 12:
            for row in places:
                for column in places:
                    share = shares[row, column]
                    axes.text(column, row, f"{share:.0%}\n{counts[row, column]:.0f}",
                              ha="center", va="center",
                              color="white" if share > 0.55 else "#0f172a")  # fmt: skip
        return _drawn(figure)


def costs(found: Found) -> str:
    """Draw dollars a million answers over the function's memory."""
    if not found[0].dollars:
        return ""
    with rc_context(_STYLE):
        figure, axes = _axes()
        for at, item in enumerate(found):
            dollars = item.dollars
            axes.plot(list(dollars), list(dollars.values()), marker="o", markersize=4,
                      color=colour(at), label=item.name)  # fmt: skip
        axes.set(xlabel="memory, MB", ylabel="$ a million answers", ylim=(0, None),
                 title="Cost on Lambda")  # fmt: skip
        return _drawn(figure)


def robustness(found: Found) -> str:
    """Draw accuracy on the inputs as they are, and on corrupted ones."""
    ways = sorted({way for item in found for way in item.robust})
    if not ways:
        return ""
    with rc_context(_STYLE):
        figure, axes = _axes()
        bars = ["as it is", *ways]
        width = 0.8 / len(found)
        for at, item in enumerate(found):
            plain = item.metrics.get("accuracy", float("nan"))
            values = [plain, *(item.robust.get(way, float("nan")) for way in ways)]
            axes.bar(np.arange(len(bars)) + at * width, values, width * 0.92,
                     color=colour(at), label=item.name)  # fmt: skip
        axes.set(ylabel="accuracy", title="Robustness", ylim=(0, 1))
        axes.set_xticks(np.arange(len(bars)) + 0.4 - width / 2, bars)
        return _drawn(figure)

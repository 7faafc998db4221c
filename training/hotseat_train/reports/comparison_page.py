"""A self-contained HTML page that compares candidates."""

import html
import json
from collections.abc import Sequence

from hotseat_train.reports import charts, comparison
from hotseat_train.reports.comparison import Candidate, Limits
from hotseat_train.reports.page_style import STYLE

_DRAWN = 8
"""Candidates in one picture; of more, the front first."""


def page(
    model: str, found: Sequence[Candidate], taken: Candidate | None, limits: Limits
) -> str:
    """Return the page: recommendation, table, pictures, every figure."""
    name = html.escape(model)
    order = sorted(found, key=lambda i: (i is not taken, not i.best, -i.quality))
    drawn = order[:_DRAWN]
    figures = [
        charts.learning(drawn), charts.calibration(drawn), charts.roc(drawn),
        charts.precision(drawn), charts.robustness(drawn), charts.costs(drawn),
        charts.confusion(taken or order[0]),
    ]  # fmt: skip
    cpus = sorted({item.cpu for item in found if item.cpu})
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{name}: candidates</title><style>{STYLE}</style></head><body><main>
<h1>{name}</h1>
<p class="soft">Candidates: {len(found)}, measured through the serving code.
Measured on {html.escape("; ".join(cpus)) or "an unnamed CPU"}, one thread.
{
        "Of different machines only what was measured on one can be compared in time."
        if len(cpus) > 1
        else ""
    }</p>
{_advice(found, taken, limits)}
{_note(found)}
<div class="card">{_table(order, taken)}</div>
<p class="soft"><span class="front">&#9733;</span> no other is at least as good, as fast
and as small. Intervals are 95 %. Dollars: a million answers on Lambda, requests and
compute.{
        f" The pictures show the first {len(drawn)} of the table."
        if order[_DRAWN:]
        else ""
    }</p>
<h2>Quality, time and size</h2>
{_figure(charts.quality(drawn, taken), "quality against time", "wide")}
<div class="grid">{"".join(_figure(f, "") for f in figures)}</div>
<h2>Every figure</h2>
{"".join(_details(item) for item in order)}
</main></body></html>
"""


def _note(found: Sequence[Candidate]) -> str:
    note = comparison.different_rows(found)
    return f'<p class="said none">{html.escape(note)}.</p>' if note else ""


def _advice(found: Sequence[Candidate], taken: Candidate | None, limits: Limits) -> str:
    wanted = f" Limits: {html.escape(limits.describe())}." if limits.describe() else ""
    if taken is None:
        return f'<p class="said none">None keeps to the limits.{wanted}</p>'
    same = comparison.comparable(found)
    top = max((i for i in same if limits.fit(i)), key=lambda item: item.quality)
    why = (
        "it has the highest quality, and nothing as good is faster."
        if top is taken
        else f"its quality is within the interval of the highest "
        f"({html.escape(top.name)}, {top.quality:.4f}), and it is the fastest of such."
    )
    return f'<p class="said">Take <b>{html.escape(taken.name)}</b>: {why}{wanted}</p>'


_HEAD = ("version, variant", "quality", "ROC AUC", "calibration error",
         "worst corrupted", "ms", "MB", "$ 512 MB", "$ 1769 MB")  # fmt: skip


def _table(order: Sequence[Candidate], taken: Candidate | None) -> str:
    """Return a table with a row for each candidate, without empty columns."""
    rows = [_cells(at, item) for at, item in enumerate(order)]
    shown = [at for at in range(len(_HEAD)) if any(row[at] for row in rows)]
    lines = ["<tr>" + "".join(f"<th>{_HEAD[at]}</th>" for at in shown) + "</tr>"]
    for item, row in zip(order, rows, strict=True):
        kind = ' class="taken"' if item is taken else ""
        cells = "".join(f"<td>{row[at]}</td>" for at in shown)
        lines.append(f"<tr{kind}>{cells}</tr>")
    return f"<table>{''.join(lines)}</table>"


def _cells(at: int, item: Candidate) -> tuple[str, ...]:
    metrics = item.metrics
    star = ' <span class="front">&#9733;</span>' if item.best else ""
    area = ""
    if "roc_auc" in metrics:
        low, high = metrics["roc_auc_interval"]
        area = f"{metrics['roc_auc']:.4f} <small>{low:.3f} to {high:.3f}</small>"
    off = metrics.get("calibration_error")
    worst = min(item.robust.values(), default=None)
    dollars = item.dollars
    dot = f'<i style="background:{charts.colour(at)}"></i>'
    return (
        dot + html.escape(item.name) + star,
        f"{item.quality:.4f} <small>{item.low:.3f} to {item.high:.3f}</small>",
        area,
        "" if off is None else f"{off:.4f}",
        "" if worst is None else f"{worst:.3f}",
        f"{item.milliseconds:.3f}",
        f"{item.megabytes:.2f}",
        *(f"{dollars[size]:.2f}" if size in dollars else "" for size in (512, 1769)),
    )


def _figure(address: str, what: str, kind: str = "") -> str:
    if not address:
        return ""
    return f'<figure class="{kind}"><img alt="{what}" src="{address}"></figure>'


def _details(item: Candidate) -> str:
    figures = json.dumps(item.metrics, indent=1, ensure_ascii=False)
    return (
        f'<details class="card"><summary>&nbsp; {html.escape(item.name)}</summary>'
        f"<pre>{html.escape(figures)}</pre></details>"
    )

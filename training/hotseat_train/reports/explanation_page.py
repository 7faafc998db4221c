"""A self-contained HTML page that draws one explanation."""

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any

from hotseat_train.reports import explanation_bars

_FOR, _AGAINST, _BASE = "#b45309", "#2563eb", "#64748b"
_STYLE = f"""
:root {{ --ink: #0f172a; --soft: #64748b; --line: #e2e8f0; --paper: #fff; }}
* {{ box-sizing: border-box; }}
body {{ font: 15px/1.55 system-ui, sans-serif; margin: 0; color: var(--ink);
  background: #f8fafc; }}
main {{ max-width: 58rem; margin: 0 auto; padding: 2rem 1.5rem 4rem; }}
h1 {{ font-size: 1.6rem; margin: 0; }}
h2 {{ font-size: 1.05rem; margin: 1.8rem 0 .5rem; }}
p {{ margin: .3rem 0; }} .soft {{ color: var(--soft); }}
.card {{ background: var(--paper); border: 1px solid var(--line); border-radius: 8px;
  padding: .9rem 1.1rem; overflow-x: auto; margin: .6rem 0; }}
.note {{ background: #fffbeb; border-left: 4px solid #d97706; padding: .6rem 1rem; }}
.text {{ font-size: 1.15rem; line-height: 2; }}
mark {{ border-radius: 4px; padding: .1rem .15rem; color: inherit; }}
svg {{ display: block; width: 100%; height: auto; }}
svg text {{ font: 13px system-ui, sans-serif; fill: var(--ink); }}
svg .number {{ font-variant-numeric: tabular-nums; fill: var(--soft); }}
pre {{ margin: 0; font: 14px/1.25 ui-monospace, monospace; }}
.items {{ display: flex; flex-wrap: wrap; gap: 1rem; }}
.board {{ border-collapse: collapse; }}
.board td {{ width: 2.1rem; height: 2.1rem; text-align: center; background: #1e3a8a;
  border: 2px solid #1e3a8a; }}
.board i {{ display: block; width: 1.6rem; height: 1.6rem; border-radius: 50%;
  background: #dbeafe; margin: auto; }}
.board i.one {{ background: {_FOR}; }} .board i.two {{ background: #fde047; }}
.key i {{ display: inline-block; width: .8rem; height: .8rem; border-radius: 3px;
  vertical-align: -1px; margin: 0 .3rem 0 .8rem; }}
details pre {{ white-space: pre-wrap; font-size: .8rem; }}
"""
_ROW, _LEFT, _PLOT, _RIGHT = 28, 230, 440, 130
_MOST = 40
"""Bars of one drawing; the heaviest parts have one."""


def page(reference: str, given: Any, found: Mapping[str, Any]) -> str:
    """Return the page of an answer with its explanation.

    `given` is the request's input: a text is drawn with its spans marked, a board
    before its moves, an item beside the first candidate that each rule refused.
    """
    title = html.escape(f"{reference}: {explanation_bars.headline(found)}")
    note = found.get("note")
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title><style>{_STYLE}</style></head><body><main>
<h1>{title}</h1>
<p class="soft">{html.escape(_method(found))}</p>
{f'<p class="note">{html.escape(note)}</p>' if note else ""}
{_picture(given, found)}
{_key(found["method"])}
<div class="card">{_waterfall(found)}</div>
{_reasons(found["parts"])}
<details><summary>The whole answer</summary><div class="card"><pre>{
        html.escape(json.dumps(found, ensure_ascii=False, indent=1))
    }</pre></div></details>
</main></body></html>
"""


def _method(found: Mapping[str, Any]) -> str:
    texts = [f"Method: {found['method']}"]
    if "reference" in found:
        texts.append(f"reference: {found['reference']}")
    if "scale" in found:
        texts.append(f"scale: {found['scale']}")
    if "additivity_error" in found:
        texts.append(f"additivity error: {found['additivity_error']:.2g}")
    return "; ".join(texts) + "."


def _key(method: str) -> str:
    """Return what the colours mean."""
    texts = {
        "moves": ("better than the position before", "worse"),
        "rules": ("", "share of the candidates refused"),
    }.get(method, ("for the answer", "against it"))
    marks = "".join(
        f'<i style="background:{colour}"></i>{text}'
        for colour, text in zip((_FOR, _AGAINST), texts, strict=True)
        if text
    )
    return f'<p class="key soft">{marks}</p>'


def _picture(given: Any, found: Mapping[str, Any]) -> str:
    """Return what the explanation is drawn on, where it is more than fields."""
    if found["method"] == "rules":
        return _items(found)
    value = next(iter(given.values())) if _is_single(given) else given
    if isinstance(value, str):
        return f'<p class="card text">{_marked(value, found["parts"])}</p>'
    if found["method"] == "moves" and _is_board(value):
        return f'<div class="card">{_board(value)}</div>'
    return ""


def _is_single(given: Any) -> bool:
    return isinstance(given, Mapping) and len(given) == 1


def _is_board(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(row, list) for row in value)


def _marked(text: str, parts: Sequence[Mapping[str, Any]]) -> str:
    """Return a text whose spans are the darker, the more they weigh."""
    most = max((abs(part["weight"]) for part in parts), default=0) or 1
    pieces, last = [], 0
    for part in sorted(parts, key=lambda part: part["at"]):
        start, end = part["at"]
        colour = _FOR if part["weight"] > 0 else _AGAINST
        strength = round(abs(part["weight"]) / most * 160)
        pieces.append(html.escape(text[last:start]))
        pieces.append(
            f'<mark style="background:{colour}{strength:02x}" '
            f'title="{part["weight"]:+.4f}">{html.escape(text[start:end])}</mark>'
        )
        last = end
    return "".join([*pieces, html.escape(text[last:])])


def _board(rows: Sequence[Sequence[Any]]) -> str:
    kinds = {1: "one", 2: "two", -1: "two"}
    lines = "".join(
        "<tr>"
        + "".join(f'<td><i class="{kinds.get(cell, "")}"></i></td>' for cell in row)
        + "</tr>"
        for row in rows
    )
    return f'<table class="board">{lines}</table>'


def _items(found: Mapping[str, Any]) -> str:
    """Return the item, and the first candidate that each rule refused."""
    figures = []
    if found.get("item"):
        figures.append(("the item", found["item"]))
    figures += [
        (f"refused by {part['part']} ({part['count']} candidates)", part["example"])
        for part in found["parts"]
    ]
    return (
        '<div class="items">'
        + "".join(
            f'<div class="card"><p>{html.escape(title)}</p><pre>'
            f"{html.escape(chr(10).join(rows))}</pre></div>"
            for title, rows in figures
        )
        + "</div>"
    )


def _waterfall(found: Mapping[str, Any]) -> str:
    """Return bars as SVG: of what adds up from the base on, else from zero on."""
    parts = sorted(found["parts"], key=lambda part: -abs(part["weight"]))
    rest = parts[_MOST:]
    shown = [(str(part["part"]), part["weight"], part) for part in parts[:_MOST]]
    if rest:
        total = sum(part["weight"] for part in rest)
        shown.append((f"{len(rest)} more", total, {}))
    adds = "base" in found and found["method"] != "moves"
    at = found["base"] if adds else 0.0
    starts = []
    for _, weight, _ in shown:
        starts.append(at)
        at += weight if adds else 0
    ends = [start + weight for start, (_, weight, _) in zip(starts, shown, strict=True)]
    low, high = min([*starts, *ends], default=0), max([*starts, *ends], default=1)
    spread = (high - low) or 1.0

    def x(value: float) -> float:
        return _LEFT + (value - low) / spread * _PLOT

    rows = []
    for number, (one, *ends_of) in enumerate(zip(shown, starts, ends, strict=True)):
        rows.append(_bar(number, *one, x(min(ends_of)), x(max(ends_of))))
    height = _ROW * len(shown) + 2 * _ROW
    foot = ""
    if adds:
        foot = _line(x(found["base"]), height, f"base {found['base']:+.4g}") + _line(
            x(at), height, f"answer {at:+.4g}"
        )
    else:
        foot = _line(x(0.0), height, "0")
    width = _LEFT + _PLOT + _RIGHT
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="weights of the parts">{foot}{"".join(rows)}</svg>'
    )


def _bar(
    number: int,
    name: str,
    weight: float,
    part: Mapping[str, Any],
    left: float,
    right: float,
) -> str:
    y = number * _ROW + 4
    short = name if len(name) <= 30 else f"{name[:29]}…"
    colour = _FOR if weight > 0 else _AGAINST
    error = part.get("standard_error")
    text = f"{weight:+.4f}" + (f" ±{error:.4f}" if error else "")
    return (
        f'<text x="{_LEFT - 10}" y="{y + 15}" text-anchor="end">{html.escape(short)}'
        f"<title>{html.escape(name)}</title></text>"
        f'<rect x="{left:.1f}" y="{y}" width="{max(right - left, 1):.1f}" '
        f'height="{_ROW - 8}" rx="3" fill="{colour}"/>'
        f'<text class="number" x="{right + 6:.1f}" y="{y + 15}">{text}</text>'
    )


def _line(x: float, height: int, text: str) -> str:
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height - _ROW}" '
        f'stroke="{_BASE}" stroke-dasharray="3 4"/>'
        f'<text class="number" x="{x:.1f}" y="{height - 10}" '
        f'text-anchor="middle">{html.escape(text)}</text>'
    )


def _reasons(parts: Sequence[Mapping[str, Any]]) -> str:
    """Return the reasons in words, the heaviest first, if the version has some."""
    order = sorted(parts, key=lambda part: -abs(part["weight"]))
    texts = [
        f"<li>{html.escape(part['text'])} "
        f'<span class="soft">({html.escape(part["code"])})</span></li>'
        for part in order
        if part.get("text")
    ]
    return f"<h2>Reasons</h2><ul>{''.join(texts)}</ul>" if texts else ""

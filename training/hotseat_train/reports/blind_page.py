"""A self-contained HTML page on which a person judges two models without names."""

import base64
import html
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_STYLE = """
:root { --ink: #0f172a; --soft: #64748b; --line: #e2e8f0; --mark: #059669; }
* { box-sizing: border-box; }
body { font: 16px/1.55 system-ui, sans-serif; margin: 0; color: var(--ink);
  background: #f8fafc; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.5rem 6rem; }
h1 { font-size: 1.6rem; margin: 0 0 .4rem; } .soft { color: var(--soft); }
section { margin: 1.6rem 0; } section > p { margin: 0 0 .5rem; font-weight: 600; }
.two { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; }
@media (max-width: 40rem) { .two { grid-template-columns: 1fr; } }
button { font: inherit; color: inherit; text-align: left; cursor: pointer;
  background: #fff; border: 2px solid var(--line); border-radius: 8px;
  padding: .8rem 1rem; }
button[aria-pressed=true] { border-color: var(--mark); background: #ecfdf5; }
button:focus-visible { outline: 3px solid #93c5fd; }
.same { margin-top: .5rem; padding: .3rem .8rem; font-size: .9rem; }
footer { position: fixed; inset: auto 0 0 0; background: #fff;
  border-top: 1px solid var(--line); padding: .8rem 1.5rem; }
"""
_SCRIPT = """
const pairs = document.querySelectorAll("section");
const key = atob(document.querySelector("main").dataset.key);
const state = document.querySelector("footer");
// judgements stay in this browser until all are there: fifty take a while
const place = "hotseat-blind " + document.title + key + pairs.length +
  [...pairs].map((pair) => pair.textContent.length).join();
const judged = JSON.parse(localStorage.getItem(place) ?? "{}");
// sign test, two-sided: how often chance alone prefers one as often
function chance(one, other) {
  let term = 1, sum = 0;
  const all = one + other, more = Math.max(one, other);
  for (let k = 0; k <= all; k += 1) {
    if (k > 0) term *= (all - k + 1) / k;
    if (k >= more) sum += term;
  }
  return `${(100 * Math.min(1, (2 * sum) / 2 ** all)).toFixed(1)} %`;
}
function count() {
  let done = 0, first = 0, second = 0;
  pairs.forEach((pair, at) => {
    const chosen = pair.querySelector("[aria-pressed=true]");
    if (!chosen) return;
    done += 1;
    const side = chosen.dataset.side;
    if (side === "same") return;
    if (side === key[at]) first += 1; else second += 1;
  });
  state.textContent = done < pairs.length
    ? `${done} of ${pairs.length} judged`
    : `${names[0]}: ${first} preferred. ${names[1]}: ${second}. ` +
      `No difference: ${done - first - second}. ` +
      `By chance alone as uneven: ${chance(first, second)}.`;
}
function choose(button) {
  button.closest("section").querySelectorAll("button").forEach(
    (each) => each.setAttribute("aria-pressed", each === button));
}
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  choose(button);
  judged[[...pairs].indexOf(button.closest("section"))] = button.dataset.side;
  localStorage.setItem(place, JSON.stringify(judged));
  count();
});
for (const [at, side] of Object.entries(judged)) {
  choose(pairs[at].querySelector(`[data-side=${side}]`));
}
count();
"""


@dataclass(frozen=True, slots=True)
class Pair:
    """A request and what each of two models answered."""

    request: str
    first: str
    second: str


def blind_page(
    title: str, names: tuple[str, str], pairs: Sequence[Pair], seed: int = 1
) -> str:
    """Return the page: which model wrote what is shown when all pairs are judged."""
    sides = np.random.default_rng(seed).choice(["a", "b"], len(pairs)).tolist()
    rows = "".join(
        _section(at, pair, side)
        for at, (pair, side) in enumerate(zip(pairs, sides, strict=True), 1)
    )
    shown = json.dumps(names).replace("<", r"\u003c")
    key = base64.b64encode("".join(sides).encode()).decode()
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{html.escape(title)}</title><style>{_STYLE}</style></head>
<body><main data-key="{key}"><h1>{html.escape(title)}</h1>
<p class="soft">Two models answered each request. Choose the better answer; which model
wrote it is shown when all {len(pairs)} are judged. Nothing leaves this page.</p>
{rows}</main><footer aria-live="polite"></footer>
<script>const names = {shown};{_SCRIPT}</script>
</body></html>
"""


def _section(number: int, pair: Pair, side: str) -> str:
    left, right = (pair.first, pair.second)[:: 1 if side == "a" else -1]
    return f"""<section><p>{number}. {html.escape(pair.request)}</p><div class="two">
<button aria-pressed="false" data-side="a">{html.escape(left)}</button>
<button aria-pressed="false" data-side="b">{html.escape(right)}</button></div>
<button class="same" aria-pressed="false" data-side="same">No difference</button>
</section>
"""

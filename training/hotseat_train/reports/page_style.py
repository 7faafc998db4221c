"""The style of the pages that reports write."""

STYLE = """
:root { --ink: #0f172a; --soft: #64748b; --line: #e2e8f0; --paper: #fff; }
* { box-sizing: border-box; }
body { font: 15px/1.55 system-ui, sans-serif; margin: 0; color: var(--ink);
  background: #f8fafc; }
main { max-width: 78rem; margin: 0 auto; padding: 2rem 1.5rem 4rem; }
h1 { font-size: 1.7rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .6rem; }
p { margin: .3rem 0; } .soft { color: var(--soft); }
.said { background: #ecfdf5; border-left: 4px solid #059669; padding: .9rem 1.1rem;
  margin: 1.2rem 0; border-radius: 0 6px 6px 0; }
.none { background: #fef2f2; border-color: #dc2626; }
.card, figure { background: var(--paper); border: 1px solid var(--line);
  border-radius: 8px; }
.card { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { font-weight: 600; color: var(--soft); font-size: .82rem; white-space: nowrap; }
th, td { text-align: right; padding: .45rem .8rem;
  border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
tr:last-child td { border-bottom: 0; } tr.taken td { background: #ecfdf5; }
td small { color: var(--soft); white-space: nowrap; }
i { display: inline-block; width: .7rem; height: .7rem; border-radius: 50%;
  margin-right: .5rem; }
.front { color: #b45309; }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(26rem, 1fr));
  gap: 1rem; }
figure { margin: 0; padding: .6rem; } figure img { width: 100%; display: block; }
figure.wide { margin-bottom: 1rem; }
details { margin: .4rem 0; } summary { cursor: pointer; padding: .4rem 0; }
details pre { white-space: pre-wrap; font-size: .82rem; padding: 0 1rem; }
@media print { body { background: #fff; } figure { break-inside: avoid; } }
"""

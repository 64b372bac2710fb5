/** The page's style: one accent, three tones, light and dark, and tables that become cards on a phone. */
export const PAGE_STYLE = `
:root {
  --ground: #f4f5f7; --card: #ffffff; --ink: #16191f; --dim: #5c6470; --line: #e1e4e9; --accent: #3451d1;
  --good: #14784a; --good-ground: #dcf3e6; --warn: #8a5300; --warn-ground: #fdecc8; --bad: #b3261e; --bad-ground: #fbdedb;
  --allowed: #2f9e68; --refused: #e0a021; --failed: #d9483b;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0f1217; --card: #181c23; --ink: #e8ebf0; --dim: #98a1ae; --line: #2a303a; --accent: #8ea2ff;
    --good: #6fdba5; --good-ground: #123626; --warn: #f3c46b; --warn-ground: #3d2e0c; --bad: #ff9d94; --bad-ground: #451b18;
    --allowed: #3fb57c; --refused: #d89b2b; --failed: #e8604f;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", "Helvetica Neue", "DejaVu Sans", sans-serif; }
body > header, main, footer { max-width: 1180px; margin: 0 auto; padding: 0 24px; }
body > header { display: flex; flex-wrap: wrap; align-items: center; gap: 10px 18px; padding-top: 28px; padding-bottom: 20px; }
h1 { display: flex; align-items: center; gap: 10px; margin: 0; font-size: 22px; letter-spacing: -.01em; }
h1 svg { width: 30px; height: 30px; fill: var(--accent); }
h1 .mark { fill: none; stroke: var(--card); stroke-width: 3; stroke-linecap: round; stroke-linejoin: round; }
h2 { margin: 0 0 10px; font-size: 16px; }
h2 .count { color: var(--dim); font-weight: 400; margin-left: 4px; }
h3 { margin: 0; font-size: 13px; font-weight: 500; color: var(--dim); }
section { margin: 34px 0 0; }
p { margin: 0; }
dl, dd { margin: 0; }
dt { color: var(--dim); font-size: 13px; }
.dim { color: var(--dim); }
.pill, .chip { display: inline-block; padding: 1px 9px; border-radius: 99px; background: var(--line); color: var(--ink); font-size: 13px; white-space: nowrap; }
.pill { font-weight: 600; }
.chip { border-radius: 6px; padding: 1px 7px; margin: 1px 0; font-family: var(--mono); font-size: 12px; }
.good { background: var(--good-ground); color: var(--good); }
.warn { background: var(--warn-ground); color: var(--warn); }
.bad { background: var(--bad-ground); color: var(--bad); }
.facts { display: flex; flex-wrap: wrap; gap: 4px 22px; margin-left: auto; }
.facts div { display: flex; gap: 6px; align-items: baseline; }
.facts dd { font-variant-numeric: tabular-nums; }
.banner { margin: 0 0 20px; padding: 14px 18px; border-radius: 12px; background: var(--bad-ground); color: var(--bad); }
.banner ul, .reloads ul { margin: 6px 0 0; padding-left: 20px; font-family: var(--mono); font-size: 13px; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(5, 1fr); gap: 12px; }
.tile, .chart, table, article, .reloads { background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
.tile { padding: 14px 16px; }
.tile .number { font-size: 28px; font-weight: 650; line-height: 1.25; letter-spacing: -.02em; font-variant-numeric: tabular-nums; }
.tile .dim { font-size: 13px; }
.tile.allowed .number { color: var(--good); }
.tile.refused .number { color: var(--warn); }
.tile.failed .number { color: var(--bad); }
.chart { margin: 12px 0 0; padding: 16px; }
.chart svg { display: block; width: 100%; height: 120px; border-bottom: 1px solid var(--line); }
.chart figcaption { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 8px; margin-top: 8px; font-size: 13px; color: var(--dim); }
.legend i:first-child { margin-left: 0; }
.legend i { display: inline-block; width: 10px; height: 10px; margin: 0 4px 0 10px; border-radius: 3px; }
rect.allowed { fill: var(--allowed); } rect.refused { fill: var(--refused); } rect.failed { fill: var(--failed); }
i.allowed { background: var(--allowed); } i.refused { background: var(--refused); } i.failed { background: var(--failed); }
table { width: 100%; border-collapse: separate; border-spacing: 0; overflow: hidden; }
th { padding: 9px 14px; text-align: left; font-size: 13px; font-weight: 500; color: var(--dim); border-bottom: 1px solid var(--line); }
td { padding: 9px 14px; vertical-align: top; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
tr:last-child td { border-bottom: 0; }
td b + .dim { display: block; font-size: 13px; }
td .path { font-family: var(--mono); font-size: 12px; }
[data-live="routes"] th:first-child { width: 36%; }
.num { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.via { white-space: nowrap; }
td time { white-space: nowrap; font-variant-numeric: tabular-nums; }
.access { font-size: 14px; }
.access.open { color: var(--warn); font-weight: 600; }
.id { font-family: var(--mono); font-size: 12px; color: var(--dim); }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 330px), 1fr)); gap: 12px; }
.cards + table { margin-top: 12px; }
article { padding: 14px 16px; }
article header { display: flex; justify-content: space-between; align-items: center; gap: 10px; margin-bottom: 8px; }
article dl { display: flex; flex-wrap: wrap; gap: 6px 20px; }
article dd { font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
article .wide { flex-basis: 100%; }
article .target + .target { margin-top: 10px; padding-top: 10px; border-top: 1px solid var(--line); }
.error { margin-top: 8px; font-size: 13px; color: var(--bad); overflow-wrap: anywhere; }
.failed-text { color: var(--bad); }
.decisions h2 { float: left; }
.filter { float: right; font-size: 14px; color: var(--dim); cursor: pointer; }
.decisions > div { clear: both; }
.decisions:has(#refusals-only:checked) .allowed-row { display: none; }
input { accent-color: var(--accent); }
.reloads { margin: 0; padding: 6px 16px; list-style: none; }
.reloads > li { padding: 7px 0; }
.reloads > li + li { border-top: 1px solid var(--line); }
footer { padding-top: 30px; padding-bottom: 40px; color: var(--dim); font-size: 14px; }
a { color: var(--accent); }
.lost > header .pill { background: var(--bad-ground); color: var(--bad); }
.lost > header .pill::after { content: " · connection lost"; }
.lost main { opacity: .55; }
@media (max-width: 900px) { .tiles { grid-template-columns: repeat(2, 1fr); } .tiles .tile:first-child { grid-column: 1 / -1; } }
@media (max-width: 720px) {
  body > header, main, footer { padding-left: 16px; padding-right: 16px; }
  [data-live="routes"] th:first-child { width: auto; }
  .facts { margin-left: 0; flex-basis: 100%; }
  .stack, .stack tbody, .stack tr, .stack td { display: block; }
  .stack thead { display: none; }
  .stack tr { padding: 10px 14px; border-bottom: 1px solid var(--line); }
  .stack tr:last-child { border-bottom: 0; }
  .stack td { padding: 2px 0; border: 0; text-align: left; }
  .stack td[data-label] { position: relative; padding-left: 100px; white-space: normal; }
  .stack td[data-label]::before { position: absolute; left: 0; content: attr(data-label); color: var(--dim); font-size: 13px; }
  .decisions:has(#refusals-only:checked) .allowed-row { display: none; }
}
`;

import { isForDecisionsOnly } from '../config/routes/no-upstream.ts';
import { REFUSALS, type RefusalCode } from '../core/refusals.ts';
import { showPath } from '../pipeline/routing/path-pattern.ts';
import type { QuestionTraffic } from '../telemetry/request-metrics.ts';
import { SLICE_MS, type TrafficSlice } from '../telemetry/traffic-history.ts';
import type { ProofReport } from '../tokens/dpop/proof-pool.ts';
import { type Html, html } from './html.ts';
import { formatCount, formatMs, formatSeconds, formatTime } from './page-format.ts';
import { revocationsOf } from './page-revocations.ts';
import type { IssuerReport, UpstreamReport } from './report.ts';
import type { EndpointStatus, GatewayStatus, RecentDecision, ReloadReport, RouteStatus } from './status.ts';

/** Headers of the page: no foreign resources, no inline scripts, no frames. */
export const PAGE_HEADERS = {
  'content-security-policy':
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
} as const;

const DECISIONS_SHOWN = 60;
const RELOADS_SHOWN = 8;

/** Writes the status page: what an operator needs first, on one page that works without scripts. */
export function renderPage(status: GatewayStatus, decisions: readonly RecentDecision[]): string {
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Sealgate · ${status.status}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="page.css">
<script src="page.js" defer></script>
</head>
<body>
<header data-live="header">${headerOf(status)}</header>
<main>
<div data-live="overview">${bannerOf(status)}${overviewOf(status)}</div>
<section data-live="routes">${routesOf(status)}</section>
${
  status.questions &&
  html`<section data-live="questions">${questionsOf(status.questions)}</section>
`
}<section data-live="issuers">${issuersOf(status.issuers)}</section>
<section data-live="upstreams">${upstreamsOf(status.upstreams)}</section>
${
  status.proofs &&
  html`<section data-live="proofs">${proofsOf(status.proofs)}</section>
`
}${
  status.revocations &&
  html`<section data-live="revocations">${revocationsOf(status.revocations)}</section>
`
}${
  status.endpoints &&
  html`<section data-live="endpoints">${endpointsOf(status.endpoints)}</section>
`
}<section class="decisions">
<h2>Last decisions</h2>
<label class="filter"><input type="checkbox" id="refusals-only"> refusals only</label>
<div data-live="decisions">${decisionsOf(decisions.slice(0, DECISIONS_SHOWN))}</div>
</section>
<section data-live="reloads">${reloadsOf(status.reloads.slice(0, RELOADS_SHOWN))}</section>
</main>
<footer>Also as data: <a href="status">status</a>, <a href="status/decisions">decisions</a>,
<a href="metrics">metrics</a>, <a href="ready?verbose">readiness</a></footer>
</body>
</html>
`;
  return page.markup;
}

function headerOf({
  status,
  version,
  node,
  uptimeSeconds,
  workers,
  unresponsiveWorkers,
  connections,
}: GatewayStatus): Html {
  return html`<h1><svg viewBox="0 0 32 32" aria-hidden="true"><path d="M16 2 28 6.5v8.5c0 7.5-5 12.5-12 15C9 27.5 4 22.5 4 15V6.5Z"/><path class="mark" d="m10.5 16 4 4 7.5-8"/></svg>Sealgate</h1>
<p class="pill ${STATUS_TONES[status]}">${status}</p>
<dl class="facts">
<div><dt>up</dt><dd>${formatSeconds(uptimeSeconds)}</dd></div>
<div><dt>${workers === 1 ? 'process' : 'workers'}</dt><dd>${workers}${unresponsiveWorkers.length > 0 ? ` (not responding: ${unresponsiveWorkers.join(', ')})` : ''}</dd></div>
<div><dt>connections</dt><dd>${formatCount(connections)}</dd></div>
<div><dt>version</dt><dd>${version} <span class="dim">on Node ${node}</span></dd></div>
</dl>`;
}

const STATUS_TONES = { ready: 'good', 'not ready': 'bad', draining: 'warn' } as const;

function bannerOf({ config, reloads }: GatewayStatus): Html | undefined {
  if (config.current) return undefined;
  return html`<aside class="banner" role="alert"><strong>The file on disk is refused.</strong>
The configuration of ${config.appliedAt === null ? 'the start' : formatTime(config.appliedAt)} stays active.
<ul>${(reloads[0]?.problems ?? []).map((problem) => html`<li>${problem}</li>`)}</ul></aside>`;
}

function overviewOf({ history, cache }: GatewayStatus): Html {
  const sum = (count: (slice: TrafficSlice) => number): number =>
    history.reduce((total, slice) => total + count(slice), 0);
  const allowed = sum((slice) => slice.allowed);
  const refused = sum((slice) => slice.refused);
  const failed = sum((slice) => slice.failed);
  const all = allowed + refused + failed;
  const complete = history.slice(-7, -1);
  const recent = complete.reduce((total, slice) => total + slice.allowed + slice.refused + slice.failed, 0);
  const perSecond = recent / ((complete.length || 1) * (SLICE_MS / 1000));
  const lookups = cache.hits + cache.misses;
  return html`<div class="tiles">
${tile('Requests per second', perSecond >= 100 ? formatCount(Math.round(perSecond)) : perSecond.toFixed(1), 'over the last minute')}
${tile('Allowed', formatCount(allowed), share(allowed, all), 'allowed')}
${tile('Refused', formatCount(refused), share(refused, all), 'refused')}
${tile('Failed', formatCount(failed), share(failed, all), 'failed')}
${tile('Tokens cached', formatCount(cache.entries), lookups === 0 ? 'no look-up yet' : `${percent(cache.hits, lookups)} of look-ups hit`)}
</div>
${chartOf(history)}`;
}

function tile(title: string, value: string, note: string, tone = ''): Html {
  return html`<div class="tile ${tone}"><h3>${title}</h3><p class="number">${value}</p><p class="dim">${note}</p></div>`;
}

function share(part: number, all: number): string {
  return all === 0 ? 'in 15 minutes' : `${percent(part, all)} in 15 minutes`;
}

function percent(part: number, all: number): string {
  const value = (part / all) * 100;
  return `${value > 0 && value < 0.1 ? '<0.1' : value.toFixed(value < 10 || value > 99 ? 1 : 0)} %`.replace(
    '.0',
    '',
  );
}

const CHART = { width: 900, height: 120 } as const;

function chartOf(history: readonly TrafficSlice[]): Html {
  const most = Math.max(1, ...history.map(({ allowed, refused, failed }) => allowed + refused + failed));
  const step = CHART.width / Math.max(1, history.length);
  const bars = history.flatMap((slice, index) => {
    let top: number = CHART.height;
    return (['allowed', 'refused', 'failed'] as const).flatMap((kind) => {
      if (slice[kind] === 0) return [];
      const height = Math.max(1.5, (slice[kind] / most) * CHART.height);
      top -= height;
      return html`<rect class="${kind}" x="${(index * step + 1).toFixed(1)}" y="${top.toFixed(1)}" width="${(step - 2).toFixed(1)}" height="${height.toFixed(1)}"/>`;
    });
  });
  return html`<figure class="chart"><svg viewBox="0 0 ${CHART.width} ${CHART.height}" preserveAspectRatio="none" role="img" aria-label="Requests of the last 15 minutes">${bars}</svg>
<figcaption><span>15 min ago</span><span class="legend"><i class="allowed"></i>allowed <i class="refused"></i>refused <i class="failed"></i>failed</span><span>now</span></figcaption></figure>`;
}

function routesOf({ routes, unmatched }: GatewayStatus): Html {
  return html`<h2>Routes <span class="count">${routes.length}</span></h2>
<table class="stack"><thead><tr><th>Route</th><th>Access</th><th class="num">Requests</th><th>Refusals</th><th class="num">p50</th><th class="num">p95</th></tr></thead>
<tbody>${routes.map(routeRow)}${
    unmatched.requests > 0 &&
    html`<tr class="quiet"><td><b>no route</b><span class="dim">requests that nothing matched</span></td><td data-label="Access">–</td>
${trafficCells(unmatched)}</tr>`
  }</tbody></table>`;
}

function routeRow(route: RouteStatus): Html {
  const methods = route.methods === null ? '' : `${route.methods.join(' ')} `;
  return html`<tr><td><b>${route.name}</b><span class="dim path">${methods}${route.host ?? ''}${showPath(route)} ${isForDecisionsOnly(route) ? '(decisions only)' : `→ ${route.upstream}`}</span></td>
<td data-label="Access"><span class="access ${route.access === 'public' ? 'open' : ''}">${route.access}</span>${route.mode === 'report' && html` <span class="chip warn">report only</span>`}</td>
${trafficCells(route)}</tr>`;
}

function trafficCells({
  requests,
  refusals,
  p50Ms,
  p95Ms,
}: Pick<RouteStatus, 'requests' | 'refusals' | 'p50Ms' | 'p95Ms'>): Html {
  const codes = Object.entries(refusals).sort(([, a], [, b]) => b - a);
  return html`<td data-label="Requests" class="num">${formatCount(requests)}</td>
<td data-label="Refusals">${codes.length === 0 ? html`<span class="dim">none</span>` : codes.map(([code, count]) => html`<span class="chip ${toneOf(code)}" title="${titleOf(code)}">${code} <b>${formatCount(count)}</b></span> `)}</td>
<td data-label="p50" class="num">${formatMs(p50Ms)}</td><td data-label="p95" class="num">${formatMs(p95Ms)}</td>`;
}

function questionsOf(questions: readonly QuestionTraffic[]): Html {
  return html`<h2>Questions of other proxies</h2>
<table class="stack"><thead><tr><th>Asked by</th><th class="num">Allowed</th><th class="num">Refused</th><th class="num">Failed</th></tr></thead>
<tbody>${questions.map(
    ({
      via,
      allowed,
      refused,
      failed,
    }) => html`<tr><td><b>${via}</b></td><td data-label="Allowed" class="num">${formatCount(allowed)}</td>
<td data-label="Refused" class="num">${formatCount(refused)}</td><td data-label="Failed" class="num">${formatCount(failed)}</td></tr>`,
  )}</tbody></table>`;
}

const ISSUER_STATES = {
  fresh: { tone: 'good', words: 'fresh' },
  stale: { tone: 'warn', words: 'stale, still used' },
  expired: { tone: 'bad', words: 'too old to use' },
  introspected: { tone: 'good', words: 'introspected' },
  waiting: { tone: 'bad', words: 'no keys yet' },
} as const satisfies Record<IssuerReport['state'], { tone: string; words: string }>;

function issuersOf(issuers: readonly IssuerReport[]): Html {
  return html`<h2>Issuers <span class="count">${issuers.length}</span></h2>
<div class="cards">${issuers.map(
    (
      issuer,
    ) => html`<article><header><b>${issuer.name}</b><span class="pill ${ISSUER_STATES[issuer.state].tone}">${ISSUER_STATES[issuer.state].words}</span></header>
<dl><div><dt>keys</dt><dd>${issuer.keys}</dd></div><div><dt>age</dt><dd>${issuer.ageSeconds === null ? '–' : formatSeconds(issuer.ageSeconds)}</dd></div>
<div><dt>next refresh</dt><dd>${issuer.nextRefreshSeconds === null ? '–' : `in ${formatSeconds(issuer.nextRefreshSeconds)}`}</dd></div>
<div><dt>fetches</dt><dd>${formatCount(issuer.fetches)}${issuer.failures > 0 && html`, <span class="failed-text">${formatCount(issuer.failures)} failed</span>`}</dd></div></dl>
${issuer.lastError !== null && html`<p class="error">${issuer.lastError}</p>`}</article>`,
  )}</div>`;
}

function proofsOf(proofs: readonly ProofReport[]): Html {
  return html`<h2>Proofs of bound tokens <span class="count">${proofs.length}</span></h2>
<div class="cards">${proofs.map(
    ({ issuer, outcomes, memory }) =>
      html`<article><header><b>${issuer}</b><span class="pill">DPoP</span></header>
<dl>${Object.entries(outcomes).map(([outcome, count]) => html`<div><dt>${outcome}</dt><dd>${formatCount(count)}</dd></div>`)}
${memory !== null && html`<div><dt>remembered</dt><dd>${formatCount(memory.entries)} of ${formatCount(memory.maxEntries)}</dd></div>`}</dl></article>`,
  )}</div>`;
}

function endpointsOf(endpoints: readonly EndpointStatus[]): Html {
  return html`<h2>Endpoints of providers <span class="count">${endpoints.length}</span></h2>
<div class="cards">${endpoints.map(({ endpoint, name, calls, inFlight, lastError, cache, p50Ms, p95Ms }) => {
    const all = Object.values(calls).reduce((sum, count) => sum + count, 0);
    const failed = all - (calls.ok ?? 0);
    return html`<article><header><b>${name}</b><span class="pill ${lastError === null ? 'good' : 'bad'}">${endpoint}</span></header>
<dl><div><dt>requests</dt><dd>${formatCount(all)}${failed > 0 && html`, <span class="failed-text">${formatCount(failed)} failed</span>`}</dd></div>
<div><dt>in flight</dt><dd>${inFlight}</dd></div><div><dt>p50</dt><dd>${formatMs(p50Ms)}</dd></div><div><dt>p95</dt><dd>${formatMs(p95Ms)}</dd></div>
<div><dt>kept</dt><dd>${formatCount(cache.entries)}</dd></div><div><dt>hits</dt><dd>${formatCount(cache.hits)}</dd></div></dl>
${lastError !== null && html`<p class="error">${lastError}</p>`}</article>`;
  })}</div>`;
}

function upstreamsOf(upstreams: readonly UpstreamReport[]): Html {
  return html`<h2>Upstreams <span class="count">${upstreams.length}</span></h2>
<div class="cards">${upstreams.map(
    ({ name, targets }) =>
      html`<article><header><b>${name}</b></header>${targets.map(
        ({
          url,
          healthy,
          running,
          connections,
        }) => html`<dl class="target"><div class="wide"><dt>target</dt><dd>${url}</dd></div>
<div><dt>health</dt><dd><span class="pill ${healthy === null ? '' : healthy ? 'good' : 'bad'}">${healthy === null ? 'not checked' : healthy ? 'healthy' : 'unhealthy'}</span></dd></div>
<div><dt>running</dt><dd>${running}</dd></div><div><dt>connections</dt><dd>${connections}</dd></div></dl>`,
      )}</article>`,
  )}</div>`;
}

function decisionsOf(decisions: readonly RecentDecision[]): Html {
  if (decisions.length === 0) return html`<p class="dim">No request yet.</p>`;
  return html`<table class="stack"><thead><tr><th>Time</th><th>Route</th><th>Decision</th><th>Why</th><th>Request id</th></tr></thead>
<tbody>${decisions.map(
    ({
      time,
      method,
      route,
      status,
      code,
      reason,
      issuer,
      via,
      requestId,
    }) => html`<tr class="${code === 'allow' ? 'allowed-row' : ''}"><td data-label="Time"><time datetime="${time}">${formatTime(time)}</time></td>
<td data-label="Route">${method} <b>${route ?? 'no route'}</b>${via && html`<span class="dim via">via ${via}</span>`}</td><td data-label="Decision"><span class="chip ${toneOf(code)}">${code}</span> <span class="dim">${status}</span></td>
<td data-label="Why">${code === 'allow' ? html`<span class="dim">${issuer === null ? 'without token' : `token of ${issuer}`}</span>` : html`${titleOf(code)}${reason !== null && html`: <span class="dim">${reason}</span>`}`}</td>
<td data-label="Request id" class="id">${requestId}</td></tr>`,
  )}</tbody></table>`;
}

function reloadsOf(reloads: readonly ReloadReport[]): Html {
  return html`<h2>Configuration</h2>
<ol class="reloads">${reloads.map(
    ({
      time,
      trigger,
      result,
      problems,
    }) => html`<li><span class="chip ${RELOAD_TONES[result]}">${result}</span> <time datetime="${time}">${formatTime(time)}</time>
<span class="dim">${TRIGGERS[trigger]}</span>${problems.length > 0 && html`<ul>${problems.map((problem) => html`<li>${problem}</li>`)}</ul>`}</li>`,
  )}</ol>`;
}

const RELOAD_TONES = { applied: 'good', unchanged: '', refused: 'bad' } as const;
const TRIGGERS = {
  start: 'at the start',
  signal: 'on SIGHUP',
  file: 'because a file changed',
  request: 'on request',
  retry: 'on a retry',
} as const satisfies Record<ReloadReport['trigger'], string>;

function titleOf(code: string): string {
  return isRefusalCode(code) ? REFUSALS[code].title : 'The request was allowed';
}

function toneOf(code: string): string {
  if (!isRefusalCode(code)) return 'good';
  return REFUSALS[code].source === 'client' ? 'warn' : 'bad';
}

function isRefusalCode(code: string): code is RefusalCode {
  return Object.hasOwn(REFUSALS, code);
}

import type { EventReport } from '../tokens/revocation/event-counts.ts';
import type { StoreReport } from '../tokens/revocation/revocation-place.ts';
import { type Html, html } from './html.ts';
import { formatCount, formatSeconds } from './page-format.ts';
import type { RevocationStatus } from './status.ts';

/** The store is asked every second; a few missed seconds are no news. */
const QUIET_SECONDS = 5;

/** Writes what is revoked, where it came from, and what was cut. */
export function revocationsOf({
  entries,
  maxEntries,
  sources,
  arrived,
  refused,
  store,
  events,
  wrongLines,
  cut,
}: RevocationStatus): Html {
  const shown = (Object.keys(sources) as (keyof typeof sources)[]).filter(
    (source) => sources[source] + arrived[source] + refused[source] > 0,
  );
  const full = entries >= maxEntries;
  return html`<h2>Revocations <span class="count">${formatCount(entries)}</span></h2>
<div class="cards"><article><header><b>Entries</b><span class="pill ${full ? 'bad' : 'good'}">${full ? 'full' : 'room left'}</span></header>
<dl><div><dt>active</dt><dd>${formatCount(entries)} of ${formatCount(maxEntries)}</dd></div>
<div><dt>requests cut</dt><dd>${formatCount(cut)}</dd></div>
${wrongLines !== null && wrongLines > 0 && html`<div><dt>wrong lines of the file</dt><dd class="failed-text">${formatCount(wrongLines)}</dd></div>`}</dl></article>
${store !== null && storeOf(store)}${events.map(eventsOf)}</div>
${
  shown.length > 0 &&
  html`<table class="stack"><thead><tr><th>Source</th><th class="num">Active</th><th class="num">Arrived</th><th class="num">Refused</th></tr></thead>
<tbody>${shown.map(
    (
      source,
    ) => html`<tr><td><b>${source}</b></td><td data-label="Active" class="num">${formatCount(sources[source])}</td>
<td data-label="Arrived" class="num">${formatCount(arrived[source])}</td><td data-label="Refused" class="num">${formatCount(refused[source])}</td></tr>`,
  )}</tbody></table>`
}`;
}

function storeOf({ isUp, silentSeconds, behind, reconnects }: StoreReport): Html {
  const isCurrent = isUp && silentSeconds !== null && silentSeconds < QUIET_SECONDS;
  const state = isCurrent ? (behind > 0 ? 'behind' : 'current') : 'silent';
  return html`<article><header><b>Store</b><span class="pill ${STORE_TONES[state]}">${state}</span></header>
<dl><div><dt>complete</dt><dd>${silentSeconds === null ? 'not yet' : `${formatSeconds(silentSeconds)} ago`}</dd></div>
<div><dt>behind</dt><dd>${formatCount(behind)}</dd></div><div><dt>reconnects</dt><dd>${formatCount(reconnects)}</dd></div></dl></article>`;
}

const STORE_TONES = { current: 'good', behind: 'warn', silent: 'bad' } as const;

const KINDS: Readonly<Record<EventReport['kind'], string>> = {
  logout: 'logout tokens',
  events: 'security events',
};

function eventsOf({ issuer, kind, outcomes }: EventReport): Html {
  return html`<article><header><b>${issuer}</b><span class="pill">${KINDS[kind]}</span></header>
<dl>${Object.entries(outcomes).map(([outcome, count]) => html`<div><dt>${outcome}</dt><dd>${formatCount(count)}</dd></div>`)}</dl></article>`;
}

import { type Dispatcher, request } from 'undici';
import { VERSION } from '../../../core/version.ts';
import { describeFetchFault } from './fetch-faults.ts';

/** A JSON object that was fetched, with its age by its headers. */
export interface FetchedJson {
  readonly json: Record<string, unknown>;
  /** Seconds the response may be kept (RFC 9111 §5.2.2.1), less its `Age`; 0 for no-store and no-cache. */
  readonly maxAgeSeconds: number | undefined;
  readonly cacheControl: string | undefined;
  /** The server's clock (RFC 9110 §6.6.1), in milliseconds since the epoch. */
  readonly serverTimeMs: number | undefined;
}

/** Why a document could not be fetched, in words for the operator. */
export class FetchFailure extends Error {
  override readonly name = 'FetchFailure';
  /**
   * `unreachable`: no complete response, so that another path would fail too. `refused`: a response without a document.
   * `wrong`: a document that must not be trusted.
   */
  readonly kind: 'unreachable' | 'refused' | 'wrong';
  /** What the operator can do about it, where that is known. */
  readonly hint: string | undefined;

  constructor(message: string, kind: FetchFailure['kind'], hint?: string) {
    super(message);
    this.kind = kind;
    this.hint = hint;
  }
}

/** One fetch, for the log. */
export interface FetchReport {
  /** Without the query, which may hold a secret. */
  readonly url: string;
  /** Undefined without a response. */
  readonly status: number | undefined;
  /** Of the body, as far as it was read. */
  readonly bytes: number;
  readonly durationMs: number;
  readonly outcome: 'ok' | FetchFailure['kind'];
  /** Why it failed. */
  readonly reason: string | undefined;
}

export interface FetchOptions {
  readonly dispatcher: Dispatcher;
  readonly headers: Readonly<Record<string, string>>;
  readonly maxBytes: number;
  /** Aborts everything, reading included. */
  readonly signal: AbortSignal;
  readonly onFetched?: ((report: FetchReport) => void) | undefined;
}

const HEADERS = {
  accept: 'application/json, application/jwk-set+json',
  'accept-encoding': 'identity',
  // Some providers' firewalls refuse clients without a name.
  'user-agent': `sealgate/${VERSION}`,
} as const;

/**
 * Fetches one JSON object. Only status 200 counts, redirects are refused, no more than `maxBytes` are ever read.
 * @throws FetchFailure
 */
export async function fetchJson(url: URL, options: FetchOptions): Promise<FetchedJson> {
  const place = describePlace(url);
  const startedMs = performance.now();
  const seen: Seen = { status: undefined, bytes: 0 };
  const report = (outcome: FetchReport['outcome'], reason?: string) => {
    const durationMs = Math.round(performance.now() - startedMs);
    options.onFetched?.({ url: place, ...seen, durationMs, outcome, reason });
  };
  try {
    const fetched = await readJson(url, options, seen);
    report('ok');
    return fetched;
  } catch (error) {
    const { kind, message, hint } = toFailure(error, options.signal);
    report(kind, message);
    throw new FetchFailure(`${place}: ${message}`, kind, hint);
  }
}

/** Without the query, which may hold a secret. */
export function describePlace({ origin, pathname }: URL): string {
  return origin + pathname;
}

/** How far a fetch got. */
interface Seen {
  status: number | undefined;
  bytes: number;
}

async function readJson(url: URL, options: FetchOptions, seen: Seen): Promise<FetchedJson> {
  const { dispatcher, signal, maxBytes } = options;
  const sent = { ...HEADERS, ...options.headers };
  const { statusCode, headers, body } = await request(url, { dispatcher, headers: sent, signal });
  seen.status = statusCode;
  const flaw = findFlaw(statusCode, headers, maxBytes);
  if (flaw !== undefined) {
    body.on('error', ignore).destroy();
    throw flaw;
  }
  const text = await readText(body, maxBytes, seen);
  if (text === undefined) throw tooLong(maxBytes);
  const json = parseObject(text);
  if (json === undefined) throw new FetchFailure('the response is not a JSON object', 'refused');
  return { json, ...readAge(headers) };
}

function findFlaw(
  status: number,
  headers: Dispatcher.ResponseData['headers'],
  maxBytes: number,
): FetchFailure | undefined {
  if (status >= 300 && status < 400) {
    const hint = 'give the address in its `Location` as `jwksUri`, if the keys are there';
    return new FetchFailure(`responded with ${status}; redirects are refused`, 'refused', hint);
  }
  if (status === 401 || status === 403) {
    const hint = 'send the credentials that the server requires with `keys.headers`';
    return new FetchFailure(`responded with ${status} instead of 200`, 'refused', hint);
  }
  if (status !== 200) return new FetchFailure(`responded with ${status} instead of 200`, 'refused');
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    return new FetchFailure('the response is compressed, which was not requested', 'refused');
  }
  return Number(headers['content-length']) > maxBytes ? tooLong(maxBytes) : undefined;
}

function tooLong(maxBytes: number): FetchFailure {
  const hint = 'raise `keys.maxBytes` if it is a key set';
  return new FetchFailure(`the response is longer than ${maxBytes} bytes`, 'refused', hint);
}

function ignore(): void {}

async function readText(
  body: Dispatcher.ResponseData['body'],
  maxBytes: number,
  seen: Seen,
): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  for await (const chunk of body as AsyncIterable<Buffer>) {
    seen.bytes += chunk.length;
    if (seen.bytes > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    // A byte order mark may be ignored (RFC 8259 §8.1), and some servers send one.
    const value: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    return value as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function readAge(headers: Dispatcher.ResponseData['headers']): Omit<FetchedJson, 'json'> {
  const cacheControl = single(headers['cache-control']);
  const date = Date.parse(single(headers.date) ?? '');
  const age = Math.max(0, Number(single(headers.age)) || 0);
  let maxAgeSeconds: number | undefined;
  if (cacheControl !== undefined) {
    const match = /(?:^|[\s,])max-age\s*=\s*"?(\d+)/i.exec(cacheControl);
    if (match !== null) maxAgeSeconds = Math.max(0, Number(match[1]) - age);
    if (/(?:^|[\s,])no-(?:store|cache)\b/i.test(cacheControl)) maxAgeSeconds = 0;
  }
  return { cacheControl, maxAgeSeconds, serverTimeMs: Number.isNaN(date) ? undefined : date };
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}

/** Any error of a fetch as a failure, without the place. */
function toFailure(error: unknown, signal: AbortSignal): FetchFailure {
  if (signal.aborted) {
    const hint = 'raise `keys.timeout` if the provider is slow; if only a proxy leads out, set HTTPS_PROXY';
    return new FetchFailure('no complete response in time', 'unreachable', hint);
  }
  if (error instanceof FetchFailure) return error;
  const { message, hint } = describeFetchFault(error);
  return new FetchFailure(message, 'unreachable', hint);
}

import { type Dispatcher, request } from 'undici';
import { VERSION } from '../core/version.ts';

/** A JSON object that was fetched, with what its headers say of its age. */
export interface FetchedJson {
  readonly json: Record<string, unknown>;
  /** Seconds the answer may be kept (RFC 9111 §5.2.2.1), less its `Age`; 0 for no-store and no-cache. */
  readonly maxAgeSeconds: number | undefined;
  readonly cacheControl: string | undefined;
  /** The server's clock (RFC 9110 §6.6.1), in milliseconds since the epoch. */
  readonly serverTimeMs: number | undefined;
}

/** Why a document could not be had, in words for the operator. */
export class FetchFailure extends Error {
  override readonly name = 'FetchFailure';
  /**
   * `unreachable`: nothing complete came, so that asking for another path would be in vain. `refused`: an answer, but no
   * document. `wrong`: a document that must not be believed.
   */
  readonly kind: 'unreachable' | 'refused' | 'wrong';

  constructor(message: string, kind: FetchFailure['kind']) {
    super(message);
    this.kind = kind;
  }
}

export interface FetchOptions {
  readonly dispatcher: Dispatcher;
  readonly headers: Readonly<Record<string, string>>;
  readonly maxBytes: number;
  /** Ends everything, reading included. */
  readonly signal: AbortSignal;
}

const HEADERS = {
  accept: 'application/json, application/jwk-set+json',
  'accept-encoding': 'identity',
  // Some providers' firewalls refuse whoever does not name himself.
  'user-agent': `sealgate/${VERSION}`,
} as const;

/**
 * Fetches one JSON object. Only status 200 counts, redirects are refused, no more than `maxBytes` are ever read.
 * @throws FetchFailure
 */
export async function fetchJson(url: URL, options: FetchOptions): Promise<FetchedJson> {
  const place = `${url.origin}${url.pathname}`;
  let response: Dispatcher.ResponseData;
  try {
    response = await request(url, {
      dispatcher: options.dispatcher,
      headers: { ...HEADERS, ...options.headers },
      signal: options.signal,
    });
  } catch (error) {
    throw new FetchFailure(`${place}: ${describeError(error, options.signal)}`, 'unreachable');
  }
  const { statusCode, headers, body } = response;
  const fail = (reason: string): never => {
    body.on('error', ignore).destroy();
    throw new FetchFailure(`${place}: ${reason}`, 'refused');
  };
  if (statusCode >= 300 && statusCode < 400) fail(`answered ${statusCode}; redirects are refused`);
  if (statusCode !== 200) fail(`answered ${statusCode} instead of 200`);
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') fail('answered compressed, which was not asked for');
  if (Number(headers['content-length']) > options.maxBytes) {
    fail(`the answer is longer than ${options.maxBytes} bytes`);
  }
  let text: string | undefined;
  try {
    text = await readText(body, options.maxBytes);
  } catch (error) {
    throw new FetchFailure(`${place}: ${describeError(error, options.signal)}`, 'unreachable');
  }
  if (text === undefined) return fail(`the answer is longer than ${options.maxBytes} bytes`);
  const json = parseObject(text);
  if (json === undefined) return fail('the answer is not a JSON object');
  return { json, ...readAge(headers) };
}

function ignore(): void {}

async function readText(
  body: Dispatcher.ResponseData['body'],
  maxBytes: number,
): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) return undefined;
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

function describeError(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'no complete answer in time';
  if (!(error instanceof Error)) return 'failed';
  const { code } = error as { code?: unknown };
  const inner = error instanceof AggregateError ? (error.errors[0] as unknown) : undefined;
  const message = error.message || (inner instanceof Error ? inner.message : 'failed');
  return typeof code === 'string' && !message.includes(code) ? `${message} (${code})` : message;
}

import { isUtf8 } from 'node:buffer';
import { type Dispatcher, request } from 'undici';
import { VERSION } from '../../core/version.ts';
import { parseStrictJson } from '../jwt/json/strict-json.ts';
import { describeFetchFault } from '../keys/fetch/fetch-faults.ts';
import type { Claims } from '../verified-token.ts';

/** A whole response of an endpoint. Nothing of it is proven but that it came over the connection. */
export interface EndpointResponse {
  readonly kind: 'response';
  readonly status: number;
  /** Its JSON object, read as strictly as a token; always there with status 200. */
  readonly json: Claims | undefined;
  /** Of the body. */
  readonly bytes: number;
}

/** Why there is no response that can be used, in words for the operator. They quote nothing of it. */
export interface EndpointFailure {
  readonly kind: 'failure';
  /** `timeout`: none in time; `unreachable`: no connection, or a broken one; `invalid`: one that must not be used. */
  readonly outcome: 'timeout' | 'unreachable' | 'invalid';
  readonly reason: string;
  readonly hint: string | undefined;
  readonly status: number | undefined;
}

export interface PostOptions {
  readonly dispatcher: Dispatcher;
  readonly headers: Headers;
  readonly form: URLSearchParams;
  /** More are never read. */
  readonly maxBytes: number;
  /** Aborts everything, reading included. */
  readonly signal: AbortSignal;
  /** Sends the request once more when a connection broke before a response: servers close idle ones at any time. */
  readonly isRepeatable: boolean;
}

/**
 * Posts a form and reads a JSON object. Redirects are refused, so that credentials and tokens go nowhere else; so are compressed and
 * oversized responses, signed ones (RFC 9701), and JSON with two readings. Never rejects.
 */
export async function postForm(url: URL, options: PostOptions): Promise<EndpointResponse | EndpointFailure> {
  const seen: Seen = { status: undefined };
  try {
    return await post(url, options, seen);
  } catch (error) {
    if (
      options.isRepeatable &&
      seen.status === undefined &&
      isBrokenConnection(error) &&
      !options.signal.aborted
    ) {
      return postForm(url, { ...options, isRepeatable: false });
    }
    if (options.signal.aborted) return LATE;
    const { message, hint } = describeFetchFault(error);
    return fail('unreachable', message, { hint, status: seen.status });
  }
}

interface Seen {
  status: number | undefined;
}

export const LATE: EndpointFailure = {
  kind: 'failure',
  outcome: 'timeout',
  reason: 'no complete response in time',
  hint: 'raise `timeout` if the provider is slow; if only a proxy leads out, set HTTPS_PROXY',
  status: undefined,
};

const CONNECTION_CODES: ReadonlySet<unknown> = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

function isBrokenConnection(error: unknown): boolean {
  return CONNECTION_CODES.has((error as { code?: unknown } | null)?.code);
}

async function post(
  url: URL,
  { dispatcher, form, maxBytes, signal, ...options }: PostOptions,
  seen: Seen,
): Promise<EndpointResponse | EndpointFailure> {
  const { statusCode, headers, body } = await request(url, {
    method: 'POST',
    dispatcher,
    headers: {
      accept: 'application/json',
      'accept-encoding': 'identity',
      'user-agent': `sealgate/${VERSION}`,
      ...Object.fromEntries(options.headers),
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: form.toString(),
    signal,
  });
  seen.status = statusCode;
  const flaw = findFlaw(statusCode, headers, maxBytes);
  const bytes = flaw === undefined ? await readBytes(body, maxBytes) : undefined;
  if (bytes === undefined) {
    body.on('error', ignore).destroy();
    const reason = flaw ?? tooLong(maxBytes);
    return fail('invalid', reason, { hint: undefined, status: statusCode });
  }
  const json = isUtf8(bytes) ? parseStrictJson(bytes.toString('utf8').replace(/^\uFEFF/, '')) : 'not UTF-8';
  if (typeof json !== 'string') return { kind: 'response', status: statusCode, json, bytes: bytes.length };
  // Proxies in front of a provider have error pages of their own.
  if (statusCode !== 200)
    return { kind: 'response', status: statusCode, json: undefined, bytes: bytes.length };
  return fail('invalid', `the response is refused: ${json}`, { hint: undefined, status: statusCode });
}

function findFlaw(
  status: number,
  headers: Dispatcher.ResponseData['headers'],
  maxBytes: number,
): string | undefined {
  if (status >= 300 && status < 400) return `responded with ${status}; redirects are refused`;
  if (status > 200 && status < 300) return `responded with ${status} instead of 200`;
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity') return 'the response is compressed, which was not requested';
  if (Number(headers['content-length']) > maxBytes) return tooLong(maxBytes);
  const media = String(headers['content-type'] ?? 'application/json');
  if (/^application\/(?:[\w.-]+\+)?jwt\b/i.test(media))
    return 'the response is a signed JWT (RFC 9701), which is not supported';
  return status === 200 && !/^[\w.-]+\/(?:[\w.-]+\+)?json\b/i.test(media)
    ? 'the response is not JSON by its Content-Type'
    : undefined;
}

function tooLong(maxBytes: number): string {
  return `the response is longer than ${maxBytes} bytes`;
}

async function readBytes(
  body: Dispatcher.ResponseData['body'],
  maxBytes: number,
): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function ignore(): void {}

function fail(
  outcome: EndpointFailure['outcome'],
  reason: string,
  details: Pick<EndpointFailure, 'hint' | 'status'>,
): EndpointFailure {
  return { kind: 'failure', outcome, reason, ...details };
}

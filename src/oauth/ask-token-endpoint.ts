import { type Dispatcher, request } from 'undici';
import { type Refusal, refuse } from '../core/refusals.ts';
import type { Scheduler } from '../core/time/scheduler.ts';
import { VERSION } from '../core/version.ts';
import { describeFetchFault } from '../tokens/keys/fetch/fetch-faults.ts';
import { type FrontResponse, respondWithJson } from './front-response.ts';

export interface TokenEndpointOptions {
  readonly dispatcher: Dispatcher;
  /** For the whole exchange. */
  readonly timeoutMs: number;
  readonly scheduler: Scheduler;
}

const HEADERS = {
  accept: 'application/json',
  'accept-encoding': 'identity',
  'content-type': 'application/x-www-form-urlencoded',
  'user-agent': `sealgate/${VERSION}`,
} as const;

const MAX_RESPONSE_BYTES = 64 * 1024;

/** What of a token response or an error reaches the client (RFC 6749 §5, OpenID Connect Core §3.1.3.3). */
const MEMBERS = [
  'access_token',
  'token_type',
  'expires_in',
  'refresh_token',
  'scope',
  'id_token',
  'error',
  'error_description',
  'error_uri',
] as const;

/** Sends a form to the provider's token endpoint, once, and relays its status and the members of its JSON object that are known. */
export async function askTokenEndpoint(
  url: URL,
  form: string,
  { dispatcher, timeoutMs, scheduler }: TokenEndpointOptions,
): Promise<FrontResponse | Refusal> {
  const expiry = new AbortController();
  const cancel = scheduler.after(timeoutMs, () => expiry.abort());
  try {
    const { signal } = expiry;
    const response = await request(url, { method: 'POST', headers: HEADERS, body: form, dispatcher, signal });
    const { statusCode, headers, body } = response;
    const encoding = headers['content-encoding'] ?? 'identity';
    const isRelayed = statusCode === 200 || (statusCode >= 400 && statusCode <= 599);
    if (!isRelayed || encoding !== 'identity') {
      body.on('error', ignore).destroy();
      return refuse(
        'provider_invalid',
        isRelayed ? 'the token response is compressed' : `status ${statusCode}`,
      );
    }
    const text = await readText(body);
    const known = text === undefined ? undefined : readMembers(text);
    if (known === undefined) {
      return refuse(
        'provider_invalid',
        `the token response (${statusCode}) is not a JSON object up to 64 KiB`,
      );
    }
    return respondWithJson(statusCode, known);
  } catch (error) {
    if (expiry.signal.aborted) {
      return refuse('provider_timeout', `no complete token response within ${timeoutMs} ms`);
    }
    return refuse('provider_unreachable', `the token endpoint: ${describeFetchFault(error).message}`);
  } finally {
    cancel();
  }
}

async function readText(body: Dispatcher.ResponseData['body']): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_RESPONSE_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function readMembers(text: string): Readonly<Record<string, unknown>> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const object = value as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    MEMBERS.flatMap((name) => {
      const member = Object.hasOwn(object, name) ? object[name] : undefined;
      return typeof member === 'string' || typeof member === 'number' ? [[name, member]] : [];
    }),
  );
}

function ignore(): void {}

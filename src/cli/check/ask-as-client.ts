import { type Dispatcher, request } from 'undici';
import { describeFetchFault } from '../../tokens/keys/fetch/fetch-faults.ts';

/** What a client gets at a place: a response, read up to 1 MiB, or the reason why there is none. */
export type ClientResponse =
  | {
      readonly status: number;
      readonly challenge: string | undefined;
      /** The body, if it is a JSON object. */
      readonly json: Readonly<Record<string, unknown>> | undefined;
    }
  | { readonly unreachable: string };

const MAX_BYTES = 1024 * 1024;
const TIMEOUT_MS = 5000;

/** Sends one GET without credentials, as an OAuth client does before it logs in. Follows no redirect; never throws. */
export async function askAsClient(url: string, dispatcher: Dispatcher): Promise<ClientResponse> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const headers = { accept: 'application/json, text/event-stream' };
    const { statusCode, headers: received, body } = await request(url, { dispatcher, signal, headers });
    const challenge = received['www-authenticate'];
    let [text, bytes] = ['', 0];
    body.setEncoding('utf8');
    for await (const chunk of body as AsyncIterable<string>) {
      bytes += Buffer.byteLength(chunk);
      if (bytes > MAX_BYTES) break;
      text += chunk;
    }
    return {
      status: statusCode,
      challenge: Array.isArray(challenge) ? challenge.join(', ') : challenge,
      json: parseObject(text),
    };
  } catch (error) {
    return {
      unreachable: signal.aborted
        ? `no response in ${TIMEOUT_MS / 1000} s`
        : describeFetchFault(error).message,
    };
  }
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

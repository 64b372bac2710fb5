import { describeFetchFault } from '../tokens/keys/fetch/fetch-faults.ts';
import type { RevocationKind } from '../tokens/revocation/entry.ts';
import type { CommandIo } from './io.ts';

export interface RevokeOptions {
  readonly kind: RevocationKind;
  readonly value: string;
  /** The configured name; undefined where the file has one issuer. */
  readonly issuer: string | undefined;
  /** For a subject: tokens issued up to it. Seconds since the epoch; undefined is now. */
  readonly before: number | undefined;
  /** When the entry ends. Seconds since the epoch; undefined is after `revocation.keep`. */
  readonly until: number | undefined;
  /** Takes the entry back instead. */
  readonly undo: boolean;
  /** The admin listener. */
  readonly admin: string;
}

const TOKEN_VARIABLE = 'SEALGATE_ADMIN_TOKEN';
/** A place of the file may take some seconds to confirm. */
const LONGEST_WAIT_MS = 30_000;
const MAX_RESPONSE_BYTES = 64 * 1024;

/** `sealgate revoke`: adds an entry to what a running gateway refuses, or takes it back. Returns 0 once that is confirmed. */
export async function runRevoke(options: RevokeOptions, io: CommandIo): Promise<number> {
  const token = io.env[TOKEN_VARIABLE];
  const failed = findTokenFlaw(token) ?? (await send(options, token as string));
  if (failed === undefined) {
    io.stdout.write(`${describeDone(options)}\n`);
    return 0;
  }
  io.stderr.write(`sealgate: ${options.undo ? 'not taken back' : 'not revoked'}: ${failed}\n`);
  return 1;
}

/** Without the token: it is a secret. */
function findTokenFlaw(token: string | undefined): string | undefined {
  if (token === undefined || token === '')
    return `set ${TOKEN_VARIABLE} to the token of \`admin.token\`, in the environment or with --env-file`;
  if (!/^[\x21-\x7e]+$/.test(token))
    return `${TOKEN_VARIABLE} has a space, a line break or another character that no header can have`;
  return undefined;
}

/** Gives why it is not confirmed; undefined where it is. */
async function send(options: RevokeOptions, token: string): Promise<string | undefined> {
  const { kind, value, issuer, before, until, undo, admin } = options;
  const base = new URL(admin);
  const url = new URL('revocations', base.href.endsWith('/') ? base : `${base.href}/`);
  try {
    const response = await fetch(url, {
      method: undo ? 'DELETE' : 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ issuer, [kind]: value, before, until }),
      // The token is for this address alone.
      redirect: 'manual',
      signal: AbortSignal.timeout(LONGEST_WAIT_MS),
    });
    const body = await readBounded(response);
    return response.status === 204 ? undefined : describeResponse(response.status, body, base);
  } catch (error) {
    return describeFailure(error, base);
  }
}

async function readBounded({ body }: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let length = 0;
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > MAX_RESPONSE_BYTES) break;
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
}

function describeResponse(status: number, body: string, { origin }: URL): string {
  const problem = readProblem(body);
  if (problem === undefined)
    return `${origin} responded with ${status}: is that the admin listener of a gateway?`;
  if (problem.type.startsWith('urn:sealgate:'))
    return `at ${origin} the gateway serves requests; name its admin listener with --admin (\`admin.port\`)`;
  return status === 401 ? `${problem.detail} (${TOKEN_VARIABLE})` : problem.detail;
}

function readProblem(body: string): { readonly type: string; readonly detail: string } | undefined {
  try {
    const { type, detail = '' } = JSON.parse(body) as Readonly<Record<string, unknown>>;
    return typeof type === 'string' && typeof detail === 'string' ? { type, detail } : undefined;
  } catch {
    return undefined;
  }
}

function describeFailure(error: unknown, { origin, protocol }: URL): string {
  if (error instanceof DOMException && error.name === 'TimeoutError')
    return `${origin} did not respond within ${LONGEST_WAIT_MS / 1000} s; it may count all the same`;
  const { message } = describeFetchFault((error as Error).cause ?? error);
  const hint = /_SSL_|EPROTO|not HTTP|UND_ERR_SOCKET/.test(message)
    ? `is it ${protocol === 'https:' ? 'http:' : 'https:'}?`
    : /CERT|self-signed|not trusted/i.test(message)
      ? 'name its authority in NODE_EXTRA_CA_CERTS'
      : 'does the gateway run, and does --admin name its admin listener (`admin.host`, `admin.port`)?';
  return `${origin} cannot be reached: ${message}; ${hint}`;
}

const CLAIMS: Readonly<Record<RevocationKind, string>> = {
  jti: 'the token with the jti',
  sid: 'the tokens with the sid',
  subject: 'the tokens of the subject',
};

function describeDone({ kind, value, issuer, before, until, undo }: RevokeOptions): string {
  const upTo = kind === 'subject' ? `, issued until ${before === undefined ? 'now' : isoOf(before)}` : '';
  const of = issuer === undefined ? '' : ` of issuer ${issuer}`;
  const what = `${CLAIMS[kind]} ${JSON.stringify(value)}${of}`;
  if (undo) return `taken back: ${what} ${kind === 'jti' ? 'is' : 'are'} no longer revoked`;
  return `revoked: ${what}${upTo}; the entry ends ${until === undefined ? 'after `revocation.keep`' : isoOf(until)}`;
}

function isoOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
}

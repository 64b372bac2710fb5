import { randomUUID, sign } from 'node:crypto';
import type { PathProblem } from '../../../config/problem.ts';
import type { AssertionConfig, Config } from '../../../config/schema/config.ts';
import {
  noteFailedRead,
  type ReadFile,
  readFileBounded,
  whyUnreadable,
} from '../../../config/source/read-file.ts';
import { type Refusal, refuse } from '../../../core/refusals.ts';
import type { Clock } from '../../../core/time/clock.ts';
import { readClient } from '../../../tokens/jwt/read-claims.ts';
import type { VerifiedToken } from '../../../tokens/verified-token.ts';
import type { OwnEndpoint } from '../../messages/direct-response.ts';
import type { Route } from '../../route.ts';
import {
  type AssertionKeys,
  createFixedKeys,
  type KeyFileAccess,
  type KeyRotation,
  openKeyFile,
} from './assertion-keys.ts';

const MAX_KEYS_BYTES = 1024 ** 2;

/** Where backends find the keys of the gateway, on the listener of its clients. */
const ASSERTION_KEYS_PATH = '/.well-known/sealgate/jwks.json';

/** Signs a token that names the caller, so that backends need not trust the network. */
export interface AssertionSigner {
  /** Lower case. */
  readonly header: string;
  /** A JWT for one request (RFC 7519): `aud` is the upstream as the route names it. */
  sign(token: VerifiedToken, audience: string): string;
  /** The key set as it is published now. */
  publishedKeys(): string;
}

export interface AssertionOptions {
  readonly resolvePath: (path: string) => string;
  /** Reads keys that the operator rotates. Default `readFileBounded`. */
  readonly readFile?: ReadFile | undefined;
  readonly clock: Clock;
  readonly access: KeyFileAccess;
}

export interface CompiledAssertion {
  /** Undefined in files that ask for none, or whose keys cannot be used. */
  readonly signer?: AssertionSigner;
  /** To be started when the file takes effect and closed when it no longer does. Undefined where the operator rotates. */
  readonly rotation?: KeyRotation;
  readonly problems: readonly PathProblem[];
}

/** Makes the signer of a file that asks for one. */
export function compileAssertion(config: Config, options: AssertionOptions): CompiledAssertion {
  const { assertion } = config.identity;
  const issuer = config.listen.publicUrl;
  if (assertion === undefined || issuer === undefined) return { problems: [] };
  try {
    const keys = openKeys(assertion, options);
    const signer = createSigner(assertion, { keys, issuer, clock: options.clock });
    return { signer, ...('rotation' in keys && { rotation: keys.rotation }), problems: [] };
  } catch (error) {
    noteFailedRead(options.resolvePath(assertion.keys), error);
    const message = `cannot use the keys: ${whyUnreadable(error)}`;
    const hint =
      'a PEM file with EC P-256 or Ed25519 private keys, or a place where the gateway may keep its own';
    const path = ['identity', 'assertion', 'keys'];
    return { problems: [{ severity: 'error', path, message, hint }] };
  }
}

/** The identity headers of a request, with an assertion where the file asks for one. */
export function addAssertion(
  signer: AssertionSigner | undefined,
  { identity, route, token }: { identity: readonly string[]; route: Route; token: VerifiedToken },
): readonly string[] | Refusal {
  if (signer === undefined) return identity;
  const assertion = signer.sign(token, route.config.upstream);
  const { budgetBytes } = route.identity;
  if (assertion.length <= budgetBytes) return [...identity, signer.header, assertion];
  const reason = `the assertion in ${signer.header} needs more than ${budgetBytes} bytes`;
  return refuse('identity_over_budget', reason, { issuer: token.issuer });
}

/** Serves the public keys; backends may keep them for five minutes. */
export function keysEndpoint(signer: AssertionSigner): OwnEndpoint {
  const headers = ['content-type', 'application/jwk-set+json', 'cache-control', 'public, max-age=300'];
  return {
    path: ASSERTION_KEYS_PATH,
    host: undefined,
    what: "the gateway's own keys",
    respond({ method }) {
      if (method !== 'GET' && method !== 'HEAD') {
        return refuse('keys_read_only', 'the keys can only be read', { allow: ['GET', 'HEAD'] });
      }
      return { directResponse: 'keys', status: 200, headers, body: signer.publishedKeys() };
    },
  };
}

function openKeys(
  assertion: AssertionConfig,
  { resolvePath, readFile = readFileBounded, clock, access }: AssertionOptions,
): AssertionKeys | ReturnType<typeof openKeyFile> {
  const path = resolvePath(assertion.keys);
  const text = readIfThere(path, readFile);
  if (text?.includes('-----BEGIN')) {
    const fixed = createFixedKeys(text);
    if (fixed === undefined) throw new Error('it has a key that is not EC P-256 or Ed25519');
    return fixed;
  }
  const { algorithm, rotate: rotateMs } = assertion;
  return openKeyFile({ path, access, algorithm, rotateMs, clock });
}

function readIfThere(path: string, readFile: ReadFile): string | undefined {
  try {
    return Buffer.from(readFile(path, MAX_KEYS_BYTES)).toString('utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function createSigner(
  { header, lifetime, claims: chosen }: AssertionConfig,
  { keys, issuer, clock }: { readonly keys: AssertionKeys; readonly issuer: string; readonly clock: Clock },
): AssertionSigner {
  const lifetimeSeconds = Math.ceil(lifetime / 1000);
  return {
    header: header.toLowerCase(),
    publishedKeys: () => keys.published(),
    sign(token, audience) {
      const nowMs = clock();
      const key = keys.signing(nowMs);
      const issuedAt = Math.floor(nowMs / 1000);
      const { claims } = token;
      const payload = {
        ...Object.fromEntries(chosen.map((name) => [name, claims[name] ?? undefined])),
        iss: issuer,
        aud: audience,
        sub: claims.sub ?? undefined,
        iat: issuedAt,
        exp: issuedAt + lifetimeSeconds,
        jti: randomUUID(),
        idp: claims.iss,
        client_id: readClient(token),
        ...(token.scopes.length === 0 ? {} : { scope: token.scopes.join(' ') }),
      };
      const input = `${encode({ alg: key.alg, typ: 'JWT', kid: key.kid })}.${encode(payload)}`;
      const signature = sign(key.alg === 'EdDSA' ? null : 'sha256', Buffer.from(input), {
        key: key.privateKey,
        dsaEncoding: 'ieee-p1363',
      });
      return `${input}.${signature.toString('base64url')}`;
    },
  };
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

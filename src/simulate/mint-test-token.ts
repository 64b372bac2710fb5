import { createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { type JWK, SignJWT } from 'jose';
import { allAlternatives } from '../config/routes/route-access.ts';
import type { Config, FileTestConfig } from '../config/schema/config.ts';
import type { CompiledIssuer } from '../tokens/compiled-issuer.ts';
import { checkKeys } from '../tokens/keys/key-set.ts';

type TestToken = NonNullable<FileTestConfig['token']>;

/** An issuer of the file with throw-away keys. */
export interface TestIssuer {
  readonly compiled: CompiledIssuer;
  readonly alg: string;
  readonly privateKey: KeyObject;
}

const LIFETIME_SECONDS = 300;

/** Claims by which some providers mark access tokens. */
const KINDS: readonly Readonly<Record<string, string>>[] = [{}, { token_use: 'access' }, { typ: 'Bearer' }];

/** On the thread pool: a gateway that reloads a file keeps serving. */
const generate = promisify(generateKeyPair);

/** Fast ones first: an RSA key takes a while. */
const MAKERS: readonly (readonly [
  alg: RegExp,
  make: (alg: string) => Promise<{ readonly privateKey: KeyObject }>,
])[] = [
  [/^Ed/, () => generate('ed25519')],
  [/^ES/, (alg) => generate('ec', { namedCurve: `P-${alg === 'ES512' ? '521' : alg.slice(2)}` })],
  [/^(?:RS|PS)/, () => generate('rsa', { modulusLength: 2048 })],
];

/** A throw-away key for one of the algorithms; undefined where none is known. */
export async function generateTestKey(
  algorithms: ReadonlySet<string>,
): Promise<Pick<TestIssuer, 'alg' | 'privateKey'> | undefined> {
  for (const [pattern, make] of MAKERS) {
    const alg = [...algorithms].find((name) => pattern.test(name));
    if (alg !== undefined) return { alg, privateKey: (await make(alg)).privateKey };
  }
  return undefined;
}

/** Gives an issuer throw-away keys in place of its own, for an algorithm that it accepts. */
export async function makeTestIssuer(issuer: CompiledIssuer): Promise<TestIssuer> {
  const made = await generateTestKey(issuer.algorithms);
  if (made === undefined) throw new Error(`issuer ${issuer.name} accepts no algorithm that is known`);
  return giveTestKey(issuer, made);
}

/** Gives an issuer this key in place of its own. */
export function giveTestKey(
  issuer: CompiledIssuer,
  { alg, privateKey }: Pick<TestIssuer, 'alg' | 'privateKey'>,
): TestIssuer {
  const jwk = { ...createPublicKey(privateKey).export({ format: 'jwk' }), alg, use: 'sig' };
  const checked = checkKeys(keysNamingIssuers(jwk), issuer.algorithms);
  // Without keys, no JWT of the issuer verifies, in a test either.
  const source = issuer.source.kind === 'none' ? issuer.source : ({ kind: 'static', checked } as const);
  return { compiled: { ...issuer, source }, alg, privateKey };
}

/** Entra's shared keys name the issuers they may sign for; other issuers ignore that. */
function keysNamingIssuers(jwk: JWK): readonly JWK[] {
  const templates = [
    'https://login.microsoftonline.com/{tenantid}/v2.0',
    'https://sts.windows.net/{tenantid}/',
  ];
  return templates.map((issuer, at) => ({ ...jwk, kid: `test-${at}`, issuer }));
}

/** The claims of a test's token: valid for all that the file requires of every token, except what the test changes. */
export function makeTestClaims(
  compiled: CompiledIssuer,
  token: TestToken,
  { config, nowMs }: { readonly config: Config; readonly nowMs: number },
): Readonly<Record<string, unknown>> {
  const now = Math.floor(nowMs / 1000);
  const audiences = token.audiences ?? audiencesOf(compiled, config);
  const kind = KINDS.find((marks) => compiled.rules.validateKind?.(marks, false) === undefined) ?? {};
  const audienceClaim = compiled.rules.audienceClaim?.(kind) ?? 'aud';
  const claims: Record<string, unknown> = {
    ...Object.fromEntries(compiled.requiredClaims.map((name) => [name, `test-${name}`])),
    iss: compiled.issuers[0],
    sub: 'test-subject',
    iat: now,
    exp: now + LIFETIME_SECONDS,
    ...kind,
    ...(audiences.length === 0 ? {} : { [audienceClaim]: audiences.length === 1 ? audiences[0] : audiences }),
  };
  place(claims, compiled.scopeClaims[0], token.scopes?.join(' '));
  place(claims, compiled.roleClaims[0], token.roles);
  if (token.authAge !== undefined) claims.auth_time = Math.floor((nowMs - token.authAge) / 1000);
  return claims;
}

export function signTestToken(
  { compiled, alg, privateKey }: TestIssuer,
  claims: Readonly<Record<string, unknown>>,
): Promise<string> {
  const typ = compiled.tokenTypes.required ? [...compiled.tokenTypes.names][0] : 'JWT';
  return new SignJWT(claims)
    .setProtectedHeader({ alg, ...(typ === undefined ? {} : { typ }) })
    .sign(privateKey);
}

/** The audiences that the issuer, its routes and policies accept. */
function audiencesOf({ name, audiences }: CompiledIssuer, config: Config): readonly string[] {
  const blocks = [...allAlternatives(config).map(({ block }) => block), ...Object.values(config.policies)];
  const wanted = blocks.filter(({ issuers }) => issuers === undefined || issuers.includes(name));
  const all = [audiences, ...wanted.map((block) => block.audiences)].flatMap((names) =>
    names === undefined || names === 'any' ? [] : names,
  );
  return [...new Set(all)];
}

function place(claims: Record<string, unknown>, path: readonly string[] | undefined, value: unknown): void {
  const last = path?.at(-1);
  if (path === undefined || last === undefined || value === undefined) return;
  let object = claims;
  for (const name of path.slice(0, -1)) {
    object[name] ??= {};
    object = object[name] as Record<string, unknown>;
  }
  object[last] = value;
}

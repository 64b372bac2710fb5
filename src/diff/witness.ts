import type { Caller } from './callers.ts';
import { nameOf } from './describe.ts';
import type { CallerChange, Diff } from './diff.ts';
import type { SampleRequest } from './request-classes.ts';
import { claimsOf } from './trial.ts';

/** One request of a change, in the form of the file's `tests`. */
export interface Witness {
  readonly request: string;
  /** The message that it brings to an MCP server. */
  readonly mcp?: string;
  /** Null for a request without a token. */
  readonly token: WitnessToken | null;
  /** Conditions on which it depends, where no values were found for which both files decide like that; else empty. */
  readonly conditions: readonly string[];
}

export interface WitnessToken {
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly scopes?: readonly string[];
  readonly roles?: readonly string[];
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly bound?: 'dpop' | 'mtls';
  /** In seconds, as durations of the file are written. */
  readonly authAge?: string;
}

/** Claims that every token of a test has anyway, or that stand in other members. */
const OTHERWISE_STATED: ReadonlySet<string> = new Set([
  'iss',
  'sub',
  'aud',
  'iat',
  'exp',
  'auth_time',
  'cnf',
]);

/** Makes the witness of a change. */
export function makeWitness(
  { caller, example }: Pick<CallerChange, 'caller' | 'example'>,
  request: SampleRequest,
  sides: Diff['sides'],
): Witness {
  const { method, target, host, isAnyHost, message } = request;
  const place = isAnyHost ? target : `https://${host}${target}`;
  const asked = { request: `${method} ${place}`, ...(message !== undefined && { mcp: message.text }) };
  const { token } = example ?? caller;
  if (token === undefined) return { ...asked, token: null, conditions: [] };
  const [older, newer] = sides;
  const side = newer.issuers.has(token.iss) ? newer : older;
  const issuer = side.issuers.get(token.iss);
  const claims =
    issuer === undefined ? {} : claimsOf({ ...token, scopes: [], roles: [], conditions: [] }, issuer, side);
  const chosen = new Set(token.claims.map(({ path }) => path[0]));
  const own = Object.entries(claims).filter(([name]) => chosen.has(name) || !OTHERWISE_STATED.has(name));
  return {
    ...asked,
    token: {
      issuer: nameOf(token, sides),
      audiences: token.audiences,
      ...(token.scopes.length > 0 && { scopes: token.scopes }),
      ...(token.roles.length > 0 && { roles: token.roles }),
      ...(own.length > 0 && { claims: Object.fromEntries(own) }),
      ...(token.bound !== undefined && { bound: token.bound }),
      ...(token.authAgeMs !== undefined && { authAge: `${Math.floor(token.authAgeMs / 1000)}s` }),
    },
    conditions: example === undefined ? conditionsAt(caller) : [],
  };
}

/** Those that the caller was made for; where it was made for none, those of the other file, which the text of the change names. */
function conditionsAt({ token }: Caller): readonly string[] {
  const conditions = token?.conditions ?? [];
  return conditions.length === 0 ? ['the conditions of the other file'] : conditions;
}

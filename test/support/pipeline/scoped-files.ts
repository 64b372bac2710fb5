import fc from 'fast-check';
import type { VerifiedToken } from '../../../src/tokens/verified-token.ts';
import { type ConfigInput, fileWith } from './gate.ts';

/*
 * Generated files with one route whose access is about scopes, and generated tokens: for properties that hold of every file, such as
 * that a client which obtains what a challenge names is let in.
 */

/** Issuers of the files, with what stands before scopes that are requested of them. */
const PREFIXES: Readonly<Record<string, string>> = { corp: '', entra: 'api://ID/', partner: 'p:' };
const ISSUERS = Object.keys(PREFIXES);
/** Every scope that a file can name. One begins as a prefix does, one is of OpenID Connect. */
export const SCOPES = ['read', 'write', 'admin', 'p:read', 'openid'] as const;
/** Scopes that no provider knows with a prefix. */
const STANDARD: readonly string[] = ['openid', 'profile', 'email', 'offline_access'];
const ROLES = ['staff', 'boss'] as const;

export interface ScopedFile {
  readonly file: ConfigInput;
  /** The issuers that the first alternative accepts, in its order. */
  readonly firstIssuers: readonly string[];
  readonly alternatives: number;
}

const wantedOf = <Name extends string>(names: readonly Name[]) => {
  const list = fc.subarray([...names], { minLength: 1, maxLength: 2 });
  // Not in the order of the list, which a test could take for that of the file.
  const shuffled = list.chain((some) => fc.shuffledSubarray(some, { minLength: some.length }));
  return fc.oneof(
    shuffled,
    fc.record({ any: shuffled }),
    fc.record({ all: shuffled }),
    fc.record({ any: shuffled, all: shuffled }),
  );
};

/** Left out in one of `every` cases. */
const optional = <Value>(value: fc.Arbitrary<Value>, every = 2) =>
  fc.option(value, { nil: undefined, freq: every });

const rules = fc
  .record({
    scopes: optional(wantedOf(SCOPES), 6),
    roles: optional(wantedOf(ROLES)),
    claims: optional(fc.constantFrom({ tenant: 'acme' }, [{ claim: 'plan', any: ['pro', 'team'] }])),
    when: optional(fc.constantFrom('"boss" in token.roles', 'has(claims.tenant)')),
  })
  .map((parts) => Object.fromEntries(Object.entries(parts).filter(([, part]) => part !== undefined)))
  .filter((parts) => Object.keys(parts).length > 0);

const block = fc.record({
  rules,
  issuers: fc.shuffledSubarray(ISSUERS, { minLength: 1 }),
  policy: fc.option(fc.constantFrom('one', 'two'), { nil: undefined }),
});

/** A file whose route accepts tokens by one to three alternatives, with policies. */
export const scopedFile: fc.Arbitrary<ScopedFile> = fc
  .record({ blocks: fc.array(block, { minLength: 1, maxLength: 3 }), one: rules, two: rules })
  .map(({ blocks, one, two }) => {
    const access = blocks.map(({ rules: own, issuers, policy }) => ({
      ...own,
      issuers,
      ...(policy !== undefined && { policy }),
    }));
    const file = fileWith([{ access: (access.length === 1 ? access[0] : access) as never }], {
      issuers: Object.fromEntries(
        ISSUERS.map((name) => [
          name,
          {
            issuer: `https://${name}.example`,
            audiences: ['api'],
            ...(PREFIXES[name] && { scopePrefix: PREFIXES[name] }),
          },
        ]),
      ),
      policies: { one, two } as never,
    });
    return { file, firstIssuers: blocks[0]?.issuers ?? [], alternatives: blocks.length };
  });

/** What a token has; it may lack anything. */
export const scopedToken: fc.Arbitrary<Partial<VerifiedToken>> = fc.record({
  issuer: fc.constantFrom(...ISSUERS),
  scopes: fc.subarray([...SCOPES]),
  roles: fc.subarray([...ROLES], { minLength: 1 }),
  claims: fc.constantFrom({ tenant: 'acme', plan: 'pro' }, { tenant: 'acme' }, { plan: 'team' }, {}),
});

/** A token of this issuer that has everything but scopes. */
export function otherwiseGood(issuer: string): Partial<VerifiedToken> {
  return { issuer, roles: ROLES, claims: { tenant: 'acme', plan: 'pro' } };
}

/** What the tokens of an issuer have when a client requested these scopes of it. Throws where it knows no such scope. */
export function granted(issuer: string, requested: readonly string[]): readonly string[] {
  const prefix = PREFIXES[issuer] ?? '';
  return requested.map((scope) => {
    if (STANDARD.includes(scope)) return scope;
    const own = scope.slice(prefix.length);
    if (!scope.startsWith(prefix) || STANDARD.includes(own))
      throw new Error(`${issuer} knows no scope ${scope}`);
    return own;
  });
}

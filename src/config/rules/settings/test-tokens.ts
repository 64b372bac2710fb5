import { CERTIFICATE_HINT, certificateSource } from '../../client-certificates.ts';
import { fileTests } from '../../file-tests.ts';
import type { ConfigPath, PathProblem } from '../../problem.ts';
import type { Config, FileTestConfig } from '../../schema/config.ts';
import { error, type Rule } from '../rule.ts';
import { reportedOnce } from './tests.ts';

type TestToken = NonNullable<FileTestConfig['token']>;
/** The place of a key of the token. */
type PlaceOf = (key: keyof TestToken) => ConfigPath;

/** What the token of a test is to be, and cannot. */
export const testTokensCanBeMade: Rule = ({ config }) =>
  reportedOnce(
    fileTests(config).flatMap(({ test: { token }, placeOf }) => {
      if (token === undefined) return [];
      const at: PlaceOf = (key) => placeOf('token', key);
      return [
        ...bindingProblems(token, at, config),
        ...introspectionProblems(token, at, config),
        ...replaced(token, at),
      ];
    }),
  );

function bindingProblems({ bound, issuer }: TestToken, at: PlaceOf, config: Config): readonly PathProblem[] {
  const place = at('bound');
  if (bound === 'mtls' && certificateSource(config) === 'none')
    return [error(place, 'no request has a client certificate here', { hint: CERTIFICATE_HINT })];
  const name = issuerOf(issuer, config);
  const named = name === undefined ? undefined : config.issuers[name];
  return bound === 'dpop' && named !== undefined && named.dpop === undefined
    ? [
        error(place, `issuer \`${name}\` has no \`dpop\`, so its bound tokens are refused`, {
          hint: 'set `dpop` on the issuer',
        }),
      ]
    : [];
}

function introspectionProblems(
  { introspected, issuer }: TestToken,
  at: PlaceOf,
  config: Config,
): readonly PathProblem[] {
  const name = issuerOf(issuer, config);
  const named = name === undefined ? undefined : config.issuers[name];
  return introspected !== undefined && named !== undefined && named.introspection === undefined
    ? [
        error(
          at('introspected'),
          `issuer \`${name}\` has no \`introspection\`, so nobody is asked about this token`,
          {
            hint: 'set `introspection` on the issuer, or leave this out',
          },
        ),
      ]
    : [];
}

/** Undefined where it is not certain, which another rule reports. */
function issuerOf(name: string | undefined, { issuers }: Config): string | undefined {
  const names = Object.keys(issuers);
  return name ?? (names.length === 1 ? names[0] : undefined);
}

/** Keys that set a claim, which `claims` then replaces. */
const CLAIMS = { authAge: 'auth_time', bound: 'cnf' } as const;

function replaced(token: TestToken, at: PlaceOf): readonly PathProblem[] {
  return Object.entries(CLAIMS).flatMap(([key, claim]) =>
    token[key as keyof typeof CLAIMS] !== undefined && Object.hasOwn(token.claims ?? {}, claim)
      ? [
          error(
            at(key as keyof TestToken),
            `nothing comes of this: \`claims\` has \`${claim}\`, which replaces it`,
            {
              hint: 'leave one out',
            },
          ),
        ]
      : [],
  );
}

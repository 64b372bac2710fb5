import { after } from '../../core/after.ts';
import { isRefusal, refuse } from '../../core/refusals.ts';
import type { Clock } from '../../core/time/clock.ts';
import type { CompiledIssuer } from '../compiled-issuer.ts';
import type { CallCacheStats } from '../endpoints/call-stats.ts';
import type { TokenOutcome, VerificationRequest } from '../verify-token.ts';
import { createFindIssuer } from './find-issuer.ts';
import type { Introspect } from './introspect.ts';
import { createIntrospector, type Introspector } from './introspector.ts';
import { hasJwtForm, hasThreeParts, isBrokenJwt } from './token-form.ts';

type Verify = (rawToken: string, request: VerificationRequest) => TokenOutcome | Promise<TokenOutcome>;

export interface AddIntrospectionOptions {
  readonly issuers: readonly CompiledIssuer[];
  readonly introspect: Introspect | undefined;
  readonly clock: Clock;
  readonly monotonicMs: () => number;
  /** Longer tokens are refused as malformed. */
  readonly tokenBytes: number;
}

export interface IntrospectingVerifier {
  readonly verify: Verify;
  /** By issuer. */
  cacheStats(): ReadonlyMap<string, CallCacheStats>;
}

/**
 * Puts introspection around the verification of JWTs: what is no JWT is asked about, and what is one is also where its issuer wants
 * that (`for: all`). Undefined in files without introspection, which pay nothing for it; in others a JWT costs a look at its form.
 */
export function addIntrospection(
  verifyJwt: Verify,
  options: AddIntrospectionOptions,
): IntrospectingVerifier | undefined {
  const { issuers, introspect = refuseOffline, tokenBytes } = options;
  const introspectors = new Map<string, Introspector>();
  const covering = new Map<string, Introspector>();
  for (const issuer of issuers) {
    const { name, introspection: settings } = issuer;
    if (settings === undefined) continue;
    const introspector = createIntrospector({ ...options, issuer, settings, introspect });
    introspectors.set(name, introspector);
    if (settings.coversJwts) covering.set(name, introspector);
  }
  if (introspectors.size === 0) return undefined;
  const findIssuer = createFindIssuer(issuers);

  function verifyOpaque(
    rawToken: string,
    request: VerificationRequest,
  ): TokenOutcome | Promise<TokenOutcome> {
    const issuer = findIssuer(rawToken, request.accepts);
    // Nobody can be asked, or nobody is: it is refused by its form.
    if (issuer === undefined || rawToken.length > tokenBytes || isBrokenJwt(rawToken))
      return verifyJwt(rawToken, request);
    const { clientAddress, trace } = request;
    trace?.add({ step: 'form', ok: true, expected: EXPECTED_FORM, got: 'an opaque token' });
    if (isRefusal(issuer)) {
      trace?.add({ step: 'issuer', ok: false, got: issuer.reason });
      return issuer;
    }
    const introspector = introspectors.get(issuer.name) as Introspector;
    return introspector.introspect({ rawToken, clientAddress, jwt: undefined, trace });
  }

  const verifyCovered: Verify = (rawToken, request) =>
    after(verifyJwt(rawToken, request), (jwt) => {
      const introspector = isRefusal(jwt) ? undefined : covering.get(jwt.issuer);
      if (introspector === undefined || isRefusal(jwt)) return jwt;
      const { clientAddress, trace } = request;
      return introspector.introspect({ rawToken, clientAddress, jwt, trace });
    });
  const verifySigned = covering.size === 0 ? verifyJwt : verifyCovered;

  const verify: Verify = (rawToken, request) => {
    if (!hasThreeParts(rawToken)) return verifyOpaque(rawToken, request);
    // A trace is to show one form.
    if (request.trace !== undefined && !hasJwtForm(rawToken)) return verifyOpaque(rawToken, request);
    const outcome = verifySigned(rawToken, request);
    // The characters of good JWTs were looked at when they were decoded, and kept ones need no look at all.
    const isMalformed = isRefusal(outcome) && outcome.code === 'token_malformed';
    return isMalformed && !hasJwtForm(rawToken) ? verifyOpaque(rawToken, request) : outcome;
  };

  return {
    verify,
    cacheStats: () =>
      new Map([...introspectors].map(([name, introspector]) => [name, introspector.cacheStats()])),
  };
}

const EXPECTED_FORM = 'a signed JWT, or an opaque token that a provider can be asked about';

const refuseOffline: Introspect = async ({ issuer: { name } }) =>
  refuse('introspection_offline', `only the introspection endpoint of ${name} knows, and it was not asked`, {
    issuer: name,
    retryAfterSeconds: 1,
  });

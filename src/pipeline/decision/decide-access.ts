import { after } from '../../core/after.ts';
import { isRefusal, type Refusal } from '../../core/refusals.ts';
import type { Trace } from '../../core/trace.ts';
import type { VerifiedToken } from '../../tokens/verified-token.ts';
import { checkAddressing } from '../access/authorize.ts';
import { passesInReportMode } from '../access/report-mode.ts';
import type { KeyProof } from '../binding/key-proof.ts';
import { provePossession } from '../binding/prove-possession.ts';
import { extractToken, isOfDpopScheme, refuseSeveralAuthorizations } from '../credentials/extract-token.ts';
import type { PresentedToken } from '../credentials/presented-token.ts';
import { refuseMissing } from '../credentials/refuse-missing-token.ts';
import { stripToken } from '../credentials/strip-token.ts';
import type { Decision, Gate } from '../gate.ts';
import { addAssertion } from '../identity/assertion/assertion.ts';
import { type Matched, permitAnonymous, permitVerified } from '../permit.ts';
import type { Route } from '../route.ts';
import { authorizeToken } from './authorize-token.ts';

/**
 * Decides whether the token of a request, or its absence, lets it through a route: the steps of docs/architecture.md from the token to
 * the identity.
 */
export function decideAccess(
  gate: Gate,
  matched: Matched,
  trace: Trace | undefined,
): Decision | Promise<Decision> {
  const { route, headers, target } = matched;
  if (route.access.token === 'public') return permitPublic(matched, trace);

  // 4. Extract
  const presented = extractToken(route.tokenSources, headers, target);
  if (isRefusal(presented)) return refusedBy(route, 'token', presented, trace);
  if (presented === undefined) return decideWithoutToken(matched, trace);
  trace?.add({ step: 'token', ok: true, got: 'one token' });

  // 5. Authenticate
  const { accepts } = route.access;
  const { clientAddress } = matched;
  const verified = gate.verifier.verify(presented.rawToken, { accepts, clientAddress, trace });
  return after(verified, (outcome) => decideVerified(gate, { matched, presented, verified: outcome }, trace));
}

interface Verified {
  readonly matched: Matched;
  readonly presented: PresentedToken;
  readonly verified: VerifiedToken | Refusal;
}

function decideVerified(
  gate: Gate,
  { matched, presented, verified: token }: Verified,
  trace: Trace | undefined,
): Decision | Promise<Decision> {
  const { route } = matched;
  if (isRefusal(token)) return { route, outcome: token };
  const misdirected = checkAddressing(route.access, { token, request: matched }, trace);
  if (misdirected !== undefined) return { route, outcome: misdirected, token };
  const isSimulated = !gate.appliesLimits;
  const proven = provePossession({ request: matched, token, presented, isSimulated }, trace);
  return after(proven, (possession) => {
    const authenticated = { matched, token, rawToken: presented.rawToken, proof: possession?.proof };
    if (possession === undefined) return decideAuthorized(gate, authenticated, trace);
    const { refusal, addedHeaders } = possession;
    const decision =
      refusal === undefined
        ? decideAuthorized(gate, authenticated, trace)
        : { route, outcome: refusal, token };
    return withHeaders(decision, addedHeaders);
  });
}

function withHeaders(decision: Decision, headers: readonly string[] = []): Decision {
  if (headers.length === 0) return decision;
  return { ...decision, addedHeaders: [...(decision.addedHeaders ?? []), ...headers] };
}

interface Authenticated {
  readonly matched: Matched;
  readonly token: VerifiedToken;
  readonly rawToken: string;
  readonly proof: KeyProof | undefined;
}

function decideAuthorized(
  gate: Gate,
  { matched, token, rawToken, proof }: Authenticated,
  trace: Trace | undefined,
): Decision {
  const { route } = matched;
  const { revocations } = gate;
  if (revocations !== undefined) {
    const revoked = revocations.refuse(token);
    if (revoked !== undefined) return { ...refusedBy(route, 'revocation', revoked, trace), token };
    trace?.add({ step: 'revocation', ok: true, got: 'no entry for this token' });
  }
  const request = withoutToken(matched);

  // 6. Authorize; in report mode what only the rules refuse passes
  const { access, identity } = authorizeToken(route.policy, { token, request }, trace);
  const passesAnyway = access !== undefined && route.reportsOnly && passesInReportMode(access);
  if (access !== undefined && !passesAnyway) return { route, outcome: access, token };
  if (passesAnyway)
    trace?.add({ step: 'mode', ok: true, expected: 'report', got: `would be ${access.code}` });

  // 7. Identity
  if (isRefusal(identity)) return { ...refusedBy(route, 'identity', identity, trace), token };
  const reported = addAssertion(gate.assertion, { identity, route, token });
  if (isRefusal(reported)) return { ...refusedBy(route, 'identity', reported, trace), token };
  trace?.add({ step: 'identity', ok: true, got: namesOf(reported) });
  const outcome = permitVerified(matched, {
    request,
    identity: reported,
    token,
    rawToken,
    proof,
    wouldRefuse: access,
  });
  if (access === undefined || !route.exposesReports) return { route, outcome, token };
  return { route, outcome, token, addedHeaders: ['x-sealgate-would-refuse', access.code] };
}

/** A token from a cookie or the like goes up only where the route forwards tokens. */
function withoutToken(matched: Matched): Matched {
  const { route, headers, target } = matched;
  if (route.tokenSources.places.length === 0 || route.identity.forwardsToken) return matched;
  return { ...matched, ...stripToken(route.tokenSources, headers, target) };
}

/** The token of a public route is not verified, but two of them are refused here as everywhere. */
function permitPublic(matched: Matched, trace: Trace | undefined): Decision {
  const { route, headers } = matched;
  const several = refuseSeveralAuthorizations(headers);
  if (several !== undefined) return refusedBy(route, 'token', several, trace);
  trace?.add({ step: 'access', ok: true, expected: 'public', got: 'not looked at' });
  return { route, outcome: permitAnonymous(matched) };
}

function decideWithoutToken(matched: Matched, trace: Trace | undefined): Decision {
  const { route, headers } = matched;
  if (route.access.token === 'optional' && !headers.authorizations.some(isOfDpopScheme)) {
    trace?.add({ step: 'token', ok: true, expected: 'optional', got: 'none' });
    return { route, outcome: permitAnonymous(matched) };
  }
  return refusedBy(route, 'token', refuseMissing(matched), trace);
}

/** The refusal of a route, with its step. */
export function refusedBy(route: Route, step: string, outcome: Refusal, trace: Trace | undefined): Decision {
  trace?.add({ step, ok: false, got: outcome.reason });
  return { route, outcome };
}

function namesOf(pairs: readonly string[]): string {
  return pairs.filter((_, at) => at % 2 === 0).join(', ') || 'no headers';
}

import type { CompiledIssuer, TokenTypes } from '../compiled-issuer.ts';
import type { IssuerIndex } from '../issuer-index.ts';
import type { Claims } from '../verified-token.ts';
import { type EventFault, invalid, isEventFault } from './event-fault.ts';
import { type EventTokenRules, readSeconds, verifyEventToken } from './event-token.ts';
import { type EventStatement, entryFor } from './statement.ts';
import { readSubjectId } from './subject-id.ts';

const SESSION_REVOKED = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked';

export const SECURITY_EVENT_TYPES: TokenTypes = { names: new Set(['secevent+jwt']), required: true };

/** The issuer whose tokens the events are about. */
export interface TokenIssuer {
  readonly issuer: CompiledIssuer;
  readonly index: IssuerIndex;
}

/** Reads a security event (RFC 8417, SSF 1.0 §4). Only `session-revoked` (CAEP 1.0 §3.1) has an effect. */
export async function readSecurityEvent(
  rawToken: string,
  rules: EventTokenRules & { readonly about: TokenIssuer },
  clock: () => number,
): Promise<EventStatement | EventFault> {
  const token = await verifyEventToken(rawToken, rules, clock);
  if (isEventFault(token)) return token;
  const { claims, events, jti, iat, rejectedFromMs } = token;
  const revoked = events.get(SESSION_REVOKED);
  if (revoked === undefined) return { jti, rejectedFromMs, entry: undefined };
  // SSF 1.0 §4.1.2: that of the token would be read as somebody's login.
  if (Object.hasOwn(claims, 'sub')) return invalid('it has `sub`: an event names its subject in `sub_id`');
  const nowMs = clock();
  const before = readMoment(revoked, iat, nowMs + rules.issuer.clockToleranceMs);
  if (typeof before === 'object') return before;
  const subject = readSubjectId(claims.sub_id, rules.about.index);
  if (isEventFault(subject)) return subject;
  const entry = entryFor({ issuer: rules.about.issuer.name, ...subject }, { before, nowMs });
  return { jti, rejectedFromMs, entry };
}

/** When the session ended. One that lies ahead would revoke tokens that are not issued yet, as milliseconds would for ever. */
function readMoment(
  { event_timestamp: timestamp }: Claims,
  iat: number,
  latestMs: number,
): number | EventFault {
  if (timestamp === undefined) return iat;
  const seconds = readSeconds(timestamp);
  if (seconds === undefined || seconds < 0) return invalid('its `event_timestamp` is not in seconds');
  // It was rounded up.
  return seconds * 1000 > latestMs + 999
    ? invalid('its `event_timestamp` lies in the future, or is not in seconds')
    : seconds;
}

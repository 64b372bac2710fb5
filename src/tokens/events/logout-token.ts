import type { TokenTypes } from '../compiled-issuer.ts';
import { type EventFault, invalid, isEventFault } from './event-fault.ts';
import { type EventTokenRules, isText, verifyEventToken } from './event-token.ts';
import { type EventStatement, entryFor } from './statement.ts';

const LOGOUT = 'http://schemas.openid.net/event/backchannel-logout';

/** Its own type is recommended only since 2023; older providers send another, or none. */
export const LOGOUT_TYPES: TokenTypes = { names: new Set(['logout+jwt', 'jwt']), required: false };

/** Reads a logout token (OpenID Connect Back-Channel Logout 1.0 §2.4, §2.6). */
export async function readLogoutToken(
  rawToken: string,
  rules: EventTokenRules,
  clock: () => number,
): Promise<EventStatement | EventFault> {
  const token = await verifyEventToken(rawToken, rules, clock);
  if (isEventFault(token)) return token;
  const { claims, events, jti, iat, rejectedFromMs } = token;
  if (!events.has(LOGOUT)) return invalid('its `events` has no logout');
  // One that stands beside it might be meant for somebody else.
  if (events.size > 1) return invalid('its `events` has more than the logout');
  // So that no ID token can be taken for one.
  if (Object.hasOwn(claims, 'nonce')) return invalid('it has `nonce`, which no logout token has');
  const { sub, sid } = claims;
  if (sub !== undefined && !isText(sub)) return invalid('its `sub` is not a text');
  if (sid !== undefined && !isText(sid)) return invalid('its `sid` is not a text');
  const claim = sid ?? sub;
  if (claim === undefined) return invalid('it has neither `sub` nor `sid`');
  const kind = sid === undefined ? 'subject' : 'sid';
  const entry = entryFor({ issuer: rules.issuer.name, kind, claim }, { before: iat, nowMs: clock() });
  return { jti, rejectedFromMs, entry };
}

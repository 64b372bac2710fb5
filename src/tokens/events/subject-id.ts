import type { IssuerIndex } from '../issuer-index.ts';
import type { RevocationKind } from '../revocation/entry.ts';
import type { Claims } from '../verified-token.ts';
import { type EventFault, invalid } from './event-fault.ts';
import { isObject, isText } from './event-token.ts';

/** Whose tokens an event is about: by the claim of tokens that names them. */
export interface EventSubject {
  readonly kind: Exclude<RevocationKind, 'jti'>;
  readonly claim: string;
}

/** Members of a complex subject that only narrow down the user or session named beside them. */
const WIDER = new Set(['format', 'user', 'session', 'tenant', 'org_unit', 'group']);

/**
 * Reads a subject identifier (RFC 9493, SSF 1.0 §3): a user by `iss_sub` or `opaque`, or a complex one with a session. What cannot be
 * found in tokens is refused rather than confirmed.
 */
export function readSubjectId(value: unknown, issuers: IssuerIndex): EventSubject | EventFault {
  if (!isObject(value)) return invalid('its `sub_id` is not an object, or missing');
  if (value.format === 'complex') return readComplex(value, issuers);
  const sub = readUser(value, issuers);
  return typeof sub === 'string' ? { kind: 'subject', claim: sub } : sub;
}

function readComplex(value: Claims, issuers: IssuerIndex): EventSubject | EventFault {
  const { user, session } = value;
  const sub = user === undefined ? undefined : readUser(user, issuers);
  if (typeof sub === 'object') return sub;
  if (session !== undefined) {
    if (!isObject(session) || session.format !== 'opaque' || !isText(session.id))
      return invalid('the session in its `sub_id` is not opaque with an `id`');
    return { kind: 'sid', claim: session.id };
  }
  if (sub === undefined) return invalid('its `sub_id` names neither a user nor a session');
  // Less than all tokens of the user: those of one device, or application, which tokens do not name.
  if (Object.keys(value).some((name) => !WIDER.has(name)))
    return invalid('its `sub_id` means a part of what the user has, and names no session');
  return { kind: 'subject', claim: sub };
}

function readUser(value: unknown, issuers: IssuerIndex): string | EventFault {
  if (!isObject(value)) return invalid('the user in its `sub_id` is not an object');
  if (value.format === 'opaque')
    return isText(value.id) ? value.id : invalid('its `sub_id` is opaque, without an `id`');
  if (value.format !== 'iss_sub') return invalid('its `sub_id` has a format that tokens do not have');
  const { iss, sub } = value;
  if (!isText(sub)) return invalid('its `sub_id` is iss_sub, without a `sub`');
  return issuers.find({ iss }) === undefined
    ? invalid('its `sub_id` is of another issuer than the tokens')
    : sub;
}

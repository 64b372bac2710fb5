import type { HeaderPairs } from './headers.ts';

/** What `securityHeaders: true` adds to answers of backends that have none of the name. */
const ALWAYS = [
  'x-content-type-options',
  'nosniff',
  'x-frame-options',
  'DENY',
  'content-security-policy',
  "frame-ancestors 'none'",
  'referrer-policy',
  'no-referrer',
] as const;

/** Browsers ignore it over http: (RFC 6797 §7.2), and it must not be sent there. */
const OVER_TLS = [...ALWAYS, 'strict-transport-security', 'max-age=31536000'] as const;

const NONE: HeaderPairs = [];

/** The security fields for a route's answers; names and values in turn. */
export function securityHeaders(isOn: boolean, proto: 'http' | 'https'): HeaderPairs {
  if (!isOn) return NONE;
  return proto === 'https' ? OVER_TLS : ALWAYS;
}

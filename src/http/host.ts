import { normalizeHost } from '../core/network/host.ts';
import { type Refusal, refuse } from '../core/refusals.ts';

/**
 * The host that a request names, as `normalizeHost` spells it. `values` are those of `Host` or `:authority`, the only fields that
 * count. Refuses user info, bad ports, several values, and an absent or empty one unless the client speaks HTTP/1.0
 * (RFC 9110 §7.2, RFC 9112 §3.2).
 */
export function parseHost(values: readonly string[], httpVersion: string): string | undefined | Refusal {
  if (values.length > 1) return refuse('host_twice', 'the request has more than one Host');
  const value = values[0];
  if (value === undefined) {
    return httpVersion === '1.0' ? undefined : refuse('host_missing', 'the request has no Host');
  }
  if (value === latest.value) return latest.host;
  const host = normalizeHost(value);
  if (host === undefined)
    return refuse('host_invalid', 'Host is not a name or address with an optional port');
  latest = { value, host };
  return host;
}

/** The latest valid one: most requests in a row name the same (docs/performance.md: "texts that come again"). */
let latest: { readonly value: string | undefined; readonly host: string } = { value: undefined, host: '' };

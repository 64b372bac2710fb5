import { quoteForLog } from '../../core/escape.ts';
import { type Refusal, refuse } from '../../core/refusals.ts';
import type { KeyReport } from './check-key.ts';
import type { KeySet } from './key-set.ts';

const MAX_NAMED_KEYS = 8;

/** Refuses a token whose key a set does not have: names the key that was looked for, and those that there are. */
export function refuseMissingKey(set: KeySet, alg: string, kid: string | undefined): Refusal {
  const published = kid === undefined ? undefined : set.describe(kid);
  if (published?.reason !== undefined) {
    return refuse('key_unusable', `${describeKid(kid)} is published but not used: ${published.reason}`);
  }
  if (published !== undefined) {
    return refuse('key_for_other_algorithm', `${describeKid(kid)} is published but not for ${alg}`);
  }
  const hasIds = set.reports.some((report) => report.state === 'usable' && report.kid !== undefined);
  const cause = kid === undefined || hasIds ? 'key_unknown' : 'key_without_id';
  return refuse(cause, `no ${alg} key for ${describeKid(kid)}; published: ${describePublished(set)}`);
}

function describePublished(set: KeySet): string {
  const usable = set.reports.filter(({ state }) => state === 'usable');
  const kids = usable.flatMap((report) => (report.kid === undefined ? [] : quoteForLog(report.kid)));
  const nameless = usable.length - kids.length;
  const more = kids.length > MAX_NAMED_KEYS ? ` and ${kids.length - MAX_NAMED_KEYS} more` : '';
  const named = kids.length === 0 ? [] : [kids.slice(0, MAX_NAMED_KEYS).join(', ') + more];
  if (nameless > 0) named.push(nameless === 1 ? 'a key without key id' : `${nameless} keys without key id`);
  return named.length === 0 ? 'no usable key' : named.join(', ');
}

/** Why a set has no key to verify with. */
export function describeUseless(reports: readonly KeyReport[]): string {
  const reasons = reports.slice(0, 3).map(({ kid, reason }) => `${describeKey(kid)}: ${reason}`);
  return `the set has no usable key: ${reasons.length === 0 ? 'it is empty' : reasons.join('; ')}`;
}

function describeKey(kid: string | undefined): string {
  return kid === undefined ? 'a key without key id' : `key ${quoteForLog(kid)}`;
}

/** Names what was looked for. */
export function describeKid(kid: string | undefined): string {
  return kid === undefined ? 'a token without key id' : `key id ${quoteForLog(kid)}`;
}

import type { KeySet } from './key-set.ts';
import { quoteForLog } from './quote.ts';

const MAX_NAMED_KEYS = 8;

/** Says in one log line what key was looked for and which there were. */
export function describeMiss(set: KeySet, alg: string, kid: string | undefined): string {
  const published = kid === undefined ? undefined : set.describe(kid);
  if (published?.reason !== undefined)
    return `${describeKid(kid)} is published but not used: ${published.reason}`;
  if (published !== undefined) return `${describeKid(kid)} is published but not for ${alg}`;
  const kids = set.reports
    .filter(({ state }) => state === 'usable')
    .map((report) => quoteForLog(report.kid ?? ''));
  const more = kids.length > MAX_NAMED_KEYS ? ` and ${kids.length - MAX_NAMED_KEYS} more` : '';
  return `no ${alg} key for ${describeKid(kid)}; published: ${kids.slice(0, MAX_NAMED_KEYS).join(', ')}${more}`;
}

/** Names what was looked for. */
export function describeKid(kid: string | undefined): string {
  return kid === undefined ? 'a token without key id' : `key id ${quoteForLog(kid)}`;
}

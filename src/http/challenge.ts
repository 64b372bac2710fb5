import { REFUSALS, type Refusal, type RefusalRow } from '../core/refusals.ts';

/**
 * The value of `WWW-Authenticate` for a refusal, or undefined when its row has no challenge (RFC 6750 §3). Says no more
 * than the refusal's title: whoever guesses at tokens learns nothing from it.
 */
export function challengeFor(refusal: Refusal, realm: string): string | undefined {
  const row: RefusalRow = REFUSALS[refusal.code];
  if (row.challenge === undefined) return undefined;
  const parameters = [`realm=${quote(realm)}`];
  if (row.challenge !== 'none') {
    parameters.push(`error="${row.challenge}"`, `error_description=${quote(row.title)}`);
  }
  if (refusal.scopes !== undefined && refusal.scopes.length > 0) {
    parameters.push(`scope=${quote(refusal.scopes.join(' '))}`);
  }
  return `Bearer ${parameters.join(', ')}`;
}

/** A quoted-string without what RFC 6750 §3 keeps out of the values: quotes, backslashes, controls and non-ASCII. */
function quote(text: string): string {
  return `"${text.replace(/["\\]|[^ -~]/g, "'")}"`;
}

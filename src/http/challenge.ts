import { REFUSALS, type Refusal, type RefusalCode, type RefusalRow } from '../core/refusals.ts';

/** The latest challenge of each code that says nothing of the request. A realm changes with a reload at most. */
const plain = new Map<RefusalCode, { readonly realm: string; readonly challenge: string }>();

/**
 * The value of `WWW-Authenticate` for a refusal, or undefined when its row has no challenge (RFC 6750 §3). Says no more
 * than the refusal's title: whoever guesses at tokens learns nothing from it.
 */
export function challengeFor(refusal: Refusal, realm: string): string | undefined {
  const row: RefusalRow = REFUSALS[refusal.code];
  if (row.challenge === undefined) return undefined;
  if (refusal.scopes !== undefined && refusal.scopes.length > 0) return render(row, realm, refusal.scopes);
  const known = plain.get(refusal.code);
  if (known?.realm === realm) return known.challenge;
  const challenge = render(row, realm, []);
  plain.set(refusal.code, { realm, challenge });
  return challenge;
}

function render(row: RefusalRow, realm: string, scopes: readonly string[]): string {
  const parameters = [`realm=${quote(realm)}`];
  if (row.challenge !== 'none') {
    parameters.push(`error="${row.challenge}"`, `error_description=${quote(row.title)}`);
  }
  if (scopes.length > 0) parameters.push(`scope=${quote(scopes.join(' '))}`);
  return `Bearer ${parameters.join(', ')}`;
}

/** A quoted-string without what RFC 6750 §3 keeps out of the values: quotes, backslashes, controls and non-ASCII. */
function quote(text: string): string {
  return `"${text.replace(/["\\]|[^ -~]/g, "'")}"`;
}

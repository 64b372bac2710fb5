import { REFUSALS, type Refusal, type RefusalRow } from '../core/refusals.ts';

/**
 * The value of `WWW-Authenticate` for a refusal, or undefined when its row has no challenge (RFC 6750 §3). Reveals no more
 * than the refusal's title, so that guessing tokens teaches nothing.
 */
export function challengeFor({ code, scopes = [] }: Refusal, realm: string): string | undefined {
  const { challenge, title }: RefusalRow = REFUSALS[code];
  if (challenge === undefined) return undefined;
  let text = `Bearer realm=${quote(realm)}`;
  if (challenge !== 'none') text += `, error="${challenge}", error_description="${title}"`;
  return scopes.length === 0 ? text : `${text}, scope=${quote(scopes.join(' '))}`;
}

/** A quoted-string without what RFC 6750 §3 keeps out of the values: quotes, backslashes, controls and non-ASCII. */
function quote(text: string): string {
  return `"${text.replace(/["\\]|[^ -~]/g, "'")}"`;
}

import { isRefusal } from '../../../src/core/refusals.ts';
import { challengeFor } from '../../../src/pipeline/access/challenge.ts';
import type { Gate } from '../../../src/pipeline/decide.ts';
import type { RequestFacts } from '../../../src/pipeline/request.ts';
import { decideNow } from './gate.ts';

/** The code of a refusal with its challenge, as responses have them. */
export function refusalOf(
  gate: Gate,
  request: RequestFacts,
): { readonly code: string; readonly challenge: string | undefined } {
  const { route, outcome, token } = decideNow(gate, request);
  if (!isRefusal(outcome)) return { code: 'allow', challenge: undefined };
  return { code: outcome.code, challenge: challengeFor(route?.challenge, outcome, token) };
}

/** The scopes that a challenge names, undefined where it names none. */
export function scopesOf(challenge: string | undefined): readonly string[] | undefined {
  return /, scope="([^"]*)"/.exec(challenge ?? '')?.[1]?.split(' ');
}

import { isRefusal } from '../../../src/core/refusals.ts';
import { challengeFor } from '../../../src/pipeline/access/challenge.ts';
import type { Gate } from '../../../src/pipeline/gate.ts';
import type { RequestFacts } from '../../../src/pipeline/messages/request.ts';
import { decideNow } from './gate.ts';

/** The code of a refusal with its challenge, as responses have them. */
export function refusalOf(
  gate: Gate,
  request: RequestFacts,
): { readonly code: string; readonly challenge: string | undefined } {
  const { route, outcome, token } = decideNow(gate, request);
  if (!isRefusal(outcome)) return { code: 'allow', challenge: undefined };
  const challenge = challengeFor(route?.challenge, outcome, token);
  // What the log and `explain` name as missing must be in the challenge.
  const [, missing] = /^the token lacks the scope "([^"]+)"/.exec(outcome.reason) ?? [];
  if (
    challenge !== undefined &&
    missing !== undefined &&
    !scopesOf(challenge)?.some((scope) => scope.endsWith(missing))
  )
    throw new Error(`${outcome.reason}, but ${challenge}`);
  return { code: outcome.code, challenge };
}

/** The scopes that a challenge names, undefined where it names none. */
export function scopesOf(challenge: string | undefined): readonly string[] | undefined {
  return /, scope="([^"]*)"/.exec(challenge ?? '')?.[1]?.split(' ');
}

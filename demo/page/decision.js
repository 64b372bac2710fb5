/*
 * What the gateway decided, in words. It judges in a fixed order and stops at the first "no",
 * so the code of a refusal tells how far the request came.
 */

/** The steps of a guarded route, in the order in which they are judged. */
export const STEPS = [
  'route',
  'token',
  'form',
  'issuer',
  'algorithm',
  'type',
  'key',
  'signature',
  'claims',
  'times',
  'audience',
  'scopes',
];

const REFUSALS = {
  route_unknown: { step: 'route', words: 'No route leads there. What is not in the file does not exist.' },
  method_not_allowed: { step: 'route', words: 'The path has routes, but none for this method.' },
  token_missing: {
    step: 'token',
    words: 'The route asks for a token and there was none. The challenge says which kind would do.',
  },
  multiple_tokens: { step: 'token', words: 'Two tokens in one request: nobody could say which one counts.' },
  token_malformed: {
    step: 'form',
    words: 'This is not a signed JWT at all. A refresh token is for the provider, and only it can read it.',
  },
  issuer_unknown: { step: 'issuer', words: 'Nobody told the gateway to trust this issuer.' },
  algorithm_not_allowed: { step: 'algorithm', words: 'The file does not accept this signature algorithm.' },
  type_not_allowed: { step: 'type', words: 'This kind of token is not meant for APIs.' },
  key_unknown: { step: 'key', words: 'The issuer publishes no key with this name.' },
  signature_invalid: {
    step: 'signature',
    words: 'One character differs from what the provider signed, and its published key shows it.',
  },
  claim_missing: { step: 'claims', words: 'A claim that must be there is not.' },
  token_expired: { step: 'times', words: 'Its time is over. Refresh it.' },
  token_not_yet_valid: { step: 'times', words: 'Its time has not come yet.' },
  audience_mismatch: {
    step: 'audience',
    words:
      'A good token, but for somebody else: its aud is not this API. An ID token tells an app who you are.',
  },
  insufficient_scope: {
    step: 'scopes',
    words: 'A good token, but without the scope that this route needs. You did not ask for it at the login.',
  },
};

/**
 * How far a request came: each step as passed, failed or not reached, and why in words.
 * `guarded` is false for public routes, where only the route is judged.
 */
export function explainDecision({ status, code, guarded }) {
  const refusal = REFUSALS[code];
  const failedAt = refusal ? STEPS.indexOf(refusal.step) : -1;
  const judged = guarded ? STEPS : STEPS.slice(0, 1);
  const steps = judged.map((name, index) => ({
    name,
    state: failedAt < 0 ? (code ? 'unreached' : 'passed') : stateAt(index, failedAt),
  }));
  return { steps, words: refusal?.words ?? wordsWithoutRefusal(status, code, guarded) };
}

function stateAt(index, failedAt) {
  if (index < failedAt) return 'passed';
  return index === failedAt ? 'failed' : 'unreached';
}

function wordsWithoutRefusal(status, code, guarded) {
  if (code) return `The gateway answered ${status} ${code}.`;
  return guarded
    ? 'Everything held. The backend got the request with who you are, and never saw the token.'
    : 'The route is public: nothing was asked, and the backend knows nobody.';
}

/*
 * What the gateway decided, in words. It checks in a fixed order and stops at the first "no",
 * so the code of a refusal shows how far the request came.
 */

/** The steps of a guarded route, in the order in which they are checked. */
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
  route_unknown: { step: 'route', words: 'No route matches this path. Only routes in the file exist.' },
  method_not_allowed: { step: 'route', words: 'The path has routes, but none for this method.' },
  token_missing: {
    step: 'token',
    words: 'The route needs a token and there was none. The challenge names the kind it needs.',
  },
  multiple_tokens: {
    step: 'token',
    words: 'Two tokens in one request: it would be unclear which one counts.',
  },
  token_malformed: {
    step: 'form',
    words:
      'This is not a signed JWT. A refresh token is for the provider, and only the provider can read it.',
  },
  issuer_unknown: { step: 'issuer', words: 'The file does not list this issuer as trusted.' },
  algorithm_not_allowed: { step: 'algorithm', words: 'The file does not accept this signature algorithm.' },
  type_not_allowed: { step: 'type', words: 'This kind of token is not meant for APIs.' },
  key_unknown: { step: 'key', words: 'The issuer publishes no key with this name.' },
  signature_invalid: {
    step: 'signature',
    words: 'The signature does not match: one character differs from what the provider signed.',
  },
  claim_missing: { step: 'claims', words: 'A required claim is missing.' },
  token_expired: { step: 'times', words: 'The token has expired. Refresh it.' },
  token_not_yet_valid: { step: 'times', words: 'The token is not valid yet.' },
  audience_mismatch: {
    step: 'audience',
    words:
      'A valid token, but for another audience: its aud is not this API. An ID token is for the app you log in to.',
  },
  insufficient_scope: {
    step: 'scopes',
    words: 'A valid token, but without the scope that this route needs. You did not request it at login.',
  },
};

/**
 * How far a request came: each step as passed, failed or not reached, and why in words.
 * `guarded` is false for public routes, where only the route is checked.
 */
export function explainDecision({ status, code, guarded }) {
  const refusal = REFUSALS[code];
  const failedAt = refusal ? STEPS.indexOf(refusal.step) : -1;
  const checked = guarded ? STEPS : STEPS.slice(0, 1);
  const steps = checked.map((name, index) => ({
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
  if (code) return `The gateway responded ${status} ${code}.`;
  return guarded
    ? 'All checks passed. The backend got the request with your identity, but not the token.'
    : 'The route is public: no token was needed, and the backend got no identity.';
}

import { issuerFromField, type Preset } from './preset.ts';

const KEYS = 'https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com';
/** With the domain before it where the project has one. */
const PROJECT = /^(?:[a-z0-9.-]+:)?[a-z][a-z0-9-]*[a-z0-9]$/;
const PREFIX = 'https://securetoken.google.com/';

/** Firebase Authentication: ID tokens are its credentials, and each project has its own issuer over shared keys. */
export const firebase: Preset = {
  fields: ['project'],
  defaults: { algorithms: ['RS256'], idTokens: true },
  derive(config) {
    const name = issuerFromField(
      'project',
      (project) => (PROJECT.test(project) ? `${PREFIX}${project}` : undefined),
      'the project id, such as my-project-1a2b: not its number, name or address',
    );
    const derived = name(config);
    if (!('issuers' in derived) || !derived.issuers[0]?.startsWith(PREFIX)) return derived;
    return { ...derived, jwksUri: KEYS };
  },
  check({ audiences }, issuer) {
    const project = issuer?.startsWith(PREFIX) ? issuer.slice(PREFIX.length) : undefined;
    if (project === undefined || audiences === 'any' || audiences.includes(project)) return [];
    const message = 'tokens of Firebase name the project id as audience';
    return [{ severity: 'warning', path: ['audiences'], message, hint: `expected [${project}]` }];
  },
  requiredClaims: ['sub'],
  audienceHint: 'tokens of Firebase name the project id as audience',
};

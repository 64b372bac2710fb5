import { issuerAsWritten, type Preset } from './preset.ts';

/** Auth0: its issuers end in a slash. Machine tokens have `{client}@clients` as `sub`. */
export const auth0: Preset = {
  fields: [],
  defaults: { algorithms: ['RS256'], scopeClaims: ['scope'], roleClaims: ['permissions'] },
  derive: issuerAsWritten('https://example.eu.auth0.com/'),
  check(_, issuer) {
    if (issuer === undefined || issuer.endsWith('/')) return [];
    const message = 'an issuer of Auth0 ends in a slash, and `iss` is compared exactly';
    return [{ severity: 'error', path: ['issuer'], message, hint: `write ${issuer}/` }];
  },
  keysPath: '/.well-known/jwks.json',
  audienceHint: 'the client must ask for the API by its identifier (`audience`), or it gets an opaque token',
};

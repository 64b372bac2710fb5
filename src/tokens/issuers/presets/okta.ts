import { issuerAsWritten, type Preset } from './preset.ts';

/** Okta's custom authorization servers. */
export const okta: Preset = {
  fields: [],
  defaults: { algorithms: ['RS256'], scopeClaims: ['scp'], roleClaims: ['groups'] },
  derive: issuerAsWritten('https://example.okta.com/oauth2/default'),
  check(_, issuer) {
    const trimmed = issuer?.replace(/\/+$/, '');
    if (trimmed === undefined || /^https?:\/\/[^/]+\/oauth2\/[^/]+$/.test(trimmed)) {
      if (trimmed === issuer) return [];
      const message = 'an issuer of Okta has no slash at the end, and `iss` is compared exactly';
      return [{ severity: 'error', path: ['issuer'], message, hint: `write ${trimmed}` }];
    }
    const message = "tokens of Okta's org server are opaque by contract and cannot be checked here";
    const hint = 'name a custom authorization server, such as https://example.okta.com/oauth2/default';
    return [{ severity: 'error', path: ['issuer'], message, hint }];
  },
  keysPath: '/v1/keys',
  audienceHint: 'the audience is set on the authorization server in Okta, such as api://default',
};

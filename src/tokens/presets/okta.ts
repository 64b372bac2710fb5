import { issuerAsWritten, type Preset } from './preset.ts';

/** Okta's custom authorisation servers. */
export const okta: Preset = {
  fields: [],
  defaults: { algorithms: ['RS256'], scopeClaims: ['scp'], roleClaims: ['groups'] },
  derive: issuerAsWritten('https://example.okta.com/oauth2/default'),
  judge(_, issuer) {
    if (issuer === undefined || /^https?:\/\/[^/]+\/oauth2\/[^/]+$/.test(issuer)) return [];
    const message = "tokens of Okta's org server are opaque by contract and cannot be checked here";
    const hint = 'name a custom authorisation server, such as https://example.okta.com/oauth2/default';
    return [{ severity: 'error', path: ['issuer'], message, hint }];
  },
  keysPath: '/v1/keys',
  audienceHint: 'the audience is set on the authorisation server in Okta, such as api://default',
};

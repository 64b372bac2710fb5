import { refuse } from '../../../core/refusals.ts';
import { issuerAsWritten, type Preset } from './preset.ts';

/** Keycloak's `typ` in the payload shows what a token is for. Roles of a client are at [resource_access, CLIENT, roles]. */
export const keycloak: Preset = {
  fields: [],
  defaults: { scopeClaims: ['scope'], roleClaims: [['realm_access', 'roles']] },
  derive(config) {
    const derived = issuerAsWritten('https://keycloak.example.com/realms/example')(config);
    return 'issuers' in derived ? { ...derived, rules: { validateKind } } : derived;
  },
  check(_, issuer) {
    if (issuer === undefined || /\/realms\/[^/]+$/.test(issuer)) return [];
    const message = 'an `iss` of Keycloak ends with `/realms/NAME`';
    return [{ severity: 'warning', path: ['issuer'], message, hint: 'copy the `iss` of a token' }];
  },
  keysPath: '/protocol/openid-connect/certs',
  audienceHint:
    'Keycloak names an API in `aud` only where the client has an audience mapper for it: it is missing',
};

function validateKind({ typ }: Readonly<Record<string, unknown>>, idTokens: boolean) {
  if (typ === 'Bearer' || (idTokens && typ === 'ID')) return undefined;
  return refuse('not_access_token', 'its payload `typ` is not Bearer');
}

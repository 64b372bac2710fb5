import type { ProviderRules } from '../../compiled-issuer.ts';
import type { Claims } from '../../verified-token.ts';
import { entraIssuers, isGuid } from './entra.ts';
import type { Preset, PresetProblem } from './preset.ts';

const COMMON_KEYS = 'https://login.microsoftonline.com/common/discovery/v2.0/keys';
const TEMPLATE = '{tenantid}';

/**
 * Microsoft Entra ID, many tenants behind one key set. The `issuer` of a key names whom it may sign for: with `{tenantid}` replaced by
 * the token's `tid`, that must be the token's `iss`; so must `tid` itself be the tenant that `iss` names.
 */
export const entraMultitenant: Preset = {
  fields: ['tenants'],
  defaults: { algorithms: ['RS256'], scopeClaims: ['scp'], roleClaims: ['roles'] },
  derive({ tenants: written }) {
    const tenants = typeof written === 'string' ? written : written?.map((tenant) => tenant.toLowerCase());
    if (tenants === undefined) {
      const hint = 'list the tenant ids that may call, or write `tenants: any`';
      return [{ severity: 'error', path: ['tenants'], message: '`tenants` is required', hint }];
    }
    if (tenants === 'any') {
      return { issuers: [], jwksUri: COMMON_KEYS, rules: { ...rules, recognizes: isIssuedByItsTenant } };
    }
    const wrong = tenants.findIndex((tenant) => !isGuid(tenant));
    if (wrong !== -1) return [notGuid(wrong)];
    return { issuers: tenants.flatMap(entraIssuers), jwksUri: COMMON_KEYS, rules };
  },
  check({ tenants, issuer }) {
    const problems: PresetProblem[] = [];
    if (tenants === 'any') {
      const message = 'every tenant of Entra ID is accepted: anybody can make one';
      problems.push({
        severity: 'warning',
        path: ['tenants'],
        message,
        hint: 'list the tenant ids that may call',
      });
    }
    if (issuer !== undefined && !entraIssuers(TEMPLATE).includes(issuer)) {
      const message = 'this preset makes the issuers from `tenants`';
      problems.push({ severity: 'error', path: ['issuer'], message, hint: 'leave `issuer` out' });
    }
    return problems;
  },
  audienceHint: 'v2 tokens carry the client id of the API as audience, v1 tokens its `api://…` URI or id',
};

function notGuid(index: number): PresetProblem {
  const hint = 'the id of each tenant alone: no domain, no URL, no list in one text';
  return { severity: 'error', path: ['tenants', index], message: 'the tenant is not the GUID of one', hint };
}

const rules: ProviderRules = {
  acceptsKey(claims, keyIssuer) {
    if (keyIssuer === undefined || !isIssuedByItsTenant(claims)) return false;
    return keyIssuer.replace(TEMPLATE, claims.tid as string) === claims.iss;
  },
};

function isIssuedByItsTenant({ tid, iss }: Claims): boolean {
  return isGuid(tid) && typeof iss === 'string' && entraIssuers(tid).some((issuer) => issuer === iss);
}

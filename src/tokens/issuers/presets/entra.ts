import type { Derived, Preset, PresetProblem } from './preset.ts';

const V2 = /^https:\/\/login\.microsoftonline\.com\/([^/]+)\/v2\.0$/;
const V1 = /^https:\/\/sts\.windows\.net\/([^/]+)\/$/;

const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Written where the id of a tenant is still missing. */
const NO_TENANT = '00000000-0000-0000-0000-000000000000';

/** Whether a text is the GUID of a tenant in lower case, as Entra writes tenant ids. */
export function isGuid(text: unknown): text is string {
  return typeof text === 'string' && GUID.test(text) && text !== NO_TENANT;
}

/** The two `iss` of one tenant. The API's manifest decides which its tokens carry, not the endpoint they come from. */
export function entraIssuers(tenant: string): readonly [string, string] {
  return [`https://login.microsoftonline.com/${tenant}/v2.0`, `https://sts.windows.net/${tenant}/`];
}

/** The tenant that an issuer of either version names. */
function entraTenantOf(issuer: string): string | undefined {
  return (V2.exec(issuer) ?? V1.exec(issuer))?.[1];
}

/** Microsoft Entra ID, one tenant, given as `tenant` or by its issuer: accepts the tokens of both versions. */
export const entra: Preset = {
  fields: ['tenant'],
  // `scp` is there for delegated calls, `roles` for applications.
  defaults: { algorithms: ['RS256'], scopeClaims: ['scp'], roleClaims: ['roles'] },
  derive({ tenant, issuer }): Derived | readonly PresetProblem[] {
    const named = issuer === undefined ? undefined : entraTenantOf(issuer);
    const id = (tenant ?? named)?.toLowerCase();
    if (id === undefined) {
      if (issuer !== undefined) return { issuers: [issuer] };
      return [problem('issuer', 'either `tenant` or `issuer` is required', 'the tenant id is a GUID')];
    }
    const where = tenant === undefined ? 'issuer' : 'tenant';
    if (MULTITENANT_NAMES.has(id)) {
      const hint = 'name one tenant, or use the preset entra-multitenant with a list of `tenants`';
      return [problem(where, `${id} stands for every tenant`, hint)];
    }
    if (!isGuid(id))
      return [
        problem(where, 'the tenant is not the GUID of one', 'the id alone: no domain, no URL, no braces'),
      ];
    if (tenant !== undefined && issuer !== undefined && named?.toLowerCase() !== id) {
      return [problem('issuer', '`issuer` and `tenant` contradict each other', 'leave `issuer` out')];
    }
    return {
      issuers: entraIssuers(id),
      jwksUri: `https://login.microsoftonline.com/${id}/discovery/v2.0/keys`,
    };
  },
  audienceHint: 'v2 tokens carry the client id of the API as audience, v1 tokens its `api://…` URI or id',
};

const MULTITENANT_NAMES: ReadonlySet<string> = new Set([
  'common',
  'organizations',
  'consumers',
  '{tenantid}',
]);

function problem(path: string, message: string, hint: string): PresetProblem {
  return { severity: 'error', path: [path], message, hint };
}

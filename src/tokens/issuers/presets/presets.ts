import type { PRESETS } from '../../../config/schema/config.ts';
import { auth0 } from './auth0.ts';
import { cognito } from './cognito.ts';
import { entra } from './entra.ts';
import { entraMultitenant } from './entra-multitenant.ts';
import { firebase } from './firebase.ts';
import { keycloak } from './keycloak.ts';
import { kubernetes } from './kubernetes.ts';
import { okta } from './okta.ts';
import { fixedIssuer, issuerFromField, type Preset } from './preset.ts';

/** Both spellings are one issuer. Access tokens are opaque, so ID tokens are what there is. */
const google: Preset = {
  fields: [],
  defaults: { algorithms: ['RS256'], idTokens: true },
  derive: fixedIssuer(
    ['https://accounts.google.com', 'accounts.google.com'],
    'https://www.googleapis.com/oauth2/v3/certs',
  ),
  audienceHint: 'ID tokens of Google name the OAuth client id as audience',
};

const googleIap: Preset = {
  fields: [],
  defaults: { algorithms: ['ES256'] },
  derive: fixedIssuer(['https://cloud.google.com/iap'], 'https://www.gstatic.com/iap/verify/public_key-jwk'),
  tokenHeaders: ['x-goog-iap-jwt-assertion'],
  audienceHint: 'the audience is /projects/NUMBER/global/backendServices/ID or /projects/NUMBER/apps/ID',
};

/** Service tokens have an empty `sub` and name their service in `common_name`. */
const cloudflareAccess: Preset = {
  fields: ['team'],
  defaults: { algorithms: ['RS256'], roleClaims: ['groups'] },
  derive: issuerFromField(
    'team',
    (team) =>
      /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/.test(team) ? `https://${team}.cloudflareaccess.com` : undefined,
    'the name before .cloudflareaccess.com',
  ),
  keysPath: '/cdn-cgi/access/certs',
  tokenHeaders: ['cf-access-jwt-assertion'],
  audienceHint: "the audience is the application's AUD tag",
};

/** Any workflow of anybody can ask for a token with any audience: the audience proves nothing. */
const githubActions: Preset = {
  fields: [],
  defaults: { algorithms: ['RS256'] },
  derive: fixedIssuer(['https://token.actions.githubusercontent.com']),
  conditionClaims: [
    'sub',
    'repository',
    'repository_id',
    'repository_owner',
    'repository_owner_id',
    'job_workflow_ref',
  ],
  audienceHint: 'the workflow asks for the audience; without asking it is https://github.com/OWNER',
};

/** Every provider whose habits are known. */
export const PRESET_TABLE = {
  okta,
  auth0,
  keycloak,
  cognito,
  entra,
  'entra-multitenant': entraMultitenant,
  google,
  'google-iap': googleIap,
  'cloudflare-access': cloudflareAccess,
  firebase,
  'github-actions': githubActions,
  kubernetes,
} as const satisfies Record<(typeof PRESETS)[number], Preset>;

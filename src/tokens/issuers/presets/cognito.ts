import { refuse } from '../../../core/refusals.ts';
import type { ProviderRules } from '../../compiled-issuer.ts';
import { issuerFromField, type Preset } from './preset.ts';

const USER_POOL = /^([a-z]{2}(?:-[a-z]+)+-\d)_[A-Za-z0-9]+$/;

/** Amazon Cognito: access tokens have no `aud`, and name their kind in `token_use`. */
export const cognito: Preset = {
  fields: ['userPool'],
  defaults: { algorithms: ['RS256'], scopeClaims: ['scope'], roleClaims: ['cognito:groups'] },
  derive(config) {
    const derived = issuerFromField(
      'userPool',
      issuerOfPool,
      'such as `userPool: eu-central-1_a1b2c3d4e`',
    )(config);
    return 'issuers' in derived ? { ...derived, rules } : derived;
  },
  keysPath: '/.well-known/jwks.json',
  audienceHint: 'access tokens of Cognito have no `aud`; `audiences` is compared with `client_id`',
};

function issuerOfPool(pool: string): string | undefined {
  const region = USER_POOL.exec(pool)?.[1];
  return region === undefined ? undefined : `https://cognito-idp.${region}.amazonaws.com/${pool}`;
}

const rules: ProviderRules = {
  validateKind({ token_use: use }, idTokens) {
    if (use === 'access' || (idTokens && use === 'id')) return undefined;
    return refuse('not_access_token', 'its `token_use` is not that of an access token');
  },
  audienceClaim: ({ token_use: use }) => (use === 'id' ? 'aud' : 'client_id'),
};

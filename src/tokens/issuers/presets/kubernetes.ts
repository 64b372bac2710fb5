import { issuerAsWritten, type Preset } from './preset.ts';

/** Default issuers that many clusters share, so that they identify none of them. */
const SHARED_ISSUERS: ReadonlySet<string> = new Set([
  'https://kubernetes.default.svc',
  'https://kubernetes.default.svc.cluster.local',
  'kubernetes/serviceaccount',
]);

/** Service account tokens of a Kubernetes cluster. */
export const kubernetes: Preset = {
  fields: [],
  defaults: { algorithms: ['RS256', 'ES256'] },
  derive: issuerAsWritten('https://kubernetes.default.svc.cluster.local'),
  check({ jwks, jwksUri, keys }, issuer) {
    if (issuer === undefined || !SHARED_ISSUERS.has(issuer)) return [];
    const message = 'many clusters share this issuer: only the keys show which cluster a token is from';
    if (jwks !== undefined || jwksUri !== undefined || keys?.ca !== undefined)
      return [{ severity: 'warning', path: ['issuer'], message }];
    const hint = "give `keys.ca` with the cluster's certificate authority, or the cluster's own `jwksUri`";
    return [{ severity: 'error', path: ['issuer'], message, hint }];
  },
  requiredClaims: ['sub'],
  keysPath: '/openid/v1/jwks',
  audienceHint: 'the pod must ask for the audience in its projected service account token volume',
};

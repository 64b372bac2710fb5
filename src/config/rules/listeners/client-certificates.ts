import { CERTIFICATE_HINT, certificateSource, whyNoCertificateHeader } from '../../client-certificates.ts';
import type { PathProblem } from '../../problem.ts';
import { error, type Rule } from '../rule.ts';

/** A header counts from trusted proxies alone, and only where it means nothing else. */
export const certificateHeadersCanBeRead: Rule = ({ config }) => {
  const { clientCertHeader, trustedProxies } = config.listen;
  if (clientCertHeader === undefined) return [];
  const problems: PathProblem[] = [];
  const { name } = clientCertHeader;
  const path = ['listen', 'clientCertHeader'];
  if (trustedProxies.length === 0 && config.decisions === undefined) {
    problems.push(
      error(path, 'no proxy is trusted, so the header never counts', {
        at: 'key',
        hint: 'name the proxies in front in `listen.trustedProxies`',
      }),
    );
  }
  const taken = whyNoCertificateHeader(name, config);
  if (taken !== undefined) {
    problems.push(
      error([...path, 'name'], `\`${name}\` cannot hold the client certificate: ${taken}`, {
        hint: 'use another name, such as client-cert, x-forwarded-client-cert or x-ssl-client-cert',
      }),
    );
  }
  return problems;
};

const FINGERPRINT = '$certificateSha256';
const NAMES: ReadonlySet<unknown> = new Set(['$certificateUri', '$certificateSubject']);

/** What an identity header takes from a certificate must be able to come. */
export const certificatesOfIdentityCanCome: Rule = ({ config }) => {
  const source = certificateSource(config);
  if (source === 'names') return [];
  const blocks = [
    { headers: config.identity.headers, path: ['identity', 'headers'] },
    ...config.routes.map(({ identity }, index) => ({
      headers: identity?.headers,
      path: ['routes', index, 'identity', 'headers'],
    })),
  ];
  return blocks.flatMap(({ headers, path }) =>
    Object.entries(headers ?? {}).flatMap(([header, from]) => {
      const claim = typeof from === 'object' && from !== null && !Array.isArray(from) ? from.claim : from;
      if (claim !== FINGERPRINT && !NAMES.has(claim)) return [];
      if (claim === FINGERPRINT && source === 'fingerprint') return [];
      const lack =
        source === 'none'
          ? 'no client shows a certificate'
          : 'no authority vouches for the names in certificates';
      return [
        error([...path, header], `\`${String(claim)}\` never has a value: ${lack}`, {
          hint: CERTIFICATE_HINT,
        }),
      ];
    }),
  );
};

import { parseAddressRange } from '../../../core/network/ip.ts';
import { CERTIFICATE_HINT, certificateSource, whyNoCertificateHeader } from '../../client-certificates.ts';
import { foldHeaderName } from '../../identity-headers.ts';
import type { PathProblem } from '../../problem.ts';
import { error, type Rule, warning } from '../rule.ts';

/** The forms of headers that have one by a standard or their vendor. */
const USUAL_FORMATS: ReadonlyMap<string, string> = new Map([
  ['client-cert', 'rfc9440'],
  ['x-forwarded-client-cert', 'xfcc'],
  ['x-amzn-mtls-clientcert-leaf', 'pem'],
]);

/** A header counts from trusted proxies alone, and only where it means nothing else. */
export const certificateHeadersCanBeRead: Rule = ({ config }) => {
  const { clientCertHeader, trustedProxies } = config.listen;
  if (clientCertHeader === undefined) return [];
  const problems: PathProblem[] = [];
  const { name, format } = clientCertHeader;
  const path = ['listen', 'clientCertHeader'];
  if (trustedProxies.length === 0 && config.decisions === undefined) {
    problems.push(
      error(path, 'no proxy is trusted, so the header never counts', {
        at: 'key',
        hint: 'name the proxies in front in `listen.trustedProxies`',
      }),
    );
  }
  for (const section of ['listen', 'decisions'] as const) {
    for (const [index, range] of (config[section]?.trustedProxies ?? []).entries()) {
      if (parseAddressRange(range)?.prefix !== 0) continue;
      problems.push(
        error(
          [section, 'trustedProxies', index],
          `every client is trusted as a proxy, so anybody may claim any certificate in \`${name}\``,
          { hint: 'name the addresses of the proxies in front' },
        ),
      );
    }
  }
  const usual = USUAL_FORMATS.get(foldHeaderName(name));
  // nginx writes PEM, often into a header of the standard's name.
  const isOfNginx = usual === 'rfc9440' && format === 'pem';
  if (usual !== undefined && usual !== format && !isOfNginx) {
    problems.push(
      warning([...path, 'format'], `proxies write \`${name}\` as ${usual}: in another form it is refused`, {
        hint: `write \`format: ${usual}\`, or the name of the header that your proxy sets`,
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

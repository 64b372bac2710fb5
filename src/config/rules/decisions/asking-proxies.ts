import { type AddressRange, isLoopbackAddress, parseAddressRange } from '../../../core/network/ip.ts';
import { foldHeaderName, identityHeaderNames } from '../../identity-headers.ts';
import type { PathProblem } from '../../problem.ts';
import type { Config } from '../../schema/config.ts';
import { error, type Rule, warning } from '../rule.ts';

type Decisions = NonNullable<Config['decisions']>;

/** Who is to ask can ask, and takes nothing for identity that is none. */
export const askingProxiesAreServed: Rule = ({ config }) =>
  config.decisions === undefined
    ? []
    : [
        ...trustsWhoCanConnect(config.decisions),
        ...certificatesComeFromProxies(config),
        ...repliesHoldIdentityOnly(config),
      ];

/** A peer that is not trusted gets 403, as do all where these two do not meet. */
function trustsWhoCanConnect({ host, trustedProxies }: Decisions): readonly PathProblem[] {
  const ranges = trustedProxies.map(parseAddressRange).filter((range) => range !== undefined);
  if (ranges.length < trustedProxies.length) return [];
  if (isLoopbackAddress(host)) {
    return ranges.some(takesLoopback)
      ? []
      : [
          warning(
            ['decisions', 'trustedProxies'],
            `nobody can ask: only this machine reaches ${host}, and it is not in the list`,
            { hint: 'set `decisions.host` to an address that the proxies reach, or add 127.0.0.1' },
          ),
        ];
  }
  return ranges.every(({ address }) => isLoopbackAddress(address))
    ? [
        warning(
          ['decisions', 'host'],
          'only proxies on this machine may ask: those of other machines reach this address and get 403',
          { hint: 'name them in `decisions.trustedProxies`; `listen.trustedProxies` does not count here' },
        ),
      ]
    : [];
}

function takesLoopback({ address, prefix }: AddressRange): boolean {
  return isLoopbackAddress(address) || prefix < 8;
}

/**
 * Proxies pass the fields of clients on in questions. A stolen token that is bound to a certificate, and that certificate, which is public, would be
 * enough through one that leaves this header as it came; nothing in a question shows whether it did.
 */
function certificatesComeFromProxies({ listen: { clientCertHeader } }: Config): readonly PathProblem[] {
  if (clientCertHeader === undefined) return [];
  const { name } = clientCertHeader;
  return [
    warning(
      ['listen', 'clientCertHeader', 'name'],
      `each proxy that asks must set or drop \`${name}\` in every question: otherwise a client shows any certificate by sending the header`,
      {
        hint: `see that the file of each proxy names \`${name}\`, as docs/other-proxies.md has it; for Envoy over gRPC leave \`clientCertHeader\` out and set \`include_peer_certificate\` there`,
      },
    ),
  ];
}

/** Asking proxies copy these fields of a 200 to the request, or obey them. */
function repliesHoldIdentityOnly(config: Config): readonly PathProblem[] {
  const sources = config.routes.flatMap(({ tokenFrom = [] }) =>
    tokenFrom.flatMap((place) => ('header' in place ? [place.header] : [])),
  );
  const taken = new Set(
    [...identityHeaderNames(config), ...sources, 'authorization', 'dpop'].map(foldHeaderName),
  );
  return Object.keys(config.listen.responseHeaders)
    .filter((name) => taken.has(foldHeaderName(name)) || /^x-(?:envoy|sealgate)-/.test(foldHeaderName(name)))
    .map((name) =>
      error(
        ['listen', 'responseHeaders', name],
        `asking proxies would take \`${name}\` for what was decided about the caller`,
        { at: 'key', hint: 'use another name, or add it in the proxy that asks' },
      ),
    );
}

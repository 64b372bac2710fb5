import { isError, type PathProblem } from '../../config/problem.ts';
import { isForDecisionsOnly } from '../../config/routes/no-upstream.ts';
import { error, note } from '../../config/rules/rule.ts';
import { type UpstreamConfig, upstreamSchema } from '../../config/schema/config.ts';
import { probeUpstream } from '../../proxy/upstream/probe-upstream.ts';
import { transmittersOf } from '../../tokens/events/compile-events.ts';
import { compileIssuers } from '../../tokens/issuers/compile-issuers.ts';
import { type IssuerInspection, inspectIssuer } from '../../tokens/issuers/inspect-issuer.ts';
import { ADVICE } from '../advice.ts';
import type { CommandIo } from '../io.ts';
import type { ConfigCheck } from './check.ts';
import { checkClients } from './client-check.ts';
import { checkExchanges } from './exchange-check.ts';
import { checkFronts } from './front-check.ts';
import { checkIntrospection } from './introspection-check.ts';

/**
 * For `check --online`: fetches metadata and keys of every issuer and of the provider behind every front, opens a connection to every
 * backend, asks every introspection endpoint and the token endpoint of every exchange, and plays a client of every protected resource. Success is a note, so that silence is never taken for it. A file with errors opens no connection.
 */
export function onlineChecks(env: CommandIo['env']): readonly ConfigCheck[] {
  return [
    checkIssuers(env),
    checkTransmitters(env),
    checkIntrospection(env),
    checkUpstreams,
    checkFronts(env),
    checkExchanges(env),
    checkClients(env),
  ].map(
    (check): ConfigCheck =>
      (sound) =>
        sound.isWhole ? check(sound) : {},
  );
}

function checkIssuers(env: CommandIo['env']): ConfigCheck {
  return async ({ config, resolvePath }) => {
    const { issuers } = compileIssuers(config, { resolvePath });
    const inspections = await Promise.all(issuers.map((issuer) => inspectIssuer(issuer, { env })));
    const problems = inspections.flatMap((inspection): readonly PathProblem[] => {
      const { name, keysFrom, findings } = inspection;
      // Keys in a file were checked when it was read.
      if (keysFrom === 'file' || keysFrom === 'introspection') return [];
      const key = config.issuers[name]?.jwksUri === undefined ? 'issuer' : 'jwksUri';
      const path = ['issuers', name, key];
      const found = findings.map((finding) => ({ ...finding, path }));
      return findings.some(isError) ? found : [...found, note(path, describeSuccess(inspection))];
    });
    return { problems };
  };
}

/** The keys of security events. */
function checkTransmitters(env: CommandIo['env']): ConfigCheck {
  return async ({ config, resolvePath }) => {
    const { issuers } = compileIssuers(config, { resolvePath });
    const problems = await Promise.all(
      issuers.map(async (issuer) => {
        const [transmitter] = transmittersOf([issuer], config);
        if (transmitter === undefined) return [];
        const path = ['issuers', issuer.name, 'events', 'jwksUri'];
        const inspection = await inspectIssuer(transmitter, { env });
        const found = inspection.findings.map((finding) => ({ ...finding, path }));
        return found.some(isError) ? found : [...found, note(path, describeSuccess(inspection))];
      }),
    );
    return { problems: problems.flat() };
  };
}

function describeSuccess({ keysFrom, keys, jwksUri }: IssuerInspection): string {
  const usable = keys.filter(({ state }) => state === 'usable').length;
  const which = keysFrom === 'metadata' ? 'the metadata is valid, and the keys are' : 'the keys are';
  return `${which} at ${jwksUri ?? 'their place'}: ${usable} usable`;
}

const checkUpstreams: ConfigCheck = async ({ config, resolvePath }) => {
  const named = Object.entries(config.upstreams).map(([name, upstream]) => ({
    upstream,
    path: ['upstreams', name, upstream.url === undefined ? 'urls' : 'url'],
  }));
  const inPlace = config.routes.flatMap(({ upstream: url }, index) =>
    isForDecisionsOnly({ upstream: url }) || Object.hasOwn(config.upstreams, url)
      ? []
      : [{ upstream: upstreamSchema.parse({ url }), path: ['routes', index, 'upstream'] }],
  );
  const probed = await Promise.all(
    [...named, ...inPlace].map(async ({ upstream, path }) => {
      const failed = await probeUpstream(upstream, resolvePath);
      if (failed.length > 0) {
        return failed.map(({ origin, refusal: { reason, cause } }) =>
          error(path, `the backend cannot be reached at ${origin}: ${reason}`, { hint: ADVICE[cause] }),
        );
      }
      return [note(path, `the backend accepts connections${describeEach(upstream)}`)];
    }),
  );
  return { problems: probed.flat() };
};

function describeEach({ urls }: UpstreamConfig): string {
  return urls === undefined || urls.length === 1 ? '' : ` at all ${urls.length} addresses`;
}

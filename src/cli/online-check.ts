import type { PathProblem } from '../config/problem.ts';
import { error } from '../config/rule.ts';
import { upstreamSchema } from '../config/schema.ts';
import { probeUpstream } from '../proxy/probe-upstream.ts';
import { compileIssuers } from '../tokens/compile-issuers.ts';
import { inspectIssuer } from '../tokens/inspect-issuer.ts';
import type { ConfigCheck } from './check.ts';
import type { CommandIo } from './io.ts';

/** For `check --online`: asks every issuer for its metadata and keys, and opens a connection to every backend. A file with errors asks nobody. */
export function onlineChecks(env: CommandIo['env']): readonly ConfigCheck[] {
  return [checkIssuers(env), checkUpstreams].map(
    (check): ConfigCheck =>
      (sound) =>
        sound.isWhole ? check(sound) : {},
  );
}

function checkIssuers(env: CommandIo['env']): ConfigCheck {
  return async ({ config, resolvePath }) => {
    const { issuers } = compileIssuers(config, { resolvePath });
    const inspections = await Promise.all(issuers.map((issuer) => inspectIssuer(issuer, { env })));
    const problems = inspections.flatMap(({ name, keysFrom, findings }): readonly PathProblem[] => {
      // What is in the file was judged when it was read.
      if (keysFrom === 'file') return [];
      const key = config.issuers[name]?.jwksUri === undefined ? 'issuer' : 'jwksUri';
      return findings.map((finding) => ({ ...finding, path: ['issuers', name, key] }));
    });
    return { problems };
  };
}

const checkUpstreams: ConfigCheck = async ({ config, resolvePath }) => {
  const named = Object.entries(config.upstreams).map(([name, upstream]) => ({
    upstream,
    path: ['upstreams', name, upstream.url === undefined ? 'urls' : 'url'],
  }));
  const inPlace = config.routes.flatMap(({ upstream: url }, index) =>
    Object.hasOwn(config.upstreams, url)
      ? []
      : [{ upstream: upstreamSchema.parse({ url }), path: ['routes', index, 'upstream'] }],
  );
  const probed = await Promise.all(
    [...named, ...inPlace].map(async ({ upstream, path }) => {
      const failure = await probeUpstream(upstream, resolvePath);
      return failure === undefined ? [] : [error(path, `the backend cannot be reached: ${failure}`)];
    }),
  );
  return { problems: probed.flat() };
};

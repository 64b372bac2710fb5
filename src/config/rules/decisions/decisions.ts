import type { ConfigPath, PathProblem } from '../../problem.ts';
import { isForDecisionsOnly, NO_UPSTREAM } from '../../routes/no-upstream.ts';
import { encloses, routePatterns } from '../../routes/route-order.ts';
import type { Config } from '../../schema/config.ts';
import { error, note, type Rule, warning } from '../rule.ts';

/** Settings of a route that only matter where its requests are forwarded. */
const OF_FORWARDING = ['rewrite', 'timeouts', 'bodyLimit'] as const;

/** Routes that other proxies only ask about: without `decisions` nobody can, and what is forwarded is theirs. */
export const routesOfDecisionsAreAskedAbout: Rule = ({ config, upstreamNames }) => [
  ...(upstreamNames.includes(NO_UPSTREAM)
    ? [
        error(['upstreams', NO_UPSTREAM], '`none` stands for no upstream', {
          at: 'key',
          hint: 'give the backend another name',
        }),
      ]
    : []),
  ...config.routes.flatMap((route, index) => {
    if (!isForDecisionsOnly(route) || upstreamNames.includes(NO_UPSTREAM)) return [];
    const { name, mcp } = route;
    return [
      ...(config.decisions === undefined ? [onlyCloses(index, config)] : []),
      ...(mcp === undefined
        ? []
        : [
            warning(
              ['routes', index, 'mcp'],
              `route \`${name}\` refuses every request: its rules need the body, which is not in a question`,
              {
                at: 'key',
                hint: 'name an upstream: only as a proxy does the gateway read messages',
              },
            ),
          ]),
      ...OF_FORWARDING.filter((key) => route[key] !== undefined).map((key) =>
        warning(
          ['routes', index, key],
          `\`${key}\` has no effect: the gateway forwards nothing of route \`${name}\``,
          { at: 'key', hint: 'leave it out, and set it in the proxy that asks' },
        ),
      ),
    ];
  }),
];

/** Worth a warning only where nothing would take its requests anyway. */
function onlyCloses(index: number, config: Config): PathProblem {
  const path: ConfigPath = ['routes', index, 'upstream'];
  const patterns = routePatterns(config);
  const own = patterns.find((pattern) => pattern.index === index);
  const wider = patterns.find(
    (pattern) =>
      own !== undefined &&
      pattern !== own &&
      (pattern.host === undefined || pattern.host === own.host) &&
      encloses(pattern, own),
  );
  const name = config.routes[index]?.name;
  if (wider !== undefined)
    return note(path, `route \`${name}\` keeps its paths from \`${wider.name}\`: they are 404`);
  return warning(path, `route \`${name}\` only makes its paths 404: no proxy can ask about it`, {
    hint: 'set `decisions`, or name an upstream',
  });
}

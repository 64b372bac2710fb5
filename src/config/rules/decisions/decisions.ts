import { isForDecisionsOnly, NO_UPSTREAM } from '../../routes/no-upstream.ts';
import { error, type Rule, warning } from '../rule.ts';

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
      ...(config.decisions === undefined
        ? [
            warning(
              ['routes', index, 'upstream'],
              `route \`${name}\` only makes its paths 404: no proxy can ask about it`,
              { hint: 'set `decisions`, or name an upstream' },
            ),
          ]
        : []),
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

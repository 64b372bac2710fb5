import { didYouMean } from '../nearest.ts';
import type { ConfigPath, PathProblem } from '../problem.ts';
import { error, type Rule } from '../rule.ts';

/** Backends have addresses and nothing else in their URLs; routes name one that exists. */
export const upstreamsAreWellFormed: Rule = ({ config, upstreamNames }) => [
  ...Object.entries(config.upstreams).flatMap(([name, { url, tls }]) => [
    ...urlProblems(['upstreams', name, 'url'], url),
    ...(tls !== undefined && /^http:/i.test(url)
      ? [
          error(['upstreams', name, 'tls'], `\`${name}\` is reached without TLS`, {
            at: 'key',
            hint: 'make its `url` https:, or leave `tls` out',
          }),
        ]
      : []),
  ]),
  ...config.routes.flatMap(({ upstream }, index) => {
    const path = ['routes', index, 'upstream'];
    if (/^https?:/i.test(upstream)) return urlProblems(path, upstream);
    if (upstreamNames.includes(upstream)) return [];
    const hint =
      didYouMean(upstream, upstreamNames) ??
      (upstreamNames.length > 0
        ? `known here: ${upstreamNames.join(', ')}`
        : 'name one under `upstreams`, or give a URL');
    return [error(path, `unknown upstream \`${upstream}\``, { hint })];
  }),
];

/** The URL is not shown: it may hold a password. */
function urlProblems(path: ConfigPath, text: string): readonly PathProblem[] {
  if (!URL.canParse(text) || !/^https?:\/\//i.test(text))
    return [error(path, 'expected an http: or https: URL')];
  const { username, password } = new URL(text);
  if (username !== '' || password !== '') {
    return [error(path, 'the URL of an upstream has no user and no password')];
  }
  return /[?#]/.test(text) ? [error(path, 'the URL of an upstream has no query and no fragment')] : [];
}

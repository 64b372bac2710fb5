import { didYouMean } from '../../diagnostics/nearest.ts';
import type { ConfigPath, PathProblem } from '../../problem.ts';
import { isForDecisionsOnly } from '../../routes/no-upstream.ts';
import type { UpstreamConfig } from '../../schema/config.ts';
import { error, type Rule, warning } from '../rule.ts';

const NO_WEBSOCKET = 'WebSockets need an upstream of `protocol: h1`';

/** URLs of backends hold an address and a path only; routes name an upstream that exists. */
export const upstreamsAreWellFormed: Rule = ({ config, upstreamNames }) => [
  ...Object.entries(config.upstreams).flatMap(([name, upstream]) => [
    ...(upstream.url === undefined ? [] : urlProblems(['upstreams', name, 'url'], upstream.url)),
    ...(upstream.urls ?? []).flatMap((url, at) => urlProblems(['upstreams', name, 'urls', at], url)),
    ...sortsOfUrls(['upstreams', name], upstream),
    ...needlessTls(name, upstream),
  ]),
  ...config.routes.flatMap(({ upstream, websocket }, index) => {
    const path = ['routes', index, 'upstream'];
    if (isForDecisionsOnly({ upstream })) return [];
    if (/^https?:/i.test(upstream)) return urlProblems(path, upstream);
    if (upstreamNames.includes(upstream)) {
      const isH2 = config.upstreams[upstream]?.protocol === 'h2';
      return websocket && isH2 ? [error(['routes', index, 'websocket'], NO_WEBSOCKET)] : [];
    }
    const hint =
      (/^[\w.-]+:\d+(?:\/|$)/.test(upstream) ? 'a URL starts with http:// or https://' : undefined) ??
      didYouMean(upstream, upstreamNames) ??
      (upstreamNames.length > 0
        ? `known here: ${upstreamNames.join(', ')}`
        : 'name one under `upstreams`, or give a URL');
    return [error(path, `unknown upstream \`${upstream}\``, { hint })];
  }),
];

function needlessTls(name: string, { url, urls = [], tls }: UpstreamConfig): readonly PathProblem[] {
  const isPlain = [...urls, ...(url === undefined ? [] : [url])].every((text) => /^http:/i.test(text));
  if (tls === undefined || !isPlain) return [];
  return [
    warning(['upstreams', name, 'tls'], `\`${name}\` is connected to without TLS`, {
      at: 'key',
      hint: `make its \`${url === undefined ? 'urls' : 'url'}\` https:, or leave \`tls\` out`,
    }),
  ];
}

/** Keys that need several addresses, and keys that need one. */
function sortsOfUrls(
  path: ConfigPath,
  { urls = [], socket, balance, ejection }: UpstreamConfig,
): readonly PathProblem[] {
  const problems: PathProblem[] = [];
  if (new Set(urls.map((url) => /^https:/i.test(url))).size > 1) {
    problems.push(error([...path, 'urls'], 'one backend has both http: and https: addresses'));
  }
  if (new Set(urls).size < urls.length) problems.push(error([...path, 'urls'], 'an address is listed twice'));
  if (socket !== undefined && urls.length > 0) {
    problems.push(error([...path, 'socket'], 'a socket is one address: it needs `url`'));
  }
  if (urls.length > 1) return problems;
  const needless = { balance, ejection };
  for (const [key, value] of Object.entries(needless)) {
    if (value !== undefined) problems.push(error([...path, key], `\`${key}\` needs several \`urls\``));
  }
  return problems;
}

/** The URL is not shown: it may hold a password. */
function urlProblems(path: ConfigPath, text: string): readonly PathProblem[] {
  if (!URL.canParse(text) || !/^https?:\/\//i.test(text))
    return [error(path, 'expected an http: or https: URL')];
  const { username, password } = new URL(text);
  if (username !== '' || password !== '') {
    return [error(path, 'the URL of an upstream has no user or password')];
  }
  return /[?#]/.test(text) ? [error(path, 'the URL of an upstream has no query or fragment')] : [];
}

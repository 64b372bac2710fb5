import { parseRouteHost } from '../../../core/network/host.ts';
import type { ConfigPath, PathProblem } from '../../problem.ts';
import { findForeignParameter, isRoutePath, parseRoutePath } from '../../routes/route-path.ts';
import type { Config, RouteConfig } from '../../schema/config.ts';
import { error, type Rule, warning } from '../rule.ts';

/** Host, path and rewrite of each route, and that its name is unique. */
export const routesAreWellFormed: Rule = ({ config, whereIs }) => {
  const first = new Map<string, number>();
  return config.routes.flatMap((route, index) => {
    const path: ConfigPath = ['routes', index];
    const other = first.get(route.name);
    if (other === undefined) first.set(route.name, index);
    const twin =
      other === undefined
        ? []
        : [
            error(
              [...path, 'name'],
              `another route is named \`${route.name}\` (${whereIs(['routes', other, 'name'])})`,
              {
                hint: 'logs, metrics and explain identify routes by name',
              },
            ),
          ];
    return [...twin, ...host(route, path), ...ownPath(route, path, config), ...rewrite(route, path)];
  });
};

function host({ host: text }: RouteConfig, path: ConfigPath): readonly PathProblem[] {
  if (text === undefined || parseRouteHost(text) !== undefined) return [];
  return [
    error([...path, 'host'], `\`${text}\` is not a host name`, {
      hint: 'write a name or address alone: no scheme, port or wildcard; letters beyond ASCII as xn--',
    }),
  ];
}

function ownPath({ path: text }: RouteConfig, path: ConfigPath, config: Config): readonly PathProblem[] {
  const outcome = parseRoutePath(text);
  if (!isRoutePath(outcome)) return [error([...path, 'path'], outcome.message, { hint: outcome.hint })];
  const own = config.identity.assertion !== undefined && text === '/.well-known/sealgate/jwks.json';
  if (own) {
    return [
      error([...path, 'path'], 'no request reaches this route: the gateway itself serves its keys here', {
        hint: 'they are those of `identity.assertion`; name another path',
      }),
    ];
  }
  if (/^\/\.well-known\/sealgate(?:\/|$)/i.test(text)) {
    return [
      warning([...path, 'path'], "paths below `/.well-known/sealgate` are the gateway's own", {
        hint: 'name another path: no route is reached where the gateway itself responds',
      }),
    ];
  }
  return /\||,\s*\//.test(text)
    ? [
        warning([...path, 'path'], 'this is one path: nothing separates several here', {
          hint: 'write a route for each',
        }),
      ]
    : [];
}

const NO_PARAMETERS = 'it only replaces `path` at the front';

/** Sent to the backend as written. A parameter would put decoded input of a client into an upstream path. */
function rewrite({ rewrite: text }: RouteConfig, path: ConfigPath): readonly PathProblem[] {
  if (text === undefined) return [];
  const place = [...path, 'rewrite'];
  if (/%(?:2[ef5]|5c|[01]\p{Hex_Digit}|7f)/iu.test(text)) {
    return [error(place, 'a rewrite has no escaped `.`, `/`, `\\`, `%` or control character')];
  }
  if (text.split('/').some((segment) => findForeignParameter(segment) !== undefined)) {
    return [error(place, 'a rewrite has no parameters', { hint: NO_PARAMETERS })];
  }
  if (/%(?!\p{Hex_Digit}{2})/u.test(text)) {
    return [error(place, 'a `%` starts an escape of two hex digits', { hint: 'write a literal `%` as %25' })];
  }
  const outcome = parseRoutePath(text.replace(/%\p{Hex_Digit}{2}/gu, 'x'));
  if (!isRoutePath(outcome)) {
    return [error(place, outcome.message.replace(/^a path/, 'a rewrite'), { hint: outcome.hint })];
  }
  if (outcome.some(({ kind }) => kind === 'parameter')) {
    return [error(place, 'a rewrite has no parameters', { hint: NO_PARAMETERS })];
  }
  return /^[\x21\x24-\x3b\x3d\x40-\x5b\x5d\x5f\x61-\x7a\x7e]*$/.test(text)
    ? []
    : [
        error(place, 'a rewrite is written as it is sent', {
          hint: 'percent-encode other characters',
        }),
      ];
}

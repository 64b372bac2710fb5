import { METHODS } from 'node:http';
import { didYouMean } from '../../diagnostics/nearest.ts';
import type { ConfigPath, PathProblem } from '../../problem.ts';
import { error, type Rule, warning } from '../rule.ts';

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** What other gateways write for every method. */
const EVERY_METHOD = /^(?:\*|any|all)$/i;
const KNOWN: ReadonlySet<string> = new Set(METHODS);

/** Methods that a client can send, spelled as it sends them. */
export const methodsCanBeSent: Rule = ({ config }) =>
  config.routes.flatMap(({ methods = [], cors }, index) => [
    ...methods.flatMap((method, at) =>
      listed(method, at, { list: methods, path: ['routes', index, 'methods'] }),
    ),
    ...(cors?.methods ?? []).flatMap((method, at, list) =>
      listed(method, at, { list, path: ['routes', index, 'cors', 'methods'], served: methods }),
    ),
  ]);

interface Surroundings {
  readonly list: readonly string[];
  readonly path: ConfigPath;
  /** For preflights: the methods of the route; empty for all. */
  readonly served?: readonly string[];
}

function listed(
  method: string,
  at: number,
  { list, path, served = [] }: Surroundings,
): readonly PathProblem[] {
  const place = [...path, at];
  if (EVERY_METHOD.test(method)) {
    return [error(place, `\`${method}\` is not a method`, { hint: 'leave `methods` out for all' })];
  }
  if (!TOKEN.test(method)) return [error(place, `\`${method}\` is not a method`)];
  if (method === 'CONNECT' || method === 'TRACE') return [error(place, `${method} is never forwarded`)];
  if (method !== method.toUpperCase()) {
    return [
      error(place, 'methods are upper case', {
        hint: `write ${method.toUpperCase()}`,
        hintShowsValue: true,
      }),
    ];
  }
  if (!KNOWN.has(method)) {
    return [
      error(place, `no request has the method \`${method}\`: HTTP parsers do not know it`, {
        hint: didYouMean(method, METHODS),
      }),
    ];
  }
  if (list.indexOf(method) < at) return [error(place, `${method} is listed twice`)];
  return served.length > 0 && !served.includes(method)
    ? [
        warning(place, `the route does not take ${method}, so preflights never allow it`, {
          hint: 'add it to `methods` of the route, or leave it out here',
        }),
      ]
    : [];
}

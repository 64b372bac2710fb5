import type { ConfigPath, PathProblem } from '../../problem.ts';
import { error, type Rule, warning } from '../rule.ts';

/** The URL of a store names a server, and at most a database: what else it holds would be ignored, or end the start with an exception. */
export const storesCanBeOpened: Rule = ({ config }) => {
  const limits = config.rateLimitStore;
  const revoked = config.revocation.store;
  return [
    ...(limits === undefined ? [] : flawsOf(limits.url, ['rateLimitStore'])),
    ...(revoked === undefined ? [] : flawsOf(revoked, ['revocation', 'store'])),
    ...Object.entries(config.issuers).flatMap(([name, { dpop }]) => {
      const path = ['issuers', name, 'dpop', 'replay'];
      if (dpop === undefined) return [];
      return typeof dpop.replay === 'string' ? flawsOf(dpop.replay, path) : smallMemory(dpop.replay, path);
    }),
  ];
};

/** The URL is not shown: it may hold a password. */
function flawsOf(text: string, path: ConfigPath): readonly PathProblem[] {
  if (!URL.canParse(text)) return [];
  const { hostname, pathname, search, hash, username, password } = new URL(text);
  if (hostname === '') return [error(path, 'the URL names no server')];
  if (!/^(?:\/\d{0,5})?$/.test(pathname)) {
    return [
      error(path, 'the path of the URL is not the number of a database', {
        hint: 'such as redis://redis:6379/1',
      }),
    ];
  }
  if (search !== '' || hash !== '') {
    return [
      error(path, 'the URL has a query or a fragment, which Redis does not know', {
        hint: 'the number of the database is the path: redis://redis:6379/1',
      }),
    ];
  }
  if (!isDecodable(username) || !isDecodable(password)) {
    return [
      error(path, 'the user or password of the URL cannot be percent-decoded', {
        hint: 'write `%` as %25 in it, `@` as %40, `/` as %2F',
      }),
    ];
  }
  return [];
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

const LEAST_ENTRIES = 100;

function smallMemory(
  { maxEntries }: { readonly maxEntries: number },
  path: ConfigPath,
): readonly PathProblem[] {
  if (maxEntries >= LEAST_ENTRIES) return [];
  return [
    warning(
      [...path, 'maxEntries'],
      'one proof of each key is remembered at a time, and a few keys fill it',
      {
        hint: `set at least ${LEAST_ENTRIES}: one key may hold a hundredth`,
      },
    ),
  ];
}

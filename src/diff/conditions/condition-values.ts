import type { Scalar } from '../../tokens/jwt/claim-values.ts';
import type { Caller, CallerToken } from '../callers.ts';
import type { SampleRequest } from '../request-classes.ts';

/** For one caller. */
const MOST_TRIES = 96;

const CLAIM = /\bclaims((?:\.[A-Za-z_]\w*|\[\s*(?:"[^"\\]*"|'[^'\\]*')\s*\])+)/g;
const STEP = /\.([A-Za-z_]\w*)|\[\s*["']([^"'\\]*)["']\s*\]/g;
const TEXT = /"([^"\\]*)"|'([^'\\]*)'/g;
const NUMBER = /(?<![\w.])-?\d+(?:\.\d+)?(?![\w.])/g;

/**
 * Callers for whom conditions may hold: with the values that stand in these, or next to them, in the claims that they read. Which ones do
 * is for the conditions themselves to decide.
 */
export function* callersWithValues(
  caller: Caller,
  sources: readonly string[],
  request: SampleRequest,
): Iterable<Caller> {
  const { token } = caller;
  if (token === undefined) return;
  const text = sources.join('\n');
  const paths = pathsIn(text);
  const values = valuesIn(text, request);
  let tries = 0;
  for (const value of values) {
    for (const chosen of [paths, ...paths.map((path) => [path])]) {
      tries += 1;
      if (tries > MOST_TRIES) return;
      yield { token: withValue(token, chosen, value) };
    }
  }
  const names = values.filter((value) => typeof value === 'string');
  for (const name of names) {
    tries += 1;
    if (tries > MOST_TRIES) return;
    yield { token: { ...token, scopes: [...token.scopes, name], roles: [...token.roles, name] } };
  }
}

function withValue(token: CallerToken, paths: readonly (readonly string[])[], value: Scalar): CallerToken {
  const keys = new Set(paths.map((path) => JSON.stringify(path)));
  const others = token.claims.filter(({ path }) => !keys.has(JSON.stringify(path)));
  return { ...token, claims: [...others, ...paths.map((path) => ({ path, values: [value] }))] };
}

function pathsIn(text: string): readonly (readonly string[])[] {
  const paths = [...text.matchAll(CLAIM)].map(([, steps = '']) =>
    [...steps.matchAll(STEP)].map(([, name, quoted]) => name ?? quoted ?? ''),
  );
  // The last step may be a function, such as `claims.email.endsWith`.
  const all = paths.flatMap((path) => (path.length > 1 ? [path, path.slice(0, -1)] : [path]));
  return [...new Map(all.map((path) => [JSON.stringify(path), path])).values()];
}

function valuesIn(text: string, { target }: SampleRequest): readonly Scalar[] {
  const numbers = [...text.matchAll(NUMBER)].map(([number]) => Number(number));
  const segments = target
    .split('/')
    .filter((segment) => segment !== '')
    .map(decodeURIComponent);
  return [
    ...new Set<Scalar>([
      ...[...text.matchAll(TEXT)].map(([, double, single]) => double ?? single ?? ''),
      ...segments,
      ...numbers.flatMap((number) => [number, number + 1, number - 1]),
      true,
      false,
    ]),
  ];
}

import { valuesAt } from '../../places.ts';
import type { PathProblem } from '../../problem.ts';
import { error, type Rule, warning } from '../rule.ts';

interface Bounds {
  /** Bytes below which nothing fits. */
  readonly least: number;
  /** Bytes below which little does. */
  readonly usual: number;
  readonly words: string;
}

const SIZES: Readonly<Record<string, Bounds>> = {
  'listen.limits.headerBytes': {
    least: 32,
    usual: 2048,
    words: 'browsers and tokens need more header fields',
  },
  'listen.limits.tokenBytes': { least: 128, usual: 1024, words: 'most signed tokens are longer' },
  'issuers.*.keys.maxBytes': { least: 128, usual: 2048, words: 'most key sets are larger' },
  'tokenCache.maxBytes': { least: 4096, usual: 65_536, words: 'few tokens fit; `off` remembers none' },
  'identity.maxBytes': { least: 32, usual: 256, words: 'the headers of one caller need more' },
  'identity.headers.*.maxBytes': { least: 1, usual: 8, words: 'hardly any value fits' },
  'routes.*.identity.headers.*.maxBytes': { least: 1, usual: 8, words: 'hardly any value fits' },
};

const DEFAULT_TOKEN_BYTES = 16 * 1024;

/** A limit under which nothing fits refuses everybody. */
export const sizesMakeSense: Rule = ({ config }) => {
  const { headerBytes, tokenBytes } = config.listen.limits;
  return [
    ...Object.entries(SIZES).flatMap(([pattern, { least, usual, words }]) =>
      valuesAt(config, pattern).flatMap(({ path, value }): readonly PathProblem[] => {
        if ((value as number) < least) return [error(path, `nothing fits into this: ${words}`)];
        return (value as number) < usual ? [warning(path, `unusually small: ${words}`)] : [];
      }),
    ),
    // The default is no wish.
    ...(tokenBytes > headerBytes && tokenBytes !== DEFAULT_TOKEN_BYTES
      ? [
          warning(['listen', 'limits', 'tokenBytes'], 'a token of this size is over `headerBytes`', {
            hint: 'raise `headerBytes` above it',
          }),
        ]
      : []),
    ...['identity.headers.*.maxBytes', 'routes.*.identity.headers.*.maxBytes'].flatMap((pattern) =>
      valuesAt(config, pattern)
        .filter(({ value }) => (value as number) > config.identity.maxBytes)
        .map(({ path }) =>
          warning(path, 'this is more than all identity headers together may have', {
            hint: 'raise `identity.maxBytes` above it',
          }),
        ),
    ),
  ];
};
